"""Progress marks real phases: a worker that waits for a row's lock stands at the phase before."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as ModelError
from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404
from rest_framework.exceptions import MethodNotAllowed, ValidationError
from rest_framework.test import APIClient
from tests.django.api.project import UserViewSet

from windsock.django.api.deeds import VALIDATED, explained
from windsock.django.celery.worker import perform
from windsock.django.context import TaskContext
from windsock.django.execution import Refused
from windsock.django.models import ApiToken, TaskRun


@pytest.mark.parametrize(
    ("error", "field"),
    [
        (ValidationError({"email": ["is wrong"]}), "email"),
        (ValidationError("is wrong"), "non_field_errors"),
        (Http404(), "id"),
        (PermissionDenied(), "detail"),
        (MethodNotAllowed("GET"), "detail"),
        (ModelError({"email": "is wrong"}), "email"),
        (ModelError("is wrong"), "non_field_errors"),
        (ProtectedError("is needed", set()), "id"),
        (RestrictedError("is needed", set()), "id"),
        (DataError("out of range"), "non_field_errors"),
        (IntegrityError("something"), "non_field_errors"),
    ],
)
def test_a_refusal_names_the_field(error: Exception, field: str) -> None:
    with pytest.raises(Refused, match="Failed to do it") as caught, explained("Failed to do it"):
        raise error

    assert set(caught.value.errors) == {field}


def test_a_refusal_hides_what_is_sensitive() -> None:
    error = ValidationError({"deep": [{"pin": ["4711 is no pin."]}]})

    with (
        pytest.raises(Refused) as caught,
        explained("No", hide=lambda text: text.replace("4711", "****")),
    ):
        raise error

    assert caught.value.errors == {"deep": [{"pin": ["**** is no pin."]}]}


@pytest.mark.django_db
def test_a_constraint_of_the_database_names_its_column() -> None:
    user = User.objects.create_user("ada")
    ApiToken.objects.create(user=user, digest="same")

    with pytest.raises(Refused) as caught, explained("No"), transaction.atomic():
        ApiToken.objects.create(user=user, digest="same")

    assert caught.value.errors == {"digest": ["This value is already taken."]}


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls("tests.django.api.project")
@pytest.mark.usefixtures("broker")
def test_a_worker_that_waits_is_seen_at_its_phase(wait_until: Callable[..., None]) -> None:
    root, ada = User.objects.create_superuser("root"), User.objects.create_user("ada")
    client = APIClient()
    client.force_authenticate(root)
    address = client.patch(f"/api/users/{ada.pk}/", {"first_name": "Ada"}, format="json").json()[
        "status_endpoint"
    ]

    def status() -> dict[str, Any]:
        body: dict[str, Any] = client.get(address).json()
        return body

    with transaction.atomic():
        User.objects.select_for_update().get(pk=ada.pk)
        worker = threading.Thread(target=perform_and_close, args=(str(TaskRun.objects.get().pk),))
        worker.start()
        wait_until(lambda: status()["result"] == {"progress": VALIDATED})
        assert status()["status"] == "PROCESSING"
    worker.join(10)

    assert (status()["status"], status()["progress"]) == ("DONE", 100)


def perform_and_close(run_id: str) -> None:
    try:
        perform(run_id, 1)
    finally:
        connection.close()


class TestAnInterruptedAttempt:
    """The connection breaks, or the worker dies, at any moment; the next attempt does what is left."""

    @pytest.fixture
    def created(self) -> TaskRun:
        client = APIClient()
        client.force_authenticate(User.objects.create_superuser("root"))
        answer = client.post("/api/users/", {"username": "ada", "email": "a@example.com"}, format="json")
        return TaskRun.objects.get(pk=answer.json()["task_id"])

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.urls("tests.django.api.project")
    @pytest.mark.usefixtures("broker")
    def test_a_row_that_was_created_is_not_created_again(
        self, created: TaskRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lost = OperationalError("the connection is lost")
        lost.__cause__ = psycopg.OperationalError("the connection is lost")

        def break_down(*_: Any) -> None:
            raise lost

        # Right after the commit: the worker cannot know that it succeeded.
        with monkeypatch.context() as broken:
            broken.setattr(TaskContext, "relate", break_down)
            perform(str(created.pk), 1)
        created.refresh_from_db()
        assert (created.status, created.attempt) == ("PENDING", 1)

        TaskRun.objects.update(run_after=None)
        perform(str(created.pk), 2)

        created.refresh_from_db()
        ada = User.objects.get(username="ada")
        assert (created.status, created.related_id) == ("DONE", str(ada.pk))
        assert created.result["message"] == "Successfully created user ada"

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.urls("tests.django.api.project")
    @pytest.mark.usefixtures("broker")
    def test_an_attempt_that_was_taken_over_changes_no_row(
        self, created: TaskRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def take_over(_: Any, serializer: Any) -> None:
            serializer.save()
            other = connection.copy()
            with other.cursor() as cursor:
                cursor.execute("UPDATE windsock_taskrun SET attempt = 2")
            other.close()

        monkeypatch.setattr(UserViewSet, "perform_create", take_over)
        perform(str(created.pk), 1)

        assert not User.objects.filter(username="ada").exists()
