"""The environment variables of the parts."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import dotenv

from windsock.local.addresses import Addresses
from windsock.local.project import OVERLAY_MODULE, Project
from windsock.local.state import State

AIRFLOW_USER = "admin"
# They would point a part at another environment than its own.
_OTHER_ENVIRONMENT = ("VIRTUAL_ENV", "PYTHONHOME", "__PYVENV_LAUNCHER__")


@dataclass(frozen=True, kw_only=True, slots=True)
class Superuser:
    """Who may log in to the project.

    Attributes:
        username: The name.
        email: The address.
        password: The password.
        generated: Whether the password is ours; otherwise it is the project's own and is not shown.
    """

    username: str
    email: str
    password: str
    generated: bool


def superuser(project: Project, state: State, environ: Mapping[str, str]) -> Superuser:
    """The superuser from the environment or the project's `.env`; what is missing there is made up once."""
    files = (dotenv.dotenv_values(folder / ".env") for folder in (project.directory, project.root))
    found = {name: value for values in files for name, value in values.items() if value} | dict(environ)
    username = found.get("DJANGO_SUPERUSER_USERNAME") or "admin"
    given = found.get("DJANGO_SUPERUSER_PASSWORD")
    password = given or state.read_text("password") or secrets.token_urlsafe(12)
    state.write_text("password", f"{password}\n")
    return Superuser(
        username=username,
        email=found.get("DJANGO_SUPERUSER_EMAIL") or f"{username}@example.com",
        password=password,
        generated=not given,
    )


def shared(
    project: Project, state: State, addresses: Addresses, environ: Mapping[str, str]
) -> dict[str, str]:
    """The variables of every process of the project; Airflow's parts pass them on to the warm process."""
    kept = {
        name: value
        for name, value in environ.items()
        if name not in _OTHER_ENVIRONMENT and not name.startswith(("AIRFLOW", "_AIRFLOW"))
    }
    path = [str(state.folder / "settings"), *filter(None, [environ.get("PYTHONPATH")])]
    token = state.read_text("token")
    own = state.secrets()
    return kept | {
        "DATABASE_URL": addresses.database_url,
        "CELERY_BROKER_URL": addresses.broker_url,
        "DJANGO_SETTINGS_MODULE": OVERLAY_MODULE,
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
        "WINDSOCK_BASE_URL": addresses.web_url,
        "WINDSOCK_AIRFLOW_URL": addresses.airflow_url,
        "WINDSOCK_AIRFLOW_USERNAME": AIRFLOW_USER,
        "WINDSOCK_AIRFLOW_PASSWORD": own["airflow_password"],
        "WINDSOCK_FEED_KEY": own["feed_key"],
        **({"WINDSOCK_API_TOKEN": token} if token else {}),
    }
