"""DAGs as people write them."""

from datetime import timedelta

from airflow.sdk import DAG

from windsock.airflow.operators import DjangoSensor, DjangoTaskOperator

ONCE = {"retries": 1, "retry_delay": timedelta(seconds=1)}

with DAG("night", schedule=None, is_paused_upon_creation=False):
    arrived = DjangoSensor(
        task_id="arrived", model="users.User", filter={"username": "stock"}, poke_interval=1
    )
    known = DjangoSensor(
        task_id="known", check="warehouse.checks.is_known", kwargs={"name": "{{ 'stock' }}"}, poke_interval=1
    )
    report = DjangoTaskOperator(task_id="report", task="warehouse.tasks.report", kwargs={"lock": 71})
    arrived >> known >> report

with DAG("held", schedule=None, is_paused_upon_creation=False):
    DjangoTaskOperator(task_id="report", task="warehouse.tasks.report", kwargs={"lock": 72}, **ONCE)

with DAG("limited", schedule=None, is_paused_upon_creation=False):
    DjangoTaskOperator(
        task_id="report", task="warehouse.tasks.last_long", execution_timeout=timedelta(seconds=5)
    )

with DAG("refused", schedule=None, is_paused_upon_creation=False):
    # Without a template: under load, Airflow 3.3.2 may take the exit of the worker that defers for that of
    # the one that resumes, and try again what must not be.
    DjangoTaskOperator(task_id="report", task="warehouse.tasks.refuse", args=["refused"], **ONCE)
