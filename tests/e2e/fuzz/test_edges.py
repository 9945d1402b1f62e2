"""What fuzzing does not reach: streams, which do not end, other methods, and browsers."""

from typing import Any

import pytest
import requests
from tests.e2e.fuzz.conftest import Api
from tests.e2e.fuzz.fuzzing import is_stream, loaded

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
UNKNOWN = "00000000-0000-7000-8000-000000000000"
EVENT = f"1795255200000000-{UNKNOWN}"


def filled(path: str, id: str, revision: str = "1") -> str:
    return path.replace("{id}", id).replace("{revision}", revision)


@pytest.mark.parametrize(
    ("caller", "id", "headers", "status"),
    [
        ("", UNKNOWN, {}, 401),
        ("none", UNKNOWN, {}, 404),
        ("every", UNKNOWN, {"Accept": "text/event-stream"}, 404),
        ("every", "x.y", {}, 404),
        ("every", "%00", {}, 404),
        ("every", "", {"Last-Event-ID": "nonsense"}, 400),
        ("every", "", {"Last-Event-ID": f"99999999999999999999-{UNKNOWN}"}, 400),
        ("every", "", {"Last-Event-ID": b"\xff"}, 400),
    ],
)
def test_a_stream_that_cannot_begin_says_why(
    api: Api, caller: str, id: str, headers: dict[str, Any], status: int
) -> None:
    operations = [each for each in loaded(api, "every") if is_stream(each)]
    assert len(operations) == 2
    for operation in (
        operations if status in {400, 401} else [each for each in operations if "{" in each.path]
    ):
        with api.session(caller) as session:
            url = api.url + filled(operation.path, id or api.ids["tasks"][0])
            answer = session.get(url, headers=headers, timeout=10, stream=True)
            assert answer.status_code == status
            operation.validate_response(answer)


def test_a_stream_begins(api: Api) -> None:
    for operation in [each for each in loaded(api, "every") if is_stream(each)]:
        url = api.url + filled(operation.path, api.ids["tasks"][0])
        with api.session("every") as session, session.get(url, timeout=10, stream=True) as answer:
            assert answer.status_code == 200
            assert answer.headers["Content-Type"] == "text/event-stream"
            assert next(answer.iter_lines()) == b"retry: 3000"


def test_a_method_that_the_schema_does_not_name_is_refused(api: Api) -> None:
    paths = api.get("/api/schema/")["paths"]
    asked = 0
    for path, described in paths.items():
        names = path.strip("/").split("/")
        id = api.ids.get(names[1], [UNKNOWN])[0] if len(names) > 1 else UNKNOWN
        for method in METHODS:
            if path.startswith("/api/") and method.lower() not in described:
                answer = send(api, "every", method, filled(path, id))
                # A workflow may be called "preview"; here none is.
                refused = {403, 404, 405} if path.endswith("/preview/") else {403, 405}
                assert answer.status_code in refused, (method, path, answer.status_code)
                assert not answer.headers["Content-Type"].startswith("text/html")
                asked += 1
    assert asked > 80


def send(api: Api, caller: str, method: str, path: str, **headers: str) -> requests.Response:
    with api.session(caller) as session:
        return session.request(method, api.url + path, headers=headers, timeout=10)


def test_head_and_options_start_nothing(api: Api) -> None:
    before = api.get("/api/tasks/?page_size=1")["results"]
    for path in ("/api/users/", f"/api/users/{api.ids['users'][0]}/", "/api/tasks/", "/api/workflows/"):
        assert send(api, "every", "HEAD", path).status_code == 200
        assert send(api, "every", "OPTIONS", path).status_code == 200
    assert api.get("/api/tasks/?page_size=1")["results"] == before


def test_a_browser_gets_pages_and_no_5xx(api: Api) -> None:
    for operation in loaded(api, "every"):
        if operation.method.upper() != "GET" or is_stream(operation) or "users" in operation.path:
            continue
        names = operation.path.strip("/").split("/")
        id = api.ids[names[1]][0] if "{" in operation.path else ""
        path = filled(operation.path, id, api.revisions[0])
        answer = send(api, "every", "GET", path, Accept="text/html,*/*;q=0.8")
        assert answer.status_code == 200, operation.path


def test_nobody_gets_nothing(api: Api) -> None:
    for operation in loaded(api, "every"):
        answer = send(api, "", operation.method, filled(operation.path, UNKNOWN))
        assert answer.status_code == 401, operation.label
        operation.validate_response(answer)
