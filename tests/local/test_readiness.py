import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from windsock.local import readiness

HEALTH: dict[str, Any] = {}


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/missing" else 200)
        self.end_headers()
        self.wfile.write(json.dumps(HEALTH).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_that_answers_is_ready(url: str) -> None:
    assert readiness.answers(f"{url}/")(0)
    assert not readiness.answers(f"{url}/missing")(0)


def test_nobody_there_is_not_ready() -> None:
    assert not readiness.answers("http://127.0.0.1:1/")(0)


@pytest.mark.parametrize(
    ("age", "status", "ready"), [(0, "healthy", True), (60, "healthy", False), (0, "unhealthy", False)]
)
def test_only_a_heartbeat_of_this_start_counts(url: str, age: float, status: str, ready: bool) -> None:
    started = time.time() - 1
    beat = datetime.fromtimestamp(started + 1 - age, UTC).isoformat()
    HEALTH["scheduler"] = {"status": status, "latest_scheduler_heartbeat": beat}
    assert readiness.airflow_healthy(url, "scheduler")(started) is ready


def test_no_heartbeat_yet_is_not_ready(url: str) -> None:
    HEALTH["triggerer"] = {"status": None, "latest_triggerer_heartbeat": None}
    assert not readiness.airflow_healthy(url, "triggerer")(0)
    assert not readiness.airflow_healthy(url, "dag_processor")(0)


def test_a_mark_on_disk_is_ready(tmp_path: Path) -> None:
    mark = tmp_path / "ready"
    assert not readiness.marked(mark)(0)
    mark.touch()
    assert readiness.marked(mark)(0)


def test_a_condition_is_asked_each_time() -> None:
    answers = iter([False, True])
    probe = readiness.when(lambda: next(answers))
    assert [probe(0), probe(0)] == [False, True]
