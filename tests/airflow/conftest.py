"""Airflow's configuration for its side's tests: a home of its own, quick retries and heartbeats."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

# Airflow reads its configuration once, when it is imported; the path is short for the sake of unix sockets.
HOME = Path(tempfile.mkdtemp(prefix="ws-", dir="/tmp"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ.update(
    {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MIN": "0.01",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "0.05",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    }
)


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """Airflow's home in these tests."""
    return HOME
