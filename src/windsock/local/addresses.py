"""Where everything of one run answers: embedded parts, or what the caller's environment names instead."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from windsock.local import accounts, places, ports, postgres
from windsock.local.broker import Broker
from windsock.local.errors import NotRunning
from windsock.local.state import State

FILE = "addresses.json"
WEB_PORT = 8000
AIRFLOW_PORT = 8080
_AIRFLOW_CONNECTION = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """All addresses of one run. A database that is not embedded may carry a password, so the file is private.

    Attributes:
        database_url: The project's database.
        broker_url: Celery's broker.
        web_port: The web server's port on the loopback address.
        airflow_port: The same of Airflow's API server.
        airflow_database: The host part of Airflow's database URL; empty when the caller names a database.
        database_folder: The embedded cluster's data.
        socket_folder: The embedded parts' sockets.
        embedded_postgres: Whether a cluster runs here.
        embedded_project_database: Whether the project's database is in it.
        embedded_broker: Whether Valkey runs here.
    """

    database_url: str
    broker_url: str
    web_port: int
    airflow_port: int
    airflow_database: str
    database_folder: str
    socket_folder: str
    embedded_postgres: bool
    embedded_project_database: bool
    embedded_broker: bool

    @property
    def web_url(self) -> str:
        """The project's own address."""
        return f"http://{ports.HOST}:{self.web_port}"

    @property
    def airflow_url(self) -> str:
        """Airflow's address."""
        return f"http://{ports.HOST}:{self.airflow_port}"

    def cluster(self) -> postgres.Server:
        """The embedded PostgreSQL."""
        return postgres.server(Path(self.database_folder), Path(self.socket_folder))

    def broker(self, state: State) -> Broker:
        """The embedded Valkey."""
        return _broker(state, Path(self.socket_folder))


def _broker(state: State, sockets: Path) -> Broker:
    return Broker(data=state.folder / "valkey", socket_file=sockets / "valkey" / "valkey.sock")


def choose(state: State, environ: Mapping[str, str]) -> Addresses:
    """Chooses ports and folders for a run, and keeps them for the other commands.

    Raises:
        NoFreePort: No port is free.
        ForeignFolder: A folder that would be used belongs to somebody else.
    """
    account = accounts.unprivileged()
    earlier = state.read(FILE).get("socket_folder")
    sockets = places.socket_folder(state.run, account, Path(earlier) if earlier else None)
    data = places.database_folder(state.folder / "postgres", account)
    database, broker = environ.get("DATABASE_URL"), environ.get("CELERY_BROKER_URL")
    airflow_embedded = _AIRFLOW_CONNECTION not in environ
    socket = str(sockets / "postgres")
    web = ports.free(WEB_PORT)
    airflow = environ.get("AIRFLOW__API__PORT")
    chosen = Addresses(
        database_url=database or f"postgresql://postgres@/windsock?host={socket}",
        broker_url=broker or _broker(state, sockets).url,
        web_port=web,
        airflow_port=int(airflow) if airflow else ports.free(AIRFLOW_PORT, frozenset({web})),
        airflow_database=f"postgres@/airflow?host={socket}" if airflow_embedded else "",
        database_folder=str(data),
        socket_folder=str(sockets),
        embedded_postgres=airflow_embedded or not database,
        embedded_project_database=not database,
        embedded_broker=not broker,
    )
    state.write(FILE, asdict(chosen))
    return chosen


def release(state: State) -> None:
    """Removes the sockets' folder if it had to be outside the state folder; a later run makes another one."""
    if kept := state.read(FILE).get("socket_folder"):
        places.remove_sockets(Path(kept))


def known(state: State) -> Addresses:
    """The addresses of the present or latest run.

    Raises:
        NotRunning: There never was one.
    """
    kept = state.read(FILE)
    if not kept:
        raise NotRunning
    return Addresses(**kept)
