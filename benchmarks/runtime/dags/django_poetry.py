"""Windsock's operator in a hand-written DAG: the project's Poetry environment."""

import os

from airflow.sdk import DAG

from windsock.airflow.operators import DjangoOperator
from windsock.environment import Poetry

with DAG("django_poetry", schedule=None, max_active_runs=500, is_paused_upon_creation=False) as dag:
    DjangoOperator(
        task_id="read",
        task="shop.reading.read",
        kwargs={"key": 1},
        environment=Poetry(f"{os.environ['BENCH_PROJECTS']}/poetry"),
        settings="shop.settings",
    )
