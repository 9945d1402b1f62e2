from typing import Any

import pytest
from rest_framework.exceptions import APIException
from rest_framework.test import APIRequestFactory, force_authenticate

from windsock.django.api.refusals import refusal_of
from windsock.django.api.signed_in import SignedIn
from windsock.errors import (
    InvalidParams,
    InvalidWorkflow,
    Lost,
    NotEditable,
    OrchestratorAway,
    OrchestratorError,
    RunRefused,
    WrongStatus,
)


class Failing(SignedIn):
    error: Exception

    def post(self, request: Any) -> None:
        raise self.error


def answer(error: Exception) -> Any:
    request = APIRequestFactory().post("/")
    force_authenticate(request, user=object())  # type: ignore[arg-type]
    view = type("View", (Failing,), {"error": error, "permission_classes": ()})
    return view.as_view()(request).render()


def test_problems_stand_by_the_places_that_were_sent() -> None:
    problems = (("steps.0.timeout", "no"), ("", "x"), ("", "y"))
    told = answer(InvalidWorkflow(problems))
    assert told.status_code == 400
    assert told.data == {"steps.0.timeout_seconds": ["no"], "non_field_errors": ["x", "y"]}
    assert answer(InvalidParams((("params.timeout", "no"),))).data == {"params.timeout": ["no"]}


@pytest.mark.parametrize("kind", [NotEditable, RunRefused, WrongStatus, OrchestratorError])
def test_a_wrong_state_is_a_conflict(kind: type[Exception]) -> None:
    told = answer(kind("so it is"))
    assert (told.status_code, told.data) == (409, {"detail": "so it is"})


def test_while_airflow_is_away_callers_are_told_when_to_come_again() -> None:
    told = answer(OrchestratorAway("it does not answer"))
    assert (told.status_code, told.data) == (503, {"detail": "it does not answer"})
    assert told["Retry-After"] == "5"


def test_other_errors_are_nobodys_refusal() -> None:
    assert refusal_of(Lost()) is None
    assert refusal_of(APIException()) is None
    with pytest.raises(Lost):
        answer(Lost())
