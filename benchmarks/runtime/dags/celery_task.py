"""Windsock's operator for a task on Celery: it waits in the triggerer."""

from airflow.sdk import DAG

from windsock.airflow.operators import DjangoTaskOperator

with DAG("celery_task", schedule=None, max_active_runs=500, is_paused_upon_creation=False) as dag:
    DjangoTaskOperator(task_id="read", task="shop.tasks.read", kwargs={"key": 1})
