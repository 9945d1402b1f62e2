"""The obvious way: one DAG file that sets Django up and makes a DAG of each row."""

from datetime import UTC, datetime, time, timedelta

import django
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

django.setup()

from simulators import steps  # noqa: E402
from simulators.models import Simulator  # noqa: E402

ANSWER = "{{ ti.xcom_pull('ask')['%s'] }}"

for row in Simulator.objects.all():
    with DAG(
        f"simulator_dag_{row.pk}",
        dag_display_name=row.name,
        description=f"Measures KPI {row.kpi_id} of {row.name}.",
        schedule=row.expression,
        start_date=datetime.combine(row.start_date, time(), tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        tags=["simulator"],
        is_paused_upon_creation=False,
    ) as dag:
        draw = PythonOperator(task_id="draw", python_callable=steps.draw_value)
        ask = PythonOperator(
            task_id="ask",
            python_callable=steps.request_kpi,
            op_kwargs={"value": "{{ ti.xcom_pull('draw') }}", "kpi_id": row.kpi_id},
            retries=2,
            retry_delay=timedelta(seconds=5),
            execution_timeout=timedelta(seconds=30),
        )
        keep = PythonOperator(
            task_id="keep",
            python_callable=steps.keep_reading,
            op_kwargs={
                "simulator_id": row.pk,
                "kpi_id": row.kpi_id,
                "value": ANSWER % "value",
                "result": ANSWER % "result",
            },
        )
        draw >> ask >> keep
    globals()[dag.dag_id] = dag
