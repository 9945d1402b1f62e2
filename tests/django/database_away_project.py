"""A project whose database comes and goes: one line in, ``<mode> <path> <bearer>``, one line of JSON out."""

import asyncio
import json
import os
import sys
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.django.settings"


class AfterView:
    """A middleware of the project that uses the database on the way out."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        response = self.get_response(request)
        if request.path == "/way-out/":
            ask()
        return response


def ask(statement: str = "SELECT 1") -> HttpResponse:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)
    return HttpResponse("asked")


def in_transaction(request: HttpRequest) -> HttpResponse:
    """Lose the connection, go on nevertheless."""
    from django.db import DatabaseError, connection, transaction

    with transaction.atomic():
        try:
            ask("SELECT pg_terminate_backend(pg_backend_pid())")
        except DatabaseError:
            connection.close()
        return ask()


def broken_page(request: HttpRequest) -> HttpResponse:
    return ask()


def configure() -> None:
    from django.urls import path

    from windsock.django import project_urls
    from windsock.django.configure import MIDDLEWARE

    settings.MIDDLEWARE = [*MIDDLEWARE, f"{__name__}.AfterView"]
    if os.environ.get("BROKEN_PAGE"):
        project_urls.handler500 = broken_page
    project_urls.urlpatterns += [
        path("view/", lambda request: ask()),
        path("lazy/", lambda request: HttpResponse(str(request.user))),
        path("way-out/", lambda request: HttpResponse("out")),
        path("in-transaction/", in_transaction),
        path("lock/", lambda request: ask("SET statement_timeout = 1; SELECT pg_sleep(5)")),
        path("bug/", lambda request: HttpResponse(1 / 0)),
    ]


def answer(mode: str, path: str, token: str) -> dict[str, Any]:
    from django.db import close_old_connections
    from django.test import AsyncClient, Client

    headers = {"Authorization": f"Bearer {token}"} if token != "-" else {}
    session = os.environ["SESSION"]
    if mode == "async":
        client: Any = AsyncClient(raise_request_exception=False)
    else:
        client = Client(raise_request_exception=False)
    client.cookies[settings.SESSION_COOKIE_NAME] = session
    got = (
        asyncio.run(client.get(path, headers=headers))
        if mode == "async"
        else client.get(path, headers=headers)
    )
    close_old_connections()  # as every server does, and the test client does not
    return {
        "status": got.status_code,
        "retry_after": got.headers.get("Retry-After"),
        "type": got.headers["Content-Type"],
        "text": got.content.decode()[:300],
    }


if __name__ == "__main__":
    django.setup()
    configure()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(*line.split())), flush=True)
