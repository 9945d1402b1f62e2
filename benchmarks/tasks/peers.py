"""The environment of the peers, made from ``peers.txt`` when that has changed."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE / ".peers"
PYTHON = FOLDER / "bin" / "python"


def prepare() -> Path:
    """Return the environment's interpreter."""
    requirements = HERE / "peers.txt"
    stamp = FOLDER / "made-from"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        uv = str(Path(sys.executable).with_name("uv"))
        print("making the peers' environment", flush=True)
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, FOLDER], check=True)
        install = [uv, "pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", requirements]
        subprocess.run(install, check=True, env=os.environ | {"VIRTUAL_ENV": str(FOLDER)})
        stamp.write_text(digest)
    return PYTHON
