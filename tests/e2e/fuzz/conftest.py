"""The example with PostgreSQL, Valkey, a web process and, where it is wanted, a worker; no Airflow."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.e2e.example.conftest import EXAMPLE, process, run, waited

from windsock.local import broker, postgres

SEED = Path(__file__).parents[1] / "example" / "seed.py"
#: Prints the tokens of one who may do everything and of one who may do nothing, and the ids of others.
CALLERS = """
import django, json; django.setup()
from django.contrib.auth import get_user_model
from windsock.django.actions import tokens
users = get_user_model().objects
others = [str(users.create_user(f"user{i}", f"user{i}@example.org").pk) for i in range(20)]
made = users.create_superuser("every", "every@example.org"), users.create_user("none", "none@example.org")
print(json.dumps({"tokens": {user.username: tokens.issue(user) for user in made}, "users": others}))
"""
#: Comes first in the list.
EDITED = {
    "id": "a_report",
    "steps": [{"name": "draw", "task": "simulator.tasks.draw_value"}],
    "schedule": {"cron": ["@daily"], "start": "2026-01-01T00:00:00Z"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Api:
    """The REST API of the running example."""

    url: str
    log: Path  #: of the web process
    environment: dict[str, str]
    tokens: dict[str, str]  #: by caller: "every" or "none"
    ids: dict[str, list[str]]  #: what there is, by the part of the path behind /api/
    revisions: list[str]  #: of the first of these workflows

    def session(self, caller: str = "") -> requests.Session:
        """Return a session in which ``caller`` is signed in, or nobody."""
        session = requests.Session()
        session.trust_env = False
        if caller:
            session.headers["Authorization"] = f"Bearer {self.tokens[caller]}"
        return session

    def get(self, path: str, caller: str = "every") -> Any:
        """Return the JSON under a path."""
        with self.session(caller) as session:
            answer = session.get(self.url + path, timeout=30)
            answer.raise_for_status()
            return answer.json()

    def now(self) -> str:
        """Return this moment, for a query; the samples and what came before are older."""
        return datetime.now(UTC).isoformat().replace("+", "%2B")


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("fuzz")
    with postgres.temporary(folder) as server, broker.temporary(folder) as valkey:
        server.create_database("example")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": server.url("example"),
            "CELERY_BROKER_URL": valkey.url,
            "PYTHONPATH": str(EXAMPLE),
            "WINDSOCK_THROTTLE_RATE": "",
        }
        run(["-m", "django", "migrate", "-v0"], environment)
        run([str(SEED)], environment)
        callers = json.loads(run(["-c", CALLERS], environment))
        log = folder / "web.log"
        web = ["-m", "uvicorn", "windsock.django.asgi:application", "--port", "0", "--lifespan", "off"]
        with process(log, [*web, "--timeout-graceful-shutdown", "3"], environment):
            found = waited(
                lambda: re.search(r"running on (http://127\.0\.0\.1:\d+)", log.read_text()), say=log.read_text
            )
            ids = {"users": callers["users"]}
            started = Api(
                url=found[1],
                log=log,
                environment=environment,
                tokens=callers["tokens"],
                ids=ids,
                revisions=[],
            )
            with started.session("every") as session:
                session.post(f"{started.url}/api/workflows/", json=EDITED).raise_for_status()
            for name in ("tasks", "workflows", "runs"):
                ids[name] = [row["id"] for row in started.get(f"/api/{name}/")["results"]]
            versions = started.get(f"/api/workflows/{ids['workflows'][0]}/versions/")["results"]
            started.revisions.extend(str(row["revision"]) for row in versions)
            yield started


@pytest.fixture(scope="session")
def worker(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("worker")
    ready, log = folder / "ready", folder / "log"
    arguments = ["-m", "celery", "-A", "windsock.django.celery:app", "worker", "-c", "2"]
    environment = api.environment | {"WINDSOCK_READY_FILE": str(ready)}
    with process(log, [*arguments, "--without-gossip", "--without-mingle"], environment):
        waited(ready.exists, say=log.read_text)
        yield
