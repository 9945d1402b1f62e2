"""The Airflow side: bundle, DAG compiler and coordinator."""
