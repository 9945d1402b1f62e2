"""The floor of the stock way: one DAG with one empty Python task."""

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

with DAG("empty", schedule=None, max_active_runs=500, is_paused_upon_creation=False) as dag:
    PythonOperator(task_id="read", python_callable=print)
