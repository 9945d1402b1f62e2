"""Airflow's own way into another environment."""

import os
from typing import Any

from airflow.providers.standard.operators.python import ExternalPythonOperator
from airflow.sdk import DAG


def call(key: int) -> dict[str, Any]:
    """Set Django up there, and call the function."""
    import django

    django.setup()
    from shop.reading import read

    return read(key)


with DAG("external", schedule=None, max_active_runs=500, is_paused_upon_creation=False) as dag:
    ExternalPythonOperator(
        task_id="read",
        python=f"{os.environ['BENCH_PROJECTS']}/venv/.venv/bin/python",
        python_callable=call,
        op_kwargs={"key": 1},
        expect_airflow=False,
    )
