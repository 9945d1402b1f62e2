"""The environment of the peers, made from a benchmark's ``peers.txt`` when that has changed."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path


def folder(benchmark: Path) -> Path:
    """Return where the environment of a benchmark's peers stands."""
    return benchmark / ".peers"


def python(benchmark: Path) -> Path:
    """Return the environment's interpreter."""
    return folder(benchmark) / "bin" / "python"


def prepare(benchmark: Path) -> Path:
    """Make the environment unless it is up to date; return its interpreter."""
    requirements = benchmark / "peers.txt"
    stamp = folder(benchmark) / "made-from"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        uv = str(Path(sys.executable).with_name("uv"))
        print("making the peers' environment", flush=True)
        make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder(benchmark)]
        subprocess.run(make, check=True)
        install = [uv, "pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", requirements]
        subprocess.run(install, check=True, env=os.environ | {"VIRTUAL_ENV": str(folder(benchmark))})
        stamp.write_text(digest)
    return python(benchmark)
