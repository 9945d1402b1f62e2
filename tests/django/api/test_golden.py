"""The promise, field for field: what the five actions answer and show stands in ``golden`` as JSON."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from rest_framework.test import APIClient
from tests.django.api.conftest import JsonClient
from tests.django.api.test_deeds import perform_and_close

from windsock.django.actions import tasks
from windsock.django.models import TaskRun
from windsock.django.testing import run_enqueued

pytestmark = pytest.mark.urls("tests.django.api.project")

FILES = sorted(Path(__file__).with_name("golden").glob("*.json"))
ADA = {"username": "user1", "email": "user1@example.com", "first_name": "Ada", "last_name": "Lovelace"}
KEY = 700_001
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"

Promise = dict[str, Any]


def is_create(promise: Promise) -> bool:
    return bool(promise["method"] == "POST")


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def promise(request: pytest.FixtureRequest) -> Promise:
    content: Promise = json.loads(request.param.read_text())
    return content


@pytest.fixture(params=["create_user", "update_user", "delete_user"])
def writing(request: pytest.FixtureRequest) -> Promise:
    content: Promise = json.loads(
        Path(__file__).with_name("golden").joinpath(f"{request.param}.json").read_text()
    )
    return content


def seen(api: APIClient) -> dict[str, Any]:
    """Return what each endpoint says of the only task, with its key and its times left out."""
    run = str(TaskRun.objects.get().pk)
    bodies = [api.get(f"/api/tasks/{run}/{end}").content.decode() for end in ("", "status/")]
    bodies.append(json.dumps(api.get("/api/tasks/").json()["results"][0], separators=(",", ":")))
    assert len(set(bodies)) == 1
    task: dict[str, Any] = json.loads(re.sub(TIME, "<time>", bodies[0].replace(run, "<task_id>")))
    return task


def ask(api: APIClient, promise: Promise) -> None:
    answer = api.generic(
        promise["method"],
        promise["path"],
        "" if promise["body"] is None else json.dumps(promise["body"]),
        content_type="application/json",
    )
    assert answer.status_code == 202, answer.content
    run = str(TaskRun.objects.get().pk)
    assert json.loads(answer.content.decode().replace(run, "<task_id>")) == promise["accepted"]


def prepare(promise: Promise) -> None:
    if is_create(promise):
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('auth_user_id_seq', %s)", [KEY - 1])
    else:
        User.objects.create(pk=KEY, **ADA)


@pytest.fixture
def root(db: None) -> APIClient:
    """A client of a superuser, who comes first in lists."""
    client = JsonClient()
    client.force_authenticate(User.objects.create_superuser("root", pk=1, email="root@example.com"))
    return client


@pytest.mark.django_db
def test_from_pending_to_done(root: APIClient, promise: Promise) -> None:
    prepare(promise)
    ask(root, promise)
    assert seen(root) == promise["PENDING"]

    run_enqueued()

    assert seen(root) == promise["DONE"]


@pytest.mark.django_db
def test_what_fails(root: APIClient, promise: Promise) -> None:
    prepare(promise)
    ask(root, promise)
    if is_create(promise):
        User.objects.create(**ADA)
    else:
        User.objects.filter(pk=KEY).delete()
    if "?" in promise["path"]:
        User.objects.update(is_superuser=False)

    run_enqueued()

    assert seen(root) == promise["FAILED"]


@contextmanager
def held(promise: Promise) -> Iterator[None]:
    """Hold the row that the worker is going to write."""
    with transaction.atomic():
        if is_create(promise):
            User.objects.create(pk=KEY + 1, **ADA)
        else:
            User.objects.select_for_update().get(pk=KEY)
        yield
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("broker")
def test_processing_is_seen_while_a_row_is_held(
    root: APIClient, writing: Promise, wait_until: Callable[..., None]
) -> None:
    prepare(writing)
    ask(root, writing)
    worker = threading.Thread(target=perform_and_close, args=(str(TaskRun.objects.get().pk),))
    with held(writing):
        worker.start()
        wait_until(lambda: TaskRun.objects.get().progress == 40)
        assert seen(root) == writing["PROCESSING"]
    worker.join(10)

    assert seen(root) == writing["DONE"]


@pytest.mark.django_db
def test_processing_before_the_first_phase(root: APIClient, promise: Promise) -> None:
    prepare(promise)
    ask(root, promise)
    run = TaskRun.objects.get()

    assert tasks.claim(run.pk, 1, worker="test", lease=timedelta(minutes=1))

    expected = promise["PROCESSING"] | {"result": {"progress": 0}, "progress": 0}
    assert seen(root) == expected
