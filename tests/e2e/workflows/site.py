"""The running stack as the rules see it: the project, what Airflow serves, what both databases hold."""

import hashlib
import itertools
import json
import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from signal import SIGTERM
from typing import Any, LiteralString
from uuid import uuid4

import psutil
import psycopg
from tests.e2e.faults.servers import Postgres
from tests.e2e.stack.running import Stack, windsock

from windsock.call import Call
from windsock.transport import Warm
from windsock.warm import WarmProcess
from windsock.warm.place import owner, private_folder, socket_path
from windsock.wire import to_json
from windsock.workflow import Step, Workflow

HERE = Path(__file__).parent
PROJECTS = (HERE / "project", HERE.parent / "runtime" / "project")
UNFINISHED = ("PENDING", "PROCESSING")
Row = tuple[Any, ...]


def variables() -> dict[str, str]:
    """Return what a stack is started with, so that it has the rules' application."""
    return {
        "DJANGO_SETTINGS_MODULE": "rules_settings",
        "PYTHONPATH": os.pathsep.join(map(str, PROJECTS)),
        "WINDSOCK_THROTTLE_RATE": "",
    }


def watched(folder: Path) -> dict[str, str]:
    """Return the same, so that Airflow's processes can be looked into; they write into ``folder``."""
    folder.mkdir()
    path = os.pathsep.join(map(str, (*PROJECTS, HERE / "watch")))
    return variables() | {"PYTHONPATH": path, "WINDSOCK_WATCH": str(folder)}


def waited(condition: Callable[[], Any], *, seconds: float = 30, say: Callable[[], str] = str) -> Any:
    """Return what ``condition`` comes to once it is true; a look costs Airflow and both databases a bit."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, say() or "it did not come true in time"
        time.sleep(0.1)
    return result


def note(name: str, *after: str, word: str = "", **fields: Any) -> Step:
    """A step that leaves a trace and returns ``word``."""
    return Step(name=name, task="rules.tasks.note", kwargs={"word": word}, after=after, **fields)


def hold(name: str, lock: int, **fields: Any) -> Step:
    """A step that stays in its middle until the test gives the lock back."""
    return Step(name=name, task="rules.tasks.hold", kwargs={"lock": lock}, **fields)


def shard(workflow: str) -> str:
    return hashlib.sha256(workflow.encode()).hexdigest()[:2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run that was asked for."""

    id: str
    workflow: str
    run_id: str


@dataclass(slots=True)
class Held:
    """A lock for which a step or a transaction of the project waits."""

    number: int
    connection: "psycopg.Connection[Row]"

    def release(self) -> None:
        self.connection.close()


