"""Windsock's operator in a hand-written DAG: the project's Uv environment."""

import os

from airflow.sdk import DAG

from windsock.airflow.operators import DjangoOperator
from windsock.environment import Uv

with DAG("django_uv", schedule=None, max_active_runs=500, is_paused_upon_creation=False) as dag:
    DjangoOperator(
        task_id="read",
        task="shop.reading.read",
        kwargs={"key": 1},
        environment=Uv(f"{os.environ['BENCH_PROJECTS']}/uv"),
        settings="shop.settings",
    )
