"""The checks, each in the environment that it is about.

``nox`` runs what `make test` promises; ``nox -- full`` adds faults, fuzzing and scale.
The project's environments, `.venv` and `.venv-airflow`, come from the locks in `locks/`.
"""

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True
os.environ["UV_PYTHON_DOWNLOADS"] = "never"

APP = Path(".venv/bin/python").absolute()
AIRFLOW = Path(".venv-airflow/bin/python").absolute()
UV = str(APP.with_name("uv"))
#: Each process has a database server, a broker and a worker of its own.
SPREAD = ("-n", str(min(max(os.cpu_count() or 2, 2), 4)), "--dist", "worksteal", "-q")


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Style, floors, and the change log's fragments."""
    run(session, APP, "ruff", "check", ".")
    run(session, APP, "ruff", "format", "--check", ".")
    session.run(str(APP.with_name("lint-imports")), external=True)
    run(session, APP, "towncrier", "build", "--draft", "--version", "next", silent=True)


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Static types of both sides; the Airflow side against Airflow's own environment."""
    airflow_environment(session)
    beside_each_other(
        session,
        [APP, "-m", "mypy", "src/windsock", "example", "--exclude", "src/windsock/airflow"],
        [APP, "-m", "mypy", "--config-file", "mypy-airflow.ini", "src/windsock/airflow"],
    )


@nox.session
def core(session: nox.Session) -> None:
    """The core with pytest alone."""
    session.install("-c", "locks/app.txt", "pytest")
    tests = ["tests/core", "tests/test_house.py", *choice(session)]
    session.run("python", "-m", "pytest", *tests, env={"PYTHONPATH": "src"})


@nox.session(venv_backend="none")
def django(session: nox.Session) -> None:
    """The Django side where Airflow cannot be imported: on this Python's Django, and on 6.1 beside it."""
    tests = ["-m", "pytest", "tests/django", *SPREAD, *selected(session)]
    python = newer_python()
    if python is None:
        session.warn("no Python 3.12 or 3.13 here: Django 6.1 is not tested on this machine")
        run(session, APP, *tests[1:])
        return
    folder = Path(".nox/django-newest").absolute()
    session.run(UV, "venv", "--quiet", "--allow-existing", "--python", python, str(folder), external=True)
    target = ("--quiet", "--python", str(folder / "bin/python"))
    session.run(UV, "pip", "sync", *target, "locks/app.txt", external=True)
    session.run(UV, "pip", "install", *target, "--no-deps", "--editable", ".", external=True)
    # Most of these tests wait for a database's disk, or for a time limit.
    beside_each_other(session, [APP, *tests], [folder / "bin/python", *tests])


@nox.session(venv_backend="none")
def airflow(session: nox.Session) -> None:
    """The Airflow side where Django cannot be imported."""
    airflow_environment(session)
    run(session, AIRFLOW, "pytest", "tests/airflow", *SPREAD, *selected(session))


@nox.session(venv_backend="none")
def local(session: nox.Session) -> None:
    """The stack's own parts: database, broker, supervisor."""
    run(session, APP, "pytest", "tests/local", *SPREAD, *selected(session))


@nox.session(venv_backend="none")
def e2e(session: nox.Session) -> None:
    """The whole stack with a real browser."""
    airflow_environment(session)
    # Two processes at most: one has the whole stack, one everything else. A full run measures, so it has one.
    spread = [] if "full" in session.posargs else ["-n", "2", "--dist", "loadgroup"]
    run(session, APP, "pytest", "tests/e2e", *spread, *selected(session))


def run(session: nox.Session, python: Path, module: str, *arguments: str, silent: bool = False) -> None:
    """Run a module of one of the project's environments."""
    session.run(str(python), "-m", module, *arguments, external=True, silent=silent)


def beside_each_other(session: nox.Session, *commands: list[str | Path]) -> None:
    """Run commands at the same time; what each says is shown as one piece."""
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in commands
    ]
    for process in started:
        session.log(" ".join(map(str, process.args)))
        print(process.communicate()[0], end="", flush=True)
    if any(process.returncode for process in started):
        session.error("see above")


def selected(session: nox.Session) -> list[str]:
    """Return pytest's choice, and the seconds after which a test that hangs has failed."""
    return [*choice(session), "--timeout", "2400" if "full" in session.posargs else "300"]


def choice(session: nox.Session) -> list[str]:
    """Return which tests: without ``full`` the quick ones alone."""
    return [] if "full" in session.posargs else ["-m", "not full"]


def airflow_environment(session: nox.Session) -> None:
    """Make `.venv-airflow` from its lock, with the test tools of the other lock beside it."""
    code = (
        "from pathlib import Path; from windsock.local import environments; "
        "environments.ensure(Path('.venv-airflow').absolute(), environments.lock(), Path('.nox/airflow.log'))"
    )
    Path(".nox").mkdir(exist_ok=True)
    session.run(str(APP), "-c", code, external=True)
    target = ("--quiet", "--python", str(AIRFLOW))
    session.run(
        *("uv", "pip", "install", *target, "-c", "locks/app.txt"),
        *("pytest", "pytest-timeout", "pytest-xdist"),
        external=True,
    )


def newer_python() -> str | None:
    """Return a Python that Django 6.1 runs on."""
    home = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    candidates = [shutil.which(f"python3.{minor}") for minor in (13, 12)]
    candidates += [str(path) for minor in (13, 12) for path in sorted(home.glob(f"3.{minor}.*/bin/python"))]
    for candidate in candidates:
        if (
            candidate
            and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0
        ):
            return candidate
    return None
