import asyncio
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.handlers.asgi import ASGIHandler
from pytest_django import Settings

from windsock.django import asgi

Visit: Any = ApplicationCommunicator


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the project's own"})


def get(application: Any, path: str) -> tuple[int, bytes]:
    async def ask() -> tuple[int, bytes]:
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1")],
        }
        visit: Any = Visit(application, scope)
        await visit.send_input({"type": "http.request"})
        start = await visit.receive_output(5)
        body = b""
        while True:
            part = await visit.receive_output(5)
            body += part.get("body", b"")
            if not part.get("more_body"):
                await visit.wait()
                return start["status"], body

    return asyncio.run(ask())


def test_static_files_are_served_without_debug(settings: Settings) -> None:
    assert settings.DEBUG is False
    status, body = get(asgi.application, "/static/windsock/live.js")
    assert status == 200
    assert b"windsock:refresh" in body
    assert get(asgi.application, "/static/windsock/gone.js")[0] == 404


def test_everything_else_goes_to_django() -> None:
    assert get(asgi.application, "/windsock/health/") == (200, b'{"status": "ok"}')


def test_the_projects_own_application_is_wrapped(settings: Settings) -> None:
    settings.ASGI_APPLICATION = f"{__name__}.hello"
    application = ASGIStaticFilesHandler(asgi.project_application())
    assert get(application, "/anything/")[1] == b"the project's own"
    assert get(application, "/static/windsock/live.js")[0] == 200


@pytest.mark.parametrize("named", [None, asgi.NAME])
def test_a_project_without_an_application_gets_djangos(settings: Settings, named: str | None) -> None:
    settings.ASGI_APPLICATION = named
    assert isinstance(asgi.project_application(), ASGIHandler)
