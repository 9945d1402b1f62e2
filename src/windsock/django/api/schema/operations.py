"""How an endpoint is said in OpenAPI: parameters, bodies, answers and the ways to sign in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings as django_settings

from windsock.django.api.schema.components import TEXT, TIME, Schema, ref

TASKS, WORKFLOWS, RUNS, API = "tasks", "workflows", "runs", "api"
TAGS = {
    TASKS: "Every tracked execution, whichever engine runs it.",
    WORKFLOWS: "Plans of steps, which Airflow runs on schedule and in order.",
    RUNS: "Runs of workflows.",
    API: "What there is.",
}
JSON = "application/json"
PLAIN_TEXT = "text/plain"
#: Ways to sign in; either will do. drf-spectacular calls a session ``cookieAuth``.
SECURITY: list[dict[str, list[str]]] = [{"bearerAuth": []}, {"cookieAuth": []}]
#: What every endpoint may refuse: who is nobody, an ``Accept`` that it has not, anything without a database.
ALWAYS = (401, 406, 503)
#: What every endpoint that writes may refuse besides: the CSRF token is missing; the body cannot be read.
WRITING = (400, 403, 415)
#: What every endpoint with an ``Idempotency-Key`` may refuse besides.
ONCE = (400, 422)
#: What every POST that starts work may refuse besides.
STARTING = (*WRITING, *ONCE, 429)

REFUSALS: dict[int, str] = {
    400: "A value is not right; the answer names it.",
    401: "Nobody is signed in, or the token is not valid.",
    403: "You may not do this, or the CSRF token of the session is missing.",
    404: "There is no such thing, or not for you.",
    406: "The answer cannot be given in the media type that `Accept` asks for.",
    409: "The status does not allow this.",
    415: "The body has a media type that is not read here.",
    422: "This `Idempotency-Key` came with another body before.",
    429: "Too many requests; try again after `Retry-After` seconds.",
    501: "The server is no ASGI server, which a stream needs.",
    503: "The database or Airflow is away; try again after `Retry-After` seconds.",
}
RETRY_AFTER: Schema = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
REVISION: Schema = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
#: ``Location`` of what was begun.
LOCATION: Schema = {"description": "Where it is found.", "schema": TEXT}


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One operation as people know it."""

    id: str  #: "list_tasks"
    tag: str
    summary: str
    description: str = ""
    key: Schema | None = None  #: the form of the parts of the path that are no revision
    parameters: tuple[Schema, ...] = ()
    body: Schema | None = None  #: the form of a JSON body
    is_body_needed: bool = False  #: whether that may not be left out
    answers: Mapping[int, Schema]  #: response objects of what goes well
    refusals: tuple[int, ...] = ()
    media_types: tuple[str, ...] = (JSON,)  #: of refusals

    def operation(self, path: str) -> dict[str, Any]:
        """Return the operation object for a path like ``/api/tasks/{id}/``."""
        keys = {"revision": REVISION}
        parts = [in_path(name, keys.get(name, self.key or TEXT)) for name in re.findall(r"{(\w+)}", path)]
        parameters = [*parts, *self.parameters]
        needed = {"required": True} if self.is_body_needed else {}
        body = {"requestBody": {"content": {JSON: {"schema": self.body}}} | needed} if self.body else {}
        responses = {str(code): answer for code, answer in self.answers.items()}
        return {
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            **({"description": self.description} if self.description else {}),
            **({"parameters": parameters} if parameters else {}),
            **body,
            "security": SECURITY,
            "responses": responses | refused(*self.refusals, media_types=self.media_types),
        }


def refused(*codes: int, media_types: tuple[str, ...] = (JSON,)) -> dict[str, Schema]:
    """Return the responses for these errors and for those that are always possible."""
    every = sorted({*ALWAYS, *codes})
    if media_types == (JSON,):
        return {str(code): {"$ref": f"#/components/responses/{code}"} for code in every}
    texts = {name: {"schema": TEXT} for name in media_types if name != JSON}
    return {str(code): _refusal(code) | {"content": texts | _refusal(code)["content"]} for code in every}


def refusals() -> dict[str, Schema]:
    """Return the response objects that ``refused`` names."""
    return {str(code): _refusal(code) for code in REFUSALS}


def answer(
    schema: Schema, description: str, *, media_type: str = JSON, headers: Mapping[str, Schema] | None = None
) -> Schema:
    """Return a response object."""
    said = {"description": description, "content": {media_type: {"schema": schema}}}
    return said | ({"headers": dict(headers)} if headers else {})


def _refusal(code: int) -> Schema:
    problem = ref("Problem")
    special = {400: {"anyOf": [problem, ref("FieldProblems")]}, 409: ref("Conflict")}
    headers = {"Retry-After": RETRY_AFTER} if code in {429, 503} else {}
    return answer(special.get(code, problem), REFUSALS[code], headers=headers)


def query(name: str, schema: Schema, description: str) -> Schema:
    """Return a query parameter."""
    return {"name": name, "in": "query", "schema": schema, "description": description}


def choice(name: str, values: list[str], description: str) -> Schema:
    """Return a query parameter with these values."""
    return query(name, {"type": "string", "enum": values}, description)


def moment(name: str, description: str) -> Schema:
    """Return a query parameter that is a time with its zone."""
    return query(name, TIME, description)


def in_path(name: str, schema: Schema) -> Schema:
    """Return a variable part of the path."""
    return {"name": name, "in": "path", "required": True, "schema": schema}


IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Any text, a new one for each piece of work. The same request with the same key "
    "within a day gives the first answer again and starts nothing.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
PAGE_SIZE = query(
    "page_size", {"type": "integer", "minimum": 1, "maximum": 200}, "Rows of a page, 50 by default."
)
PAGE: tuple[Schema, ...] = (
    query("page", {"type": "integer", "minimum": 1}, "Number of the page, from 1."),
    PAGE_SIZE,
)


def security_schemes() -> dict[str, Schema]:
    """Return how callers show who they are."""
    return {
        "bearerAuth": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token, as `manage.py windsock_token` prints it.",
        },
        "cookieAuth": {
            "type": "apiKey",
            "in": "cookie",
            "name": django_settings.SESSION_COOKIE_NAME,
            "description": "This site's login; what writes needs the CSRF token too.",
        },
    }
