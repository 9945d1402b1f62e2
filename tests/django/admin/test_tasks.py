from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.django import jobs
from tests.django.conftest import Broker

from windsock.django.admin import tasks
from windsock.django.models import TaskRun
from windsock.run import Status

LIST = "/admin/windsock/taskrun/"


@pytest.fixture
def staff(db: None) -> Client:
    """Somebody who may look but not change."""
    user = User.objects.create_user("ann", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_taskrun"))
    client = Client()
    client.force_login(user)
    return client


def record(status: Status = Status.FAILED, **fields: Any) -> TaskRun:
    values: dict[str, Any] = {"task": jobs.add.module_path, "name": "add", "args": [1], "status": status}
    return TaskRun.objects.create(**values | fields)


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_tasks_are_listed_with_filters_and_progress(admin_client: Client) -> None:
    task = record(Status.PROCESSING, name="sync", progress=40)
    record(Status.DONE, name="other")
    page = text(admin_client, f"{LIST}?status__exact=PROCESSING")
    assert '<progress max="100" value="40">' in page
    assert f"/windsock/tasks/{task.pk}/" in page
    assert ">other<" not in page


def test_age_and_operation_filter_by_the_key(admin_client: Client) -> None:
    record(name="young", operation="CREATE")
    record(name="aged", operation="CREATE", pk="00000000-0000-7000-8000-000000000001")
    assert ">aged<" in text(admin_client, LIST)
    assert ">aged<" not in text(admin_client, f"{LIST}?created=7")
    assert ">young<" in text(admin_client, f"{LIST}?created=7&operation__exact=CREATE")
    assert ">young<" not in text(admin_client, f"{LIST}?operation__exact=READ")
    assert text(admin_client, f"{LIST}?created=nonsense")


def test_a_search_finds_by_id_name_path_and_related_id(admin_client: Client) -> None:
    task = record(name="needle", related_id="77")
    record(name="other", task="shop.tasks.other")
    for term in (str(task.pk), task.pk.hex, "need", "tests.django.jobs", "77"):
        page = text(admin_client, f"{LIST}?q={term}")
        assert ">needle<" in page
        assert ">other<" not in page
    assert ">needle<" not in text(admin_client, f"{LIST}?q={uuid4()}")


def test_the_list_counts_within_bounds_and_reads_no_long_texts(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "SEARCHED", 3)
    for number in range(5):
        record(name=f"task{number}", operation="READ")
    with CaptureQueriesContext(connection) as queries:
        page = text(admin_client, f"{LIST}?operation__exact=READ")
    assert ">task2<" in page
    assert ">task1<" not in page  # beyond what is looked through
    statements = [query["sql"] for query in queries if "windsock_taskrun" in query["sql"]]
    assert not [sql for sql in statements if '"windsock_taskrun"."traceback"' in sql]
    counts = [sql for sql in statements if "COUNT(" in sql]
    assert counts
    assert all("LIMIT" in sql for sql in counts)
    assert not [sql for sql in statements if "DISTINCT" in sql]


def test_one_task_shows_what_it_did_and_hides_what_is_sensitive(admin_client: Client) -> None:
    task = record(
        args=["open", "hush"],
        kwargs={"password": "hush", "shelf": 7},
        input_data={"password": "hush"},
        sensitive=["password", 1],
        traceback="line 1",
        result={"kept": 3},
    )
    page = text(admin_client, f"{LIST}{task.pk}/change/")
    for part in ("line 1", "kept", "open", "shelf", "********"):
        assert part in page
    assert "hush" not in page


def test_an_expired_result_is_not_shown(admin_client: Client) -> None:
    task = record(Status.DONE, result={"kept": 3}, result_expires_at=timezone.now() - timedelta(seconds=1))
    page = text(admin_client, f"{LIST}{task.pk}/change/")
    assert "kept" not in page
    assert "expired" in page


@pytest.mark.parametrize("field", ["traceback", "output"])
def test_a_traceback_and_output_need_the_permission_to_view(staff: Client, field: str) -> None:
    task = record(**{field: "File secret.py"})
    assert "secret.py" in text(staff, f"{LIST}{task.pk}/change/")
    changer = User.objects.create_user("changer", is_staff=True)
    changer.user_permissions.add(Permission.objects.get(codename="change_taskrun"))
    staff.force_login(changer)
    assert "secret.py" not in text(staff, f"{LIST}{task.pk}/change/")


def test_the_list_cancels_and_says_what_it_did_not(admin_client: Client) -> None:
    waiting, done = record(Status.PENDING), record(Status.DONE)
    chosen = {"action": "cancel", "_selected_action": [waiting.pk, done.pk]}
    answer = admin_client.post(LIST, chosen, follow=True).content.decode()
    assert "1 task was cancelled." in answer
    assert f"{done.pk}: It has ended already (DONE)." in answer
    waiting.refresh_from_db()
    assert waiting.status == Status.CANCELLED


def test_the_list_retries_and_counts_the_refused(admin_client: Client, broker: Broker) -> None:
    failed = [record() for _ in range(2)]
    done = [record(Status.DONE) for _ in range(7)]
    chosen = {"action": "retry", "_selected_action": [run.pk for run in (*failed, *done)]}
    answer = admin_client.post(LIST, chosen, follow=True).content.decode()
    assert "2 tasks were started again." in answer
    assert "2 more: It is done." in answer
    assert {run.retry_of_id for run in TaskRun.objects.pending()} == {run.pk for run in failed}


def test_buttons_do_the_same_to_one(admin_client: Client, broker: Broker) -> None:
    failed, waiting = record(), record(Status.PENDING)
    retry, cancel = f"{LIST}{failed.pk}/retry/", f"{LIST}{waiting.pk}/cancel/"
    assert retry in text(admin_client, f"{LIST}{failed.pk}/change/")
    assert cancel in text(admin_client, f"{LIST}{waiting.pk}/change/")

    answer = admin_client.post(retry, follow=True)
    new = TaskRun.objects.get(retry_of=failed)
    assert answer.redirect_chain[-1][0] == f"{LIST}{new.pk}/change/"
    assert "asked to stop" in admin_client.post(cancel, follow=True).content.decode()
    assert "ended already" in admin_client.post(cancel, follow=True).content.decode()
    assert admin_client.get(cancel).status_code == 405


def test_who_may_only_look_changes_nothing(staff: Client) -> None:
    run = record(Status.PENDING)
    page = text(staff, LIST)
    assert 'value="cancel"' not in page
    assert "/cancel/" not in text(staff, f"{LIST}{run.pk}/change/")
    assert staff.post(f"{LIST}{run.pk}/cancel/").status_code == 403
    staff.post(LIST, {"action": "cancel", "_selected_action": [run.pk]})
    run.refresh_from_db()
    assert run.status == Status.PENDING
