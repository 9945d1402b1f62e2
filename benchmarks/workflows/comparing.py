"""The figures of the peers, each on an Airflow of its own."""

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from limits import wait_for
from measuring import TAG, Figures
from peering import BUNDLE, WAYS, Peer, PeerAirflow, Place
from processes import between, total
from servers import Servers

HERE = Path(__file__).parent
EVERY = 0.25  #: seconds between two looks at what takes seconds
RUN_LATE = 120.0
STEP = """\
    draw:
      operator: airflow.providers.standard.operators.python.PythonOperator
      python_callable: simulators.steps.draw_value
    ask:
      operator: airflow.providers.standard.operators.python.PythonOperator
      python_callable: simulators.steps.request_kpi
      op_kwargs:
        value: "{{{{ ti.xcom_pull('draw') }}}}"
        kpi_id: {kpi_id}
      retries: 2
      retry_delay: {{__type__: datetime.timedelta, seconds: 5}}
      execution_timeout: {{__type__: datetime.timedelta, seconds: 30}}
      dependencies: [draw]
    keep:
      operator: airflow.providers.standard.operators.python.PythonOperator
      python_callable: simulators.steps.keep_reading
      op_kwargs:
        simulator_id: {id}
        kpi_id: {kpi_id}
        value: "{{{{ ti.xcom_pull('ask')['value'] }}}}"
        result: "{{{{ ti.xcom_pull('ask')['result'] }}}}"
      dependencies: [ask]
"""
DAG = """\
simulator_dag_{id}:
  dag_display_name: "{name}"
  description: "Measures KPI {kpi_id} of {name}."
  schedule: "{schedule}"
  start_date: {start_date}
  catchup: false
  max_active_runs: 1
  tags: [simulator]
  is_paused_upon_creation: false
  tasks:
"""


def lay(place: Place, peer: Peer) -> None:
    """Lay an almost empty file where the peer's will stand, so that Airflow knows its name."""
    place.dags.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(WAYS / "empty" / "empty.py", place.dags / peer.file)


def from_nothing(stack: PeerAirflow, peer: Peer) -> Figures:
    """Put the peer's file in place and have it parsed at once; until all DAGs are served."""
    if not wait_for(lambda: stack.airflow.details("empty"), 60, every=EVERY):
        raise RuntimeError(f"the dag-processor reads nothing: {stack.airflow.import_errors()}")
    time.sleep(2)
    token = (stack.airflow.details("empty") or {})["file_token"]
    count = rows(stack.place.servers)
    write(stack.place, peer)
    before, began = stack.spent(), time.monotonic()
    shutil.copyfile(WAYS / peer.name / peer.file, stack.place.dags / peer.file)
    stack.airflow.ask_to_parse(token)
    while stack.airflow.count(TAG) < count:
        if errors := stack.airflow.import_errors():
            raise RuntimeError(errors[0])
        time.sleep(max(1.0, count / 2000))  # the question is not cheap
    wall = time.monotonic() - began
    used = between(before, stack.spent())
    families = {name: [each.own, each.children] for name, each in used.items()}
    return {"count": count, "wall": wall, "families": families, "cpu": total(used.values())}


def edits(stack: PeerAirflow, peer: Peer, keys: list[int], found: list[dict[str, float]]) -> None:
    """Change rows; the file is parsed at once on request, which is the best that a user can ask for."""
    for number, key in enumerate(keys):
        dag, name = f"simulator_dag_{key}", f"Mast {key}, {peer.name} {number}"
        token = (stack.airflow.details(dag) or {})["file_token"]
        before, began = stack.spent(), time.monotonic()
        statement = f"UPDATE simulator_simulator SET name = '{name}' WHERE id = {key}"
        stack.place.servers.do("windsock", statement)
        began += write(stack.place, peer)
        stack.airflow.ask_to_parse(token)
        while not stack.airflow.description(dag).endswith(f" {name}."):
            time.sleep(EVERY)
        wall = time.monotonic() - began
        time.sleep(2)
        used = between(before, stack.spent())
        found.append({"wall": wall, "cpu": total(used.values())})


def runs(stack: PeerAirflow, keys: list[int], found: list[float]) -> None:
    """Ask for runs of DAGs that are live."""
    for key in keys:
        dag, run = f"simulator_dag_{key}", f"bench_{time.monotonic_ns()}"
        began = time.monotonic()
        stack.airflow.start_run(dag, run)
        state = wait_for(lambda dag=dag, run=run: stack.airflow.ended(dag, run), RUN_LATE)
        if state != "success":
            raise RuntimeError(f"{dag} is {state or 'unfinished'}; see {stack.place.folder}")
        found.append(time.monotonic() - began)


def task(place: Place, peer: Peer, dag: str, count: int, seconds: float) -> Figures:
    """Measure one task process, and the parse alone."""
    order = {
        "files": [str(place.dags / peer.file)],
        "task": {
            "dag": dag,
            "step": "draw",
            "bundle": BUNDLE,
            "version": "",
            "file": peer.file,
            "queue": "default",
        },
    }
    return ask(place.python, place.variables(f"airflow_{peer.name}"), order, count, seconds)


def ask(
    python: Path, variables: Mapping[str, str], order: dict[str, Any], count: int, seconds: float
) -> Figures:
    """Have `tasks.py` measure in an environment of Airflow."""
    done = subprocess.run(
        [str(python), str(HERE / "tasks.py")],
        input=json.dumps(order | {"count": count, "seconds": seconds}),
        env=dict(variables),
        capture_output=True,
        text=True,
        timeout=4 * seconds + 120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"tasks.py ended with code {done.returncode}: {done.stderr[-1500:]}")
    found: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def rows(servers: Servers) -> int:
    return int(servers.ask("windsock", "SELECT count(*) FROM simulator_simulator")[0][0])


def some_keys(place: Place, count: int) -> list[int]:
    """Return keys of rows, spread over the table."""
    found = place.servers.ask("windsock", "SELECT id FROM simulator_simulator ORDER BY md5(id::text)")
    return [int(key) for (key,) in found[:count]]


def write(place: Place, peer: Peer) -> float:
    """Write what the peer reads beside its DAG file; return how long that took, which is not counted."""
    if peer.name != "factory":
        return 0.0
    began = time.monotonic()
    columns = "id, name, start_date, interval, cron, kpi_id"
    found = place.servers.ask("windsock", f"SELECT {columns} FROM simulator_simulator ORDER BY id")
    text = "".join(_dag(dict(zip(columns.split(", "), row, strict=True))) for row in found)
    file = place.dags / "simulators.yaml"
    file.with_suffix(".new").write_text(text)
    file.with_suffix(".new").replace(file)
    return time.monotonic() - began


def _dag(row: dict[str, Any]) -> str:
    schedule = row["cron"] if row["interval"] == "cron" else f"@{row['interval']}"
    return DAG.format(**row, schedule=schedule) + STEP.format(**row)
