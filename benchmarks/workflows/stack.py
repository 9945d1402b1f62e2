"""Windsock's whole stack in a copy of the example, on a PostgreSQL that the peers use after it."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow_rest import AirflowRest
from client import Client
from processes import Spent, spent
from saving import START
from servers import Servers

from windsock.local import addresses, orchestration, ports, project, status, surroundings
from windsock.local.state import State

ROOT = Path(__file__).parents[2]
WINDSOCK = str(Path(sys.executable).with_name("windsock"))
AIRFLOW_ENVIRONMENT = ROOT / ".venv-airflow"
PARSED = b"Filling up the DagBag from"
UP_PATIENCE = 300  #: seconds
DOWN_PATIENCE = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """A running stack and the ways into it."""

    folder: Path
    firsts: Mapping[str, int]  #: family -> its first process
    airflow: AirflowRest
    client: Client
    airflow_variables: Mapping[str, str]  #: of Airflow's parts
    airflow_home: Path

    def spent(self) -> dict[str, Spent]:
        """Return the processor time of all processes together, PostgreSQL and the broker among them."""
        return spent(self.firsts)

    def parses(self) -> int:
        """Return how often a file was parsed, as the logs of the parsing processes have it."""
        logs = (self.airflow_home / "logs" / "dag_processor").rglob("*.log")
        return sum(log.read_bytes().count(PARSED) for log in logs if log.is_file())


def copy_of_example(folder: Path) -> Path:
    """Copy the example; its own simulators begin as late as all others."""
    copy = folder / "example"
    ignored = shutil.ignore_patterns(".windsock", "__pycache__", ".env")
    shutil.copytree(ROOT / "example", copy, ignore=ignored)
    fixture = copy / "simulator" / "fixtures" / "simulators.json"
    fixture.write_text(fixture.read_text().replace("2026-01-01", START.isoformat()))
    (copy / "pyproject.toml").write_text(
        "[tool.windsock]\n"
        'project = "."\n'
        f'app-environment = "{ROOT / ".venv"}"\n'
        f'airflow-environment = "{AIRFLOW_ENVIRONMENT}"\n'
    )
    return copy


def variables(servers: Servers) -> dict[str, str]:
    """Return the environment in which `windsock up` takes these servers in place of its own."""
    own = ("WINDSOCK", "AIRFLOW", "_AIRFLOW", "DJANGO", "DATABASE", "CELERY", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return kept | {
        "DATABASE_URL": servers.server.url("windsock"),
        "CELERY_BROKER_URL": servers.broker.url,
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        # Beside the usual one, where another stack may begin at the same time.
        "AIRFLOW__API__PORT": str(ports.free(18080)),
        **airflow_database(servers, "airflow"),
    }


def airflow_database(servers: Servers, name: str) -> dict[str, str]:
    """Return Airflow's variables for a database."""
    url = servers.server.url(name).removeprefix("postgresql://")
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{url}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{url}",
    }


@contextlib.contextmanager
def running(
    folder: Path,
    servers: Servers,
    lay: Callable[[Path], Path] = copy_of_example,
    more: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """Run the stack while the block lasts.

    Args:
        folder: an empty one.
        servers: PostgreSQL and the broker.
        lay: makes the project in a folder, and returns where.
        more: variables of the environment.
    """
    for name in ("windsock", "airflow"):
        servers.server.create_database(name)
    environ = variables(servers) | dict(more or {})
    copy = lay(folder)
    client = None
    try:
        _windsock(copy, environ, UP_PATIENCE, "up", "--detach")
        stack = _opened(copy, servers, environ)
        client = stack.client
        yield stack
        stack.airflow.close()
    finally:
        if client is not None:
            client.close()
        _windsock(copy, environ, DOWN_PATIENCE, "down")


def _opened(copy: Path, servers: Servers, environ: Mapping[str, str]) -> Stack:
    found = project.find(copy, environ)
    state = State(found.state)
    chosen, now = addresses.known(state), status.read(state)
    shared = surroundings.shared(found, state, chosen, environ)
    postmaster = int((servers.server.data / "postmaster.pid").read_text().split()[0])
    firsts = {name: part.pid for name, part in now.parts.items() if part.pid is not None}
    firsts |= {"postgres": postmaster, "valkey": servers.broker_pid(), "windsock": now.processes[0].pid}
    return Stack(
        folder=copy,
        firsts=firsts,
        airflow=AirflowRest(
            chosen.airflow_url, surroundings.AIRFLOW_USER, state.secrets()["airflow_password"]
        ),
        client=Client(found.python, shared, found.directory, copy.parent / "saving.log"),
        airflow_variables=shared | orchestration.variables(found, state, chosen, environ),
        airflow_home=state.airflow,
    )


def _windsock(copy: Path, environ: Mapping[str, str], seconds: float, *words: str) -> None:
    done = subprocess.run(
        [WINDSOCK, *words],
        cwd=copy,
        env=environ,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        raise SystemExit(
            f"windsock {words[0]} ended with code {done.returncode}:\n{done.stdout}{done.stderr}"
        )
