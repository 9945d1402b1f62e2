"""Ways to ask whether a part is ready."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

# Asked with the unix time at which the process was started.
Probe = Callable[[float], bool]
_PATIENCE = 3.0


def when(condition: Callable[[], bool]) -> Probe:
    """Ready when the condition holds."""
    return lambda _: condition()


def marked(file: Path) -> Probe:
    """Ready when the part has touched the file."""
    return lambda _: file.exists()


def answers(url: str) -> Probe:
    """Ready when a GET is answered with a status below 400."""
    return lambda _: _get(url) is not None


def airflow_healthy(url: str, component: str) -> Probe:
    """Ready when Airflow's health page shows a heartbeat of the component that is younger than the process.

    Args:
        url: Airflow's own address.
        component: `scheduler`, `triggerer` or `dag_processor`.
    """

    def probe(started: float) -> bool:
        body = _get(f"{url}/api/v2/monitor/health")
        try:
            health: dict[str, Any] = json.loads(body or b"{}").get(component) or {}
            beat = health.get(f"latest_{component}_heartbeat")
            fresh = beat is not None and datetime.fromisoformat(beat).timestamp() >= started
        except (ValueError, AttributeError):
            return False
        return fresh and health.get("status") == "healthy"

    return probe


def _get(url: str) -> bytes | None:
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:  # noqa: S310
            return bytes(answer.read())
    except (OSError, urllib.error.URLError, http.client.HTTPException):
        return None
