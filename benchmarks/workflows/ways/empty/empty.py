"""The floor of the stock way: one DAG with one empty Python task."""

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

with DAG("empty", schedule=None) as dag:
    PythonOperator(task_id="draw", python_callable=print)
