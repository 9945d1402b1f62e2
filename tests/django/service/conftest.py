"""Airflow's side of the service: a client that signs, and a real server for what waits."""

from typing import Any

import pytest
from django.test import Client
from tests.django.events.conftest import make_run, server  # noqa: F401 -- fixtures

from windsock import signing
from windsock.django.conf import settings
from windsock.django.service.signed import AUDIENCE

ROOT = "/windsock/service/"


def token(**claims: Any) -> str:
    return signing.sign(settings.FEED_KEY, claims.pop("audience", AUDIENCE), **claims)


class Airflow(Client):
    """Sends what the triggerer sends."""

    def ask(self, path: str, body: dict[str, Any] | None = None, **extra: Any) -> Any:
        if body is None:
            return self.get(ROOT + path, **extra)
        content = {"protocol": 1, **body}
        return self.post(ROOT + path, content, content_type="application/json", **extra)


@pytest.fixture
def airflow() -> Airflow:
    return Airflow(headers={"authorization": f"Bearer {token()}"}, enforce_csrf_checks=True)
