"""What the figures were measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil
from peers import FOLDER

OURS = ("django", "celery", "psycopg", "redis")
THEIRS = ("celery", "django", "django-celery-results", "django-tasks-db", "procrastinate", "psycopg", "redis")


def describe() -> dict[str, str]:
    """Return processors, memory, kernel, load before the run, and versions."""
    peers = "; ".join(f"{name} {_in_peers(name)}" for name in THEIRS)
    return {
        "processors": f"{os.cpu_count()} x {_model()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "load before": " ".join(f"{each:.2f}" for each in os.getloadavg()),
        "python": platform.python_version(),
        "Windsock's environment": "; ".join(f"{name} {version(name)}" for name in OURS),
        "peers' environment": peers,
    }


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _in_peers(name: str) -> str:
    folders = (FOLDER / "lib").glob(f"python*/site-packages/{name.replace('-', '_')}-*.dist-info")
    return next((folder.name.split("-")[1].removesuffix(".dist") for folder in folders), "?")
