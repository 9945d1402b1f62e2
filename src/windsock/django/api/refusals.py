"""Windsock's own errors over REST: 400 by field, 409 for a wrong state, 503 while Airflow is away."""

from rest_framework.exceptions import APIException, ValidationError
from rest_framework.status import HTTP_409_CONFLICT, HTTP_503_SERVICE_UNAVAILABLE

from windsock.django.api.documents import as_sent, by_place
from windsock.errors import (
    InvalidParams,
    InvalidWorkflow,
    NotEditable,
    OrchestratorAway,
    OrchestratorError,
    RunRefused,
    WrongStatus,
)


class Conflict(APIException):
    """The state of a thing does not allow what is asked for."""

    status_code = HTTP_409_CONFLICT
    default_code = "conflict"


class Away(APIException):
    """Airflow does not answer."""

    status_code = HTTP_503_SERVICE_UNAVAILABLE
    default_code = "away"
    wait = 5  #: seconds, which Django REST framework says in ``Retry-After``


def refusal_of(error: Exception) -> APIException | None:
    """Return the answer to an error of Windsock; None when it is another's."""
    match error:
        case InvalidWorkflow():
            return ValidationError(by_place((as_sent(place), message) for place, message in error.problems))
        case InvalidParams():
            return ValidationError(by_place(error.problems))
        case OrchestratorAway():
            return Away(str(error))
        case OrchestratorError() | NotEditable() | RunRefused() | WrongStatus():
            return Conflict(str(error))
    return None
