"""Requests made out of the API's own schema, and what every answer is held to."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.e2e.fuzz.conftest import Api

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
STREAM = "text/event-stream"
Modes = tuple[schemathesis.GenerationMode, ...]
BOTH: Modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)

#: What clients send that no schema asks for; a header's bytes go as they are.
ODD_HEADERS: tuple[dict[str, Any], ...] = (
    {"Accept": "application/json; q=0.1"},
    {"Accept": "application/xml"},
    {"Accept": "text/plain, */*;q=0"},
    {"Accept": "nonsense"},
    {"Accept": "application/json; indent=4"},
    {"Accept-Language": "de, *;q=0.5, xx-" + "y" * 300},
    {"Idempotency-Key": "x" * 256},
    {"Idempotency-Key": ""},
    {"Idempotency-Key": "ä".encode()},
    {"Idempotency-Key": b"\xff\xfe\x00".rstrip(b"\0")},
    {"Idempotency-Key": "a\tb"},
    {"Idempotency-Key": "the same"},
    {"Content-Type": "application/json; charset=klingon"},
    {"Content-Type": "text/csv"},
    {"Content-Type": "multipart/form-data"},
    {"Content-Type": "multipart/form-data; boundary=x"},
    {"Content-Type": b"\xe4/\xf6"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"X-Forwarded-Host": "elsewhere.example"},
    {"If-None-Match": '"x"', "If-Modified-Since": "never"},
    {"Range": "bytes=0-1"},
    {"Last-Event-ID": "2026-01-01T00:00:00+00:00/nonsense"},
    {"Cookie": "sessionid=nobody; csrftoken=x"},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer windsock_unknown"},
    {"Authorization": b"Bearer \xff"},
    {"Authorization": "Basic bm9uZTpub25l"},
)
ODD_BODIES: tuple[bytes, ...] = (
    b"",
    b"{",
    b"null",
    b"true",
    b"[]",
    b"[[[[[[]]]]]]",
    b"[" * 5000,
    b'"text"',
    b"1e999",
    b"NaN",
    b'{"params": NaN}',
    b'{"username": "\\u0000", "email": "a@example.org"}',
    b'{"username": "\\ud800", "email": "a@example.org"}',
    b'{"username": {"a": 1}, "email": ["b"]}',
    b'{"params": []}',
    b'{"params": {"\\u0000": "\\u0000"}}',
    b'{"params": {"x": ' + b"9" * 5000 + b"}}",
    b'{"id": "a\\u0000", "steps": [{"name": "\\ud800", "task": "\\udfff.a"}]}',
    b'{"steps": [{"name": "a", "task": "b.c", "priority": 99999999999999999999, "timeout_seconds": 1e300}]}',
    b'{"schedule": {"every_seconds": 1e-300, "start": "0001-01-01T00:00:00+14:00"}}',
    b'{"schedule": {"every_seconds": 1, "start": "1970-01-01T00:00:00Z", "end": "9999-12-31T23:59Z"}}',
    b'{"schedule": {"cron": ["0 0 30 2 *", "* * * * * *", "@reboot", ""], "timezone": "../../etc/passwd"}}',
    b'{"params": {"a": {"schema": {"$ref": "#", "pattern": "(a+)+$", "type": 1}}, "": {}}}',
    b'{"start": "2026-01-01T00:00:00Z", "end": "2999-01-01T00:00:00Z", "params": {"": 1}}',
    b'{"steps": ["' + b"x" * 5000 + b'", "\\u0000"], "status": "DONE", "step": "\\ud800"}',
    b'{"title": "' + b"x" * 2_000_000 + b'"}',
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"username=a&username=b&email=%00",
    b"username=%ff&email=" + b"x" * 5000,
    b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\nann\r\n--x--\r\n',
)
#: Quoted, as they stand in an address; "events" is one of its own, whose answer does not end.
ODD_IDS: tuple[str, ...] = (
    "%00",
    "a%00b",
    "a.b",
    "%20",
    "%C3%A4",
    "%FF",
    "%0A",
    "-1",
    "0",
    "9" * 400,
    "x" * 4000,
    "null",
    "urn:uuid:00000000-0000-7000-8000-000000000000",
    "%7B00000000-0000-7000-8000-000000000000%7D",
    "status",
)
ODD_QUERIES: tuple[dict[str, str], ...] = (
    {"cursor": ""},
    {"cursor": "AAAA"},
    {"cursor": "A" * 23},
    {"cursor": "Ag" + "A" * 21},
    {"cursor": "_" * 5000},
    {"cursor": "ä\x00"},
    {"ordering": "id"},
    {"page": "0"},
    {"page": "last"},
    {"page": "9" * 40},
    {"page_size": "0"},
    {"page_size": "-1"},
    {"page_size": "\uff11"},
    {"page_size": "9" * 5000},
    {"created_after": "2026-11-21"},
    {"created_after": "0001-01-01T00:00:00+14:00"},
    {"created_before": "9999-12-31T23:59:59-14:00"},
    {"updated_after": "2026-11-21T10:00:00 01:00"},
    {"updated_before": "2026-11-21T10:00:00Z", "status": "DONE", "ordering": "created_at"},
    {"status": "done"},
    {"related_id": "\x00"},
    {"task_name": "'; DROP TABLE windsock_taskrun; --"},
    {"search": "%_\\ \x00"},
    {"search": "a " * 30},
    {"owner": "\x00", "tag": "\x00"},
    {"tag": '"'},
    {"live": "True"},
    {"live": "false", "paused": "true", "owner": "windsock", "tag": "x"},
    {"count": "9" * 40},
    {"from": "0"},
    {"from": "9" * 19},
    {"workflow": "\ud7ff", "origin": ""},
    {"format": "json"},
    {"format": "xml"},
)


@dataclass(kw_only=True, slots=True)
class Findings:
    """What came of it."""

    statuses: Counter[int] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    problems: dict[str, str] = field(default_factory=dict)  #: title -> the first request that showed it

    @property
    def cases(self) -> int:
        return self.statuses.total()

    def report(self) -> str:
        return "\n\n".join(self.problems.values())

    def __str__(self) -> str:
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return f"{self.cases} cases, {len(self.operations)} operations; answers {statuses}"


def loaded(api: Api, caller: str) -> list[Any]:
    """The operations of the API; not those of the example's own views."""
    schema = schemathesis.openapi.from_dict(api.get("/api/schema/", caller))
    schema.config.update(base_url=api.url)
    found = [result.ok() for result in schema.get_all_operations()]
    return [each for each in found if each.path.startswith("/api/")]


