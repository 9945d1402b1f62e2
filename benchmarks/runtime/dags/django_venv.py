"""Windsock's operator in a hand-written DAG: the project's Venv environment."""

import os

from airflow.sdk import DAG

from windsock.airflow.operators import DjangoOperator
from windsock.environment import Venv

with DAG("django_venv", schedule=None, max_active_runs=500, is_paused_upon_creation=False) as dag:
    DjangoOperator(
        task_id="read",
        task="shop.reading.read",
        kwargs={"key": 1},
        environment=Venv(f"{os.environ['BENCH_PROJECTS']}/venv/.venv"),
        settings="shop.settings",
    )
