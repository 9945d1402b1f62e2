"""The two Airflows: Windsock's whole stack, and a stock one beside Django; same PostgreSQL, same settings."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import peering
import projects
import psutil
import stack as windsock
from client import Client
from limits import wait_for
from peering import Place
from processes import Spent, spent
from projects import Projects
from servers import Servers
from stack import AIRFLOW_ENVIRONMENT, ROOT, Stack

HERE = Path(__file__).parent
DAGS = HERE / "dags"
BUNDLE = peering.BUNDLE
REFRESH = 5  #: seconds between two looks for new DAG files
#: Seconds between two looks of either scheduler.
PAUSE = "0.1"
STOCK = "airflow_stock"


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A running Airflow, and how runs are begun in it."""

    python: Path
    variables: Mapping[str, str]  #: of Airflow's parts
    database: str  #: Airflow's
    dags: Path  #: the folder of hand-written DAG files
    firsts: Mapping[str, int]  #: family -> its first process
    servers: Servers
    starter: Client

    def spent(self) -> dict[str, Spent]:
        """Return the processor time of all processes, PostgreSQL apart in its own family."""
        return spent(self._firsts())

    def held(self) -> dict[str, float]:
        """Return the memory of the families in MB, shared pages divided among those that share them."""
        firsts = self._firsts()
        others = set(firsts.values())
        return {
            name: sum(_pss(pid) for pid in _family(first, others - {first})) / 1e6
            for name, first in firsts.items()
            if name != "postgres"
        }

    def warm(self) -> list[int]:
        """Return the warm processes that run."""
        locks = Path(self.variables["AIRFLOW_HOME"], "windsock").glob("*.lock")
        owners = [int(text) for lock in locks if (text := lock.read_text().strip())]
        return [pid for pid in owners if psutil.pid_exists(pid)]

    def lay(self, *names: str) -> None:
        """Put DAG files into the folder; ``obvious_1000.py`` is ``obvious.py``, which reads its own name."""
        for name in names:
            source = DAGS / name
            shutil.copyfile(source if source.exists() else DAGS / "obvious.py", self.dags / name)

    def _firsts(self) -> dict[str, int]:
        return {**self.firsts, **{f"warm process {pid}": pid for pid in self.warm()}}


@contextlib.contextmanager
def ours(folder: Path, servers: Servers, copies: Projects) -> Iterator[tuple[Site, Stack, Client]]:
    """Run Windsock's stack while the block lasts; the client adds rows and publishes them."""
    dags = folder / "dags"
    dags.mkdir()
    bundles = [
        {
            "name": "windsock",
            "classpath": "windsock.airflow.bundle.WindsockDagBundle",
            "kwargs": {"refresh_interval": 30},
        },
        _bundle(dags),
    ]
    more = copies.variables() | {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": PAUSE,
    }

    def lay(place: Path) -> Path:
        return projects.copy_for_windsock(place, ROOT / ".venv", AIRFLOW_ENVIRONMENT)

    with windsock.running(folder, servers, lay, more) as stack:
        python = AIRFLOW_ENVIRONMENT / "bin" / "python"
        client = stack.client
        rows = Client(
            client.python, client.environment, client.directory, folder / "rows.log", HERE / "rows.py"
        )
        starter = _starter(python, stack.airflow_variables, folder)
        site = Site(
            python=python,
            variables=stack.airflow_variables,
            database="airflow",
            dags=dags,
            firsts=stack.firsts,
            servers=servers,
            starter=starter,
        )
        try:
            yield site, stack, rows
        finally:
            starter.close()
            rows.close()


class StockPlace(Place):
    """Where the stock Airflow stands: it sees the project's own modules."""

    __slots__ = ()

    def variables(self, database: str, port: int = 0) -> dict[str, str]:
        """Return what Windsock's Airflow had, with the stock one's places, and Django's settings."""
        found = Place.variables(self, database, port)
        copies = Projects(Path(self.inherited["BENCH_PROJECTS"])).variables()
        path = os.pathsep.join([str(self.python.parent), copies.pop("PATH")])
        return (
            found
            | copies
            | {
                "PATH": path,
                "DJANGO_SETTINGS_MODULE": "shop.settings",
                "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([_bundle(self.dags)]),
            }
        )


@contextlib.contextmanager
def stock(place: Place) -> Iterator[Site]:
    """Run a stock Airflow while the block lasts: all of its components but the triggerer."""
    place.servers.do("postgres", f"CREATE DATABASE {STOCK} TEMPLATE {peering.TEMPLATE}")
    place.dags.mkdir(parents=True, exist_ok=True)
    port = peering.ports.free(8180)
    variables = place.variables(STOCK, port)
    with (
        peering.part(place, variables, "api-server") as api,
        peering.part(place, variables, "scheduler", "--skip-serve-logs") as scheduler,
        peering.part(place, variables, "dag-processor") as processor,
    ):
        url = f"http://{peering.ports.HOST}:{port}"
        if not wait_for(lambda: peering.answers(url), peering.PATIENCE, every=0.2):
            raise RuntimeError(f"Airflow does not answer; see {place.folder}")
        postmaster = int((place.servers.server.data / "postmaster.pid").read_text().split()[0])
        starter = _starter(place.python, variables, place.folder)
        yield Site(
            python=place.python,
            variables=variables,
            database=STOCK,
            dags=place.dags,
            firsts={
                "postgres": postmaster,
                "airflow-api": api.pid,
                "airflow-scheduler": scheduler.pid,
                "airflow-dag-processor": processor.pid,
            },
            servers=place.servers,
            starter=starter,
        )
        starter.close()


def _bundle(dags: Path) -> dict[str, object]:
    return {
        "name": BUNDLE,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(dags), "refresh_interval": REFRESH},
    }


def _starter(python: Path, variables: Mapping[str, str], folder: Path) -> Client:
    return Client(python, variables, folder, folder / "starting.log", HERE / "starting.py")


def _family(first: int, others: set[int]) -> list[int]:
    try:
        todo = [psutil.Process(first)]
    except psutil.NoSuchProcess:
        return []
    found = []
    while todo:
        process = todo.pop()
        found.append(process.pid)
        with contextlib.suppress(psutil.NoSuchProcess):
            todo += [child for child in process.children() if child.pid not in others]
    return found


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended meanwhile
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
