"""Airflow's virtual environment: made from the lock that Windsock ships, with this very Windsock put into it.

Windsock need not be on an index: its files and its metadata are copied from where it is installed now. Of an
editable installation the link is copied, so that both environments run the same source.
"""

import contextlib
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from windsock.local.errors import CommandError, LocalError
from windsock.local.process import Command, run

DISTRIBUTION = "windsock"
_STAMP = "windsock-stamp"


def lock() -> Path:
    """The lock of Airflow's environment: beside this file in a wheel, in `locks/` of a checkout.

    Raises:
        LocalError: There is none.
    """
    here = Path(__file__).resolve()
    for candidate in (here.with_name("airflow.txt"), here.parents[3] / "locks" / "airflow.txt"):
        if candidate.is_file():
            return candidate
    raise LocalError("the lock of Airflow's environment is missing; install Windsock again")


def digest(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def ensure(environment: Path, locked: Path, log: Path) -> Path:
    """Makes or completes the environment unless it is up to date; returns its interpreter.

    Args:
        environment: Its folder.
        locked: The compiled requirements, with hashes.
        log: The file for the installer's output.

    Raises:
        CommandError: The installer failed.
    """
    python = environment / "bin" / "python"
    stamp = environment / _STAMP
    wanted = f"compiled {digest(locked)} {_fingerprint()}\n"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    stamp.unlink(missing_ok=True)
    for argv in _installer(environment, python, locked):
        run(Command(argv=argv, environment=_variables(os.environ), directory=environment.parent), log)
    packages = _site_packages(python)
    copy_distribution(DISTRIBUTION, packages)
    _compile(python, packages, log)
    stamp.write_text(wanted)
    return python


def _installer(environment: Path, python: Path, locked: Path) -> list[tuple[str, ...]]:
    """The commands that bring the environment to the lock; what is beyond the lock is left alone."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    requirements = ("--no-deps", "--require-hashes", "-r", str(locked))
    make: tuple[str, ...]
    if uv:
        make = (uv, "venv", "--quiet", "--python", sys.executable, str(environment))
        install: tuple[str, ...] = (uv, "pip", "install", "--quiet", "--python", str(python), *requirements)
    else:
        make = (sys.executable, "-m", "venv", str(environment))
        install = (str(python), "-m", "pip", "install", "--quiet", *requirements)
    return [install] if python.exists() else [make, install]


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    return kept | {"UV_PYTHON_DOWNLOADS": "never"}


def _fingerprint() -> str:
    """Changes when another Windsock is installed here, be it of the same version."""
    distribution = importlib.metadata.distribution(DISTRIBUTION)
    record = distribution.read_text("RECORD") or ""
    return f"{distribution.version} {hashlib.sha256(record.encode()).hexdigest()}"


def _site_packages(python: Path) -> Path:
    question = "import sysconfig; print(sysconfig.get_path('purelib'))"
    answer = subprocess.run([python, "-I", "-c", question], check=True, capture_output=True, text=True)  # noqa: S603
    return Path(answer.stdout.strip())


def _compile(python: Path, packages: Path, log: Path) -> None:
    """Compiles everything once: seconds here, against as many at each start of each of Airflow's parts.

    Left to the parts, it would not happen at all where PYTHONDONTWRITEBYTECODE is set.
    """
    argv = (str(python), "-m", "compileall", "-q", "-j", "0", str(packages))
    # A file that is no valid Python, such as a template, is nobody's concern.
    with contextlib.suppress(CommandError):
        run(Command(argv=argv, environment=_variables(os.environ), directory=packages), log)


def copy_distribution(name: str, target: Path) -> None:
    """Copies an installed distribution into another environment, in place of what is there under its name.

    Args:
        name: The distribution here.
        target: The other environment's site-packages.
    """
    for old in importlib.metadata.distributions(name=name, path=[str(target)]):
        for file in _own(old):
            (target / file).unlink(missing_ok=True)
    distribution = importlib.metadata.distribution(name)
    for file in _own(distribution):
        source = Path(str(distribution.locate_file(file)))
        if source.is_file():
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / file)


def _own(distribution: importlib.metadata.Distribution) -> list[PurePosixPath]:
    """Its files below site-packages; scripts name an interpreter and stay behind."""
    files = [PurePosixPath(each) for each in distribution.files or ()]
    return [each for each in files if ".." not in each.parts and "__pycache__" not in each.parts]