@dataclass(kw_only=True, slots=True)
class Site:
    """A running stack."""

    stack: Stack
    project: Warm  #: runs the functions of ``rules.deeds``
    databases: Mapping[str, str]  #: addresses of the project's and Airflow's
    postgres: Postgres | None = None  #: the server that holds the project's database alone
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def django(self, statement: LiteralString, *values: Any) -> list[Row]:
        """Run one statement in the project's database; return its rows."""
        return self._sql("django", statement, values)

    def airflow(self, statement: LiteralString, *values: Any) -> list[Row]:
        """Run one statement in Airflow's database; return its rows."""
        return self._sql("airflow", statement, values)

    def _sql(self, name: str, statement: LiteralString, values: tuple[Any, ...]) -> list[Row]:
        with psycopg.connect(self.databases[name], autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def call(self, deed: str, **kwargs: Any) -> Any:
        """Have the project do something; return what its function returned."""
        call = Call(function=f"rules.deeds.{deed}", kwargs=kwargs)
        outcome = self.project.send(call, timeout=timedelta(minutes=3))
        assert outcome.succeeded, outcome.failure and outcome.failure.traceback
        return outcome.value

    def save(self, *workflows: Workflow) -> None:
        """Save rows, each in a transaction of its own."""
        self.call("save", documents=[to_json(workflow) for workflow in workflows])

    def name(self, about: str, *, beside: str = "") -> str:
        """Return an id that is free, in the same shard as another one if that is wanted."""
        while True:
            name = f"{about}_{uuid4().hex[:8]}"
            if not beside or shard(name) == shard(beside):
                return name

    @contextmanager
    def held(self) -> Iterator[Held]:
        """Hold a lock that a step or a transaction waits for, until it is released or the block ends."""
        number = next(self._numbers)
        with psycopg.connect(self.databases["django"], autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (number,))
            yield Held(number, connection)

    def is_waited_for(self, held: Held) -> bool:
        """Whether somebody stands before the lock."""
        return bool(
            self.django(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND objsubid = 1 "
                "AND NOT granted",
                held.number,
            )
        )

    def details(self, workflow: str) -> dict[str, Any]:
        """Return what Airflow's REST serves; empty when it has no such DAG."""
        answer = self.stack.airflow.get(f"/api/v2/dags/{workflow}/details")
        found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        return found

    def digest(self, workflow: str) -> str:
        """Return the digest of the definition that Airflow serves; empty when it schedules none."""
        details = self.details(workflow)
        mark = re.search(r"digest (\w+)\s*\Z", details.get("doc_md") or "")
        return mark[1] if mark and not details["is_stale"] else ""

    def newest(self, *workflows: str) -> dict[str, str]:
        """Return the digests of the versions that were saved last."""
        rows = self.django(
            "SELECT DISTINCT ON (workflow_id) workflow_id, digest FROM windsock_workflowversion "
            "WHERE workflow_id = ANY(%s) ORDER BY workflow_id, id DESC",
            list(workflows),
        )
        assert len(rows) == len(workflows)
        return dict(rows)

    def until_live(self, *workflows: str, seconds: float = 30) -> None:
        """Wait until Airflow serves each at the digest that was saved last."""
        waiting = self.newest(*workflows)

        def none_is_missing() -> bool:
            for workflow, digest in list(waiting.items()):
                if self.digest(workflow) != digest:
                    return False
                del waiting[workflow]
            return True

        waited(none_is_missing, seconds=seconds, say=lambda: f"not live: {waiting}")

    def until_known(self, *workflows: str, seconds: float = 30) -> None:
        """Wait until the project knows too that they are live."""
        waited(
            lambda: not self.unsettled(*workflows),
            seconds=seconds,
            say=lambda: f"{self.unsettled(*workflows)} of {len(workflows)} are not known to be live",
        )

    def unsettled(self, *workflows: str) -> int:
        """Return how many versions the project still waits for."""
        where = "SELECT count(*) FROM windsock_workflowversion WHERE workflow_id = ANY(%s) AND NOT is_settled"
        return int(self.django(where, list(workflows))[0][0])

    def publish(self, *workflows: Workflow) -> None:
        """Save and wait until all know that they are live."""
        self.save(*workflows)
        ids = [workflow.id for workflow in workflows]
        self.until_live(*ids)
        self.until_known(*ids)

    def start(self, workflow: str, **params: Any) -> Run:
        """Ask for a run over the project's REST."""
        answer = self.stack.api.post(f"/api/workflows/{workflow}/run/", json={"params": params})
        assert answer.status_code == 202, answer.text
        return Run(id=answer.json()["id"], workflow=workflow, run_id=answer.json()["run_id"])

    def trigger(self, workflow: str, run_id: str = "") -> Run:
        """Begin a run in Airflow, as a person does there."""
        run_id = run_id or f"manual__{self.name(workflow)}"
        body = {"dag_run_id": run_id, "logical_date": None}
        answer = self.stack.airflow.post(f"/api/v2/dags/{workflow}/dagRuns", json=body)
        assert answer.status_code == 200, answer.text
        return Run(id="", workflow=workflow, run_id=run_id)

    def until_begun(self, run: Run, step: str, seconds: float = 30) -> int:
        """Wait until a step has left its trace; return the id of its process."""
        where = "SELECT pid FROM rules_trace WHERE run_id = %s AND step = %s ORDER BY id DESC"
        found = waited(
            lambda: self.django(where, run.run_id, step), seconds=seconds, say=lambda: self.say(run)
        )
        return int(found[0][0])

    def until_ended(self, run: Run, seconds: float = 60, generation: int = 0) -> str:
        """Wait until the project knows how a run ended; return its status."""

        def status() -> str:
            found = self.django(
                "SELECT status FROM windsock_workflowrun WHERE run_id = %s AND workflow_id = %s "
                "AND generation >= %s AND status <> ALL(%s)",
                run.run_id,
                run.workflow,
                generation,
                list(UNFINISHED),
            )
            return str(found[0][0]) if found else ""

        return str(waited(status, seconds=seconds, say=lambda: self.say(run)))

    def records(self, run: Run) -> list[Row]:
        """Return step, generation, status, attempt of the project's records of a run's steps, in order."""
        return self.django(
            "SELECT s.step, s.generation, s.status, s.attempt FROM windsock_taskrun s "
            "JOIN windsock_workflowrun r ON r.id = s.workflow_run_id "
            "WHERE r.run_id = %s AND r.workflow_id = %s ORDER BY s.step, s.generation",
            run.run_id,
            run.workflow,
        )

    def instances(self, run: Run) -> dict[str, str]:
        """Return the states of a run's task instances in Airflow."""
        where = "SELECT task_id, state FROM task_instance WHERE run_id = %s AND dag_id = %s"
        return dict(self.airflow(where, run.run_id, run.workflow))

    def dag_run(self, run: Run) -> Row | None:
        """Return state and bundle version of a run in Airflow."""
        where = "SELECT state, bundle_version FROM dag_run WHERE run_id = %s AND dag_id = %s"
        found = self.airflow(where, run.run_id, run.workflow)
        return found[0] if found else None

    def say(self, run: Run) -> str:
        """Return what both sides know of a run."""
        here = "SELECT status, generation, message FROM windsock_workflowrun WHERE run_id = %s"
        return (
            f"{run}: project {self.django(here, run.run_id)} {self.records(run)}; "
            f"Airflow {self.dag_run(run)} {self.instances(run)}"
        )

    def part(self, name: str) -> psutil.Process:
        """Return the present process of a part."""
        return psutil.Process(self.status()["parts"][name]["pid"])

    def status(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(windsock(self.stack.folder, "status", "--json"))
        return said

    def notes(self, kind: str) -> dict[int, list[dict[str, Any]]]:
        """Return what Airflow's processes noted, by process."""
        found: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for file in Path(self.stack.variables["WINDSOCK_WATCH"]).glob(f"{kind}-*.jsonl"):
            lines = file.read_text().splitlines()
            found[int(file.stem.rpartition("-")[2])] += [json.loads(line) for line in lines]
        return found

    @property
    def shards(self) -> Path:
        """The folder of the shards that the dag-processor parses."""
        (folder,) = (self.stack.folder / ".windsock/airflow/bundles").glob("**/live/shards")
        return folder


@contextmanager
def opened(stack: Stack, postgres: Postgres | None = None) -> Iterator[Site]:
    """Return the ways into a running stack, with a process of the project that does what tests ask for."""
    environment = psutil.Process(stack.status["parts"]["relay"]["pid"]).environ()
    airflows = psutil.Process(stack.status["parts"]["airflow-scheduler"]["pid"]).environ()
    path = socket_path(private_folder(stack.folder / ".driver"), str(stack.folder))
    process = WarmProcess(
        python=Path(sys.executable),
        path=path,
        setup="windsock.django.steps:setup",
        directory=stack.folder,
        environment=environment,
        log=path.with_suffix(".log"),
    )
    databases = {
        "django": environment["DATABASE_URL"],
        "airflow": airflows["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", ""),
    }
    try:
        yield Site(stack=stack, project=Warm(process=process), databases=databases, postgres=postgres)
    finally:
        if driver := owner(path):
            with suppress(ProcessLookupError):
                os.kill(driver, SIGTERM)