def is_stream(operation: Any) -> bool:
    return STREAM in operation.definition.raw["responses"].get("200", {}).get("content", {})


def fuzz(api: Api, caller: str, *, each: int, modes: Modes = BOTH, derandomize: bool = False) -> Findings:
    """Send about ``each`` requests per operation and way of making them; return what came of it."""
    findings = Findings()
    session = api.session(caller)
    limits = settings(
        max_examples=each,
        deadline=None,
        database=None,
        derandomize=derandomize,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    with session:
        for operation in loaded(api, caller):
            for mode in () if is_stream(operation) else modes:
                try:
                    strategy = operation.as_strategy(generation_mode=mode)
                    limits(sending(api, session, operation, strategy, findings))()
                except schemathesis.errors.InvalidSchema:  # there is nothing that could be wrong in it
                    continue
    return findings


def sending(
    api: Api, session: requests.Session, operation: Any, strategy: Any, findings: Findings
) -> Callable[[], None]:
    known = next((ids for name, ids in api.ids.items() if f"/{name}/{{" in operation.path), [])
    found = st.sampled_from(known) if known else st.none()
    ids = st.none() | found | found | st.sampled_from(ODD_IDS) if "{" in operation.path else st.none()
    revisions = st.none()
    if "{revision}" in operation.path:
        revisions |= st.sampled_from(api.revisions) | st.sampled_from(ODD_IDS)
    has_body = operation.method.upper() in {"POST", "PUT", "PATCH"}
    bodies = st.none() | st.none() | st.sampled_from(ODD_BODIES) if has_body else st.none()

    @given(
        case=strategy,
        id=ids,
        revision=revisions,
        headers=st.none() | st.sampled_from(ODD_HEADERS),
        body=bodies,
        query=st.none() | st.sampled_from(ODD_QUERIES),
    )
    def send(
        case: Any,
        id: str | None,
        revision: str | None,
        headers: dict[str, Any] | None,
        body: bytes | None,
        query: dict[str, str] | None,
    ) -> None:
        parts = {"id": id, "revision": revision}
        given = {name: parts.get(name) or part for name, part in (case.path_parameters or {}).items()}
        case.path_parameters = given or case.path_parameters
        more = dict(headers or {})
        if body is None:
            answer = case.call(base_url=api.url, session=session, headers=more, params=query, timeout=30)
        else:
            more = {"Content-Type": "application/json"} | more
            url = api.url + case.formatted_path
            sent = session.request(case.method, url, data=body, headers=more, params=query, timeout=30)
            answer = schemathesis.Response.from_requests(sent, verify=False)
        findings.statuses[answer.status_code] += 1
        findings.operations[operation.label] += 1
        try:
            case.validate_response(answer, checks=CHECKS[1:] if is_without_airflow(answer) else CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                title = f"{operation.label}: {answer.status_code}: {type(failure).__name__}"
                if title not in findings.problems:
                    findings.problems[title] = f"{title}\n{said(case, answer, (headers, query, body), api)}"

    return send


def is_without_airflow(answer: Any) -> bool:
    """Whether this is how the API says that this project has no Airflow."""
    return answer.status_code == 503 and b"No Airflow is configured" in answer.content


def said(case: Any, answer: Any, odd: tuple[Any, ...], api: Api) -> str:
    """What was asked and answered, and for a 5xx what the server wrote of it."""
    asked = (
        f"{case.method} {case.formatted_path!r} query {case.query} body {case.body!r} headers {case.headers}"
    )
    log = api.log.read_text()[-3000:] if answer.status_code >= 500 else ""
    return f"{asked} odd {str(odd)[:500]}\nanswer {answer.content[:300]!r}\n{log}"
