"""The example as real processes, which the tests stop, kill and starve."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.faults.processes import Process
from tests.e2e.faults.servers import Postgres, Valkey
from tests.e2e.faults.site import EXAMPLE, PROJECT, ROOT, TRACE, Site

Tell = Callable[..., None]
#: The record is sent again after this time, and not after 30 s, so that the tests need not wait for it.
RESEND_SECONDS = 1
CANCEL_GRACE_SECONDS = 1


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("faults")
    postgres, valkey = Postgres(folder), Valkey(folder)
    postgres.start()
    valkey.start()
    postgres.server.create_database("example")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DJANGO_SETTINGS_MODULE": "fault_settings",
        "DATABASE_URL": postgres.server.url("example"),
        "CELERY_BROKER_URL": valkey.server.url,
        "PYTHONPATH": os.pathsep.join(str(each) for each in (PROJECT, EXAMPLE, ROOT / "src")),
        "DJANGO_SUPERUSER_PASSWORD": "a long password",
        "WINDSOCK_RESEND_SECONDS": str(RESEND_SECONDS),
        "WINDSOCK_CANCEL_GRACE_SECONDS": str(CANCEL_GRACE_SECONDS),
        "WINDSOCK_THROTTLE_RATE": "",
    }
    site = Site(folder=folder, postgres=postgres, valkey=valkey, environment=environment)
    site.run("-m", "django", "migrate", "-v0")
    site.sql(TRACE)
    admin = ("--noinput", "--username", "admin", "--email", "admin@example.com")
    site.run("-m", "django", "createsuperuser", *admin)
    site.token = site.run("-m", "django", "windsock_token")
    web = site.serve()
    yield site
    web.stop()
    print(web.log.name, web.log.read_text()[-3000:])
    valkey.forget()
    postgres.forget()


@pytest.fixture(scope="module")
def worker(site: Site) -> Iterator[Process]:
    """A worker of two processes, which the tests of a module share."""
    with site.worker() as process:
        yield process


@pytest.fixture(scope="session")
def relay(site: Site) -> Iterator[Process]:
    """The relay."""
    with site.relay() as process:
        yield process


@pytest.fixture
def tell(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Print what was counted; and append it to the file that $WINDSOCK_FAULTS_REPORT names."""

    def say(**counted: Any) -> None:
        figures = ", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in counted.items())
        line = f"{request.node.name}: {figures}"
        with capsys.disabled():
            print(f"\n{line}")
        if path := os.environ.get("WINDSOCK_FAULTS_REPORT"):
            with Path(path).open("a") as report:
                report.write(f"{line}\n")

    return say


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(dict(sorted(value.items()))) if isinstance(value, dict) else str(value)
