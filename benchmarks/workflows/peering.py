"""The peers: an Airflow of their own, with the very settings of Windsock's, on the same PostgreSQL."""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psutil
from airflow_rest import AirflowRest
from limits import wait_for
from processes import Spent, spent
from servers import Servers
from stack import airflow_database

from windsock.local import ports
from windsock.local.process import Command, run, spawn

HERE = Path(__file__).parent
WAYS = HERE / "ways"
BUNDLE = "peer"
TEMPLATE = "airflow_template"
PATIENCE = 90.0  #: seconds until Airflow answers
GRACE = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """One way: its DAG file stands in a folder of its own."""

    name: str
    file: str  #: of the DAGs, in the folder

    @property
    def title(self) -> str:
        return {"obvious": "obvious way", "factory": "dag-factory"}[self.name]


AUTH_MANAGER = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
PEERS = (Peer(name="obvious", file="obvious.py"), Peer(name="factory", file="factory.py"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a peer's Airflow stands."""

    python: Path
    folder: Path
    servers: Servers
    inherited: Mapping[str, str]  #: Airflow's variables in Windsock's stack

    @property
    def dags(self) -> Path:
        return self.folder / "dags"

    def below(self, name: str) -> "Place":
        """Return the place of one peer."""
        return replace(self, folder=self.folder / name)

    def variables(self, database: str, port: int = 0) -> dict[str, str]:
        """Return what Windsock's Airflow had, with another bundle, home, database and address."""
        own = ("AIRFLOW__SDK__", "AIRFLOW__WINDSOCK__", "WINDSOCK")
        kept = {name: value for name, value in self.inherited.items() if not name.startswith(own)}
        bundle = {
            "name": BUNDLE,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(self.dags), "refresh_interval": 30},
        }
        url = f"http://{ports.HOST}:{port}"
        return (
            kept
            | airflow_database(self.servers, database)
            | {
                "PATH": f"{self.python.parent}:{kept.get('PATH', '')}",
                "PYTHONPATH": str(WAYS / "plain"),
                "DJANGO_SETTINGS_MODULE": "plain_settings",
                "BENCH_POSTGRES": str(self.servers.server.socket_folder),
                "AIRFLOW_HOME": str(self.folder),
                "AIRFLOW__CORE__AUTH_MANAGER": AUTH_MANAGER,
                "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
                "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.folder / "logs"),
                "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
                "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(self.folder / "bundles"),
                "AIRFLOW__API__PORT": str(port),
                "AIRFLOW__API__BASE_URL": url,
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
                # dag-factory would tell its makers about each use.
                "AIRFLOW__DAG_FACTORY__ENABLE_TELEMETRY": "False",
                "DO_NOT_TRACK": "True",
            }
        )

    def command(self, variables: Mapping[str, str], *words: str) -> Command:
        argv = (str(self.python), "-m", "airflow", *words)
        return Command(argv=argv, environment=variables, directory=self.folder)


def migrate(place: Place) -> None:
    """Make the empty database of which every peer gets a copy."""
    place.servers.server.create_database(TEMPLATE)
    place.dags.mkdir(parents=True, exist_ok=True)
    run(place.command(place.variables(TEMPLATE), "db", "migrate"), place.folder / "migrate.log")


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerAirflow:
    """A running Airflow without its dag-processor, which ``parsing`` starts."""

    place: Place
    variables: Mapping[str, str]
    airflow: AirflowRest
    firsts: dict[str, int]

    def spent(self) -> dict[str, Spent]:
        """Return the processor time of the dag-processor, the scheduler and PostgreSQL.

        The API server is left out: it does nothing here but answer the questions of the benchmark.
        """
        return spent(self.firsts)

    @contextlib.contextmanager
    def parsing(self) -> Iterator[None]:
        """Run the dag-processor while the block lasts."""
        with part(self.place, self.variables, "dag-processor") as process:
            self.firsts["airflow-dag-processor"] = process.pid
            yield


@contextlib.contextmanager
def running(place: Place, peer: Peer) -> Iterator[PeerAirflow]:
    """Run a peer's API server and scheduler while the block lasts."""
    database = f"airflow_{peer.name}"
    place.servers.do("postgres", f"CREATE DATABASE {database} TEMPLATE {TEMPLATE}")
    place.dags.mkdir(parents=True, exist_ok=True)
    port = ports.free(8180)
    variables = place.variables(database, port)
    with (
        part(place, variables, "api-server"),
        part(place, variables, "scheduler", "--skip-serve-logs") as scheduler,
    ):
        url = f"http://{ports.HOST}:{port}"
        if not wait_for(lambda: answers(url), PATIENCE, every=0.2):
            raise RuntimeError(f"Airflow does not answer; see {place.folder}")
        passwords = json.loads(Path(variables[_PASSWORDS]).read_text())
        [(user, password)] = passwords.items()
        postmaster = int((place.servers.server.data / "postmaster.pid").read_text().split()[0])
        firsts = {"postgres": postmaster, "airflow-scheduler": scheduler.pid}
        airflow = AirflowRest(url, user, password)
        yield PeerAirflow(place=place, variables=variables, airflow=airflow, firsts=firsts)
        airflow.close()


_PASSWORDS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"


def answers(url: str) -> bool:
    """Whether API server and scheduler are well."""
    try:
        health: dict[str, Any] = httpx.get(f"{url}/api/v2/monitor/health", timeout=5, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    return all(health[name]["status"] == "healthy" for name in ("metadatabase", "scheduler"))


@contextlib.contextmanager
def part(place: Place, variables: Mapping[str, str], *words: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Run one of Airflow's components while the block lasts."""
    with (place.folder / f"{words[0]}.log").open("ab") as log:
        process = spawn(place.command(variables, *words), log)
    try:
        yield process
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a part with all that it has started."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
