"""The obvious way: one DAG file that sets Django up and makes a DAG of each row."""

from datetime import UTC, datetime
from pathlib import Path

import django
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

django.setup()

from shop.models import Report  # noqa: E402
from shop.reading import read  # noqa: E402

COUNT = int(Path(__file__).stem.partition("_")[2])

for row in Report.objects.all()[:COUNT]:
    with DAG(
        f"report_{row.pk}_of_{COUNT}",
        dag_display_name=row.title,
        schedule="@daily",
        start_date=datetime(2099, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=500,
        tags=["report"],
        is_paused_upon_creation=False,
    ) as dag:
        PythonOperator(task_id="read", python_callable=read, op_kwargs={"key": row.pk})
    globals()[dag.dag_id] = dag
