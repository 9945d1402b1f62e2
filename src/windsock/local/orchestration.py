"""Airflow's four components: their configuration, their database and their environment variables.

The figures are measured: see docs/decisions/0002-own-supervisor.md.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from windsock.local import environments, ports
from windsock.local.addresses import Addresses
from windsock.local.process import Command, run
from windsock.local.project import OVERLAY_MODULE, Project
from windsock.local.state import State
from windsock.local.surroundings import AIRFLOW_USER

QUEUE = "windsock"
_MIGRATED = "airflow-migrated"
_CONNECTION = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_DJANGO = "AIRFLOW_CONN_DJANGO_DEFAULT"
_REPLACEABLE = ("AIRFLOW__", "AIRFLOW_CONN_")


def variables(
    project: Project, state: State, addresses: Addresses, environ: Mapping[str, str]
) -> dict[str, str]:
    """Airflow's own variables. What the caller sets of them replaces ours, one by one."""
    settings = _fixed() | _addresses(addresses) | _secret(state) | _windsock(project, state, addresses)
    own = {f"AIRFLOW__{name}": value for name, value in settings.items()}
    own |= {"AIRFLOW_HOME": str(state.airflow), _DJANGO: _connection(project, state, addresses)}
    return own | {name: value for name, value in environ.items() if name.startswith(_REPLACEABLE)}


def _fixed() -> dict[str, str]:
    return {
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "windsock.airflow.executor.LocalExecutor",
        "CORE__PARALLELISM": "3",
        "CORE__TEST_CONNECTION": "Enabled",
        "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        "CORE__AUTH_MANAGER": "windsock.airflow.auth_manager.SimpleAuthManager",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{AIRFLOW_USER}:admin",
        "API__WORKERS": "1",
        # The relay reads the list of DAGs; each page costs the permissions of all of them.
        "API__MAXIMUM_PAGE_LIMIT": "2000",
        "API__HOST": ports.HOST,
        # A step begins and ends with the api-server's help; a try outlasts about two minutes without it.
        "WORKERS__EXECUTION_API_RETRIES": "50",
        "WORKERS__EXECUTION_API_RETRY_WAIT_MIN": "1",
        "WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "5",
        # One file is parsed while the one before it is stored.
        "DAG_PROCESSOR__PARSING_PROCESSES": "2",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "86400",
        "DAG_PROCESSOR__STALE_DAG_THRESHOLD": "0",
        "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "2",
        "DAG_PROCESSOR__PRINT_STATS_INTERVAL": "600",
        "SCHEDULER__PARSING_CLEANUP_INTERVAL": "5",
        # What a killed triggerer waited for goes to the next one after this time; it beats every 5 s.
        "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
        # Each step waits for the scheduler's next look; a look costs 10 ms of a processor.
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.4",
        "LOGGING__UVICORN_LOGGING_LEVEL": "WARNING",
        # Three lines for each DAG of a file that is parsed.
        "LOGGING__NAMESPACE_LEVELS": (
            "airflow.models.dag=WARNING airflow.serialization.definitions.dag=WARNING "
            "airflow.dag_processing.collection=WARNING"
        ),
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def _addresses(addresses: Addresses) -> dict[str, str]:
    database = addresses.airflow_database
    connections = {
        "DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{database}",
    }
    return (connections if database else {}) | {
        "API__PORT": str(addresses.airflow_port),
        "API__BASE_URL": addresses.airflow_url,
        "CORE__EXECUTION_API_SERVER_URL": f"{addresses.airflow_url}/execution/",
    }


def _secret(state: State) -> dict[str, str]:
    own = state.secrets()
    return {
        "CORE__FERNET_KEY": own["fernet_key"],
        "API__SECRET_KEY": own["api_secret_key"],
        "API_AUTH__JWT_SECRET": own["jwt_secret"],
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(state.airflow / "passwords.json"),
        "WINDSOCK__FEED_KEY": own["feed_key"],
    }


def _connection(project: Project, state: State, addresses: Addresses) -> str:
    """The project as hand-written DAGs name it."""
    extra = {
        "environment": {"python": str(project.python)},
        "settings": OVERLAY_MODULE,
        "directory": str(project.directory),
    }
    own = {"conn_type": "django", "host": addresses.web_url, "password": state.secrets()["feed_key"]}
    return json.dumps(own | {"extra": extra})


def _windsock(project: Project, state: State, addresses: Addresses) -> dict[str, str]:
    bundles: list[dict[str, object]] = [
        {
            "name": "windsock",
            "classpath": "windsock.airflow.bundle.WindsockDagBundle",
            "kwargs": {"refresh_interval": 30},
        }
    ]
    written = project.directory / "dags"
    if written.is_dir():
        bundles.append(
            {
                "name": "dags-folder",
                "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                # A new file is seen at a refresh; Airflow's own interval is five minutes.
                "kwargs": {"refresh_interval": 10},
            }
        )
    coordinator = {
        "classpath": "windsock.airflow.coordinator.DjangoCoordinator",
        "kwargs": {
            "python": str(project.python),
            "directory": str(project.directory),
            "settings": OVERLAY_MODULE,
        },
    }
    return {
        "WINDSOCK__URL": f"{addresses.web_url}/windsock/feed/",
        "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(state.airflow / "bundles"),
        "CORE__DAGS_FOLDER": str(written if written.is_dir() else state.airflow / "dags"),
        "LOGGING__BASE_LOG_FOLDER": str(state.airflow / "logs"),
        "SDK__COORDINATORS": json.dumps({QUEUE: coordinator}),
        "SDK__QUEUE_TO_COORDINATOR": json.dumps({QUEUE: QUEUE}),
    }


def command(project: Project, state: State, environment: Mapping[str, str], *words: str) -> Command:
    """An `airflow` command in Airflow's environment; the scheduler's workers share what it preloads."""
    module = "windsock.airflow.preload" if words[0] == "scheduler" else "airflow"
    python = project.airflow_environment / "bin" / "python"
    path = os.pathsep.join([str(python.parent), environment.get("PATH", os.defpath)])
    return Command(
        argv=(str(python), "-m", module, *words),
        environment={**environment, "PATH": path},
        directory=state.airflow,
    )


def write_passwords(state: State) -> None:
    """Writes the file from which SimpleAuthManager reads its users' passwords."""
    state.write_text(
        "airflow/passwords.json", json.dumps({AIRFLOW_USER: state.secrets()["airflow_password"]})
    )


def migrate(state: State, migration: Command, locked: Path) -> None:
    """Brings Airflow's database to the state of the lock; a migration that does nothing would cost 5.5 s.

    Args:
        state: Where the stamp is kept.
        migration: `airflow db migrate`.
        locked: The lock of Airflow's environment.

    Raises:
        CommandError: The migration failed.
    """
    connection = migration.environment.get(_CONNECTION, "")
    wanted = {"lock": environments.digest(locked), "connection": connection}
    if state.read(_MIGRATED) != wanted:
        run(migration, state.log("airflow-migrate"))
        state.write(_MIGRATED, wanted)
