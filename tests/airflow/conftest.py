"""Airflow's configuration for its side's tests: a home of its own, quick retries and heartbeats."""

import atexit
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.airflow.fake_feed import KEY, FakeFeed, serving

# Airflow reads its configuration once, when it is imported; the path is short for the sake of unix sockets.
HOME = Path(tempfile.mkdtemp(prefix="ws-", dir="/tmp"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ.update(
    {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "86400",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MIN": "0.01",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "0.05",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    }
)


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """Airflow's home in these tests."""
    return HOME


@pytest.fixture(scope="session")
def metadata(airflow_home: Path) -> None:
    """Airflow's own database, made once."""
    # Imported here: the configuration above must stand before the first import of Airflow.
    from airflow.utils.db import initdb

    with warnings.catch_warnings():
        # Airflow's migrations and models warn about themselves.
        warnings.simplefilter("ignore")
        initdb()


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFeed]:
    """A feed of a Django project, and an Airflow that is configured to follow it into a fresh folder."""
    bundle = {"name": "windsock", "classpath": "windsock.airflow.bundle.WindsockDagBundle", "kwargs": {}}
    with serving() as feed:
        monkeypatch.setenv("AIRFLOW__WINDSOCK__URL", feed.url)
        monkeypatch.setenv("AIRFLOW__WINDSOCK__FEED_KEY", KEY)
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path))
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
        yield feed
