"""A site in memory, and the connection to it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.airflow.fake_site import KEY, FakeSite, serving


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    with serving() as site:
        connection = {"conn_type": "django", "host": site.url, "password": KEY}
        monkeypatch.setenv("AIRFLOW_CONN_DJANGO_DEFAULT", json.dumps(connection))
        yield site


@dataclass(slots=True)
class Said:
    """What triggers wrote into the logs of their task instances."""

    capture: pytest.CaptureFixture[str]
    _text: str = ""

    @property
    def text(self) -> str:
        self._text += self.capture.readouterr().out
        return self._text


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)
