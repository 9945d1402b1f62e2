"""What the figures were measured on."""

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import psutil


def describe(ours: Iterable[str], theirs: Iterable[str], environment: Path) -> dict[str, str]:
    """Return processors, memory, kernel, load before the run, and versions.

    Args:
        ours: distributions in this environment.
        theirs: distributions in the peers'.
        environment: the peers'.
    """
    peers = "; ".join(f"{name} {installed(environment, name)}" for name in theirs)
    return {
        "processors": f"{os.cpu_count()} x {_model()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "load before": " ".join(f"{each:.2f}" for each in os.getloadavg()),
        "python": platform.python_version(),
        "Windsock's environment": "; ".join(f"{name} {version(name)}" for name in ours),
        "peers' environment": peers,
    }


def installed(environment: Path, name: str) -> str:
    """Return the version of a distribution in a virtual environment."""
    folders = (environment / "lib").glob(f"python*/site-packages/{name.replace('-', '_')}-*.dist-info")
    return next((folder.name.split("-")[1].removesuffix(".dist") for folder in folders), "?")


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
