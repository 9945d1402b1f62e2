import re
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone
from tests.django import jobs
from tests.django.conftest import Broker
from tests.django.pages.conftest import MakeUser, MakeWorkflow

from windsock.django.models import TaskRun
from windsock.django.pages.tasks import TASKS_A_PAGE, as_uuid
from windsock.run import Status


def names(client: Client, query: str = "") -> list[str]:
    return re.findall(r'class="name"[^>]*>([^<]+)<', client.get(f"/windsock/tasks/{query}").content.decode())


def test_tasks_are_listed_newest_first_and_by_status(browser: Client) -> None:
    TaskRun.objects.create(pk=UUID(int=1), task="a.b", name="first", status=Status.DONE)
    TaskRun.objects.create(pk=UUID(int=2), task="a.b", name="second", status=Status.FAILED)
    assert names(browser) == ["second", "first"]
    assert names(browser, "?status=DONE") == ["first"]
    assert names(browser, "?status=nonsense") == ["second", "first"]


def test_older_tasks_are_on_the_next_page(browser: Client) -> None:
    for number in range(TASKS_A_PAGE + 2):
        key = UUID(int=number + 1)
        TaskRun.objects.create(pk=key, task="a.b", name=f"task {number}", status=Status.DONE)
    page = browser.get("/windsock/tasks/?status=DONE").content.decode()
    older = re.search(r'href="(\?before=[^"]+)">Older', page)
    assert older is not None
    assert names(browser, older[1].replace("&amp;", "&")) == ["task 1", "task 0"]


def test_an_address_that_is_no_key_is_the_first_page(browser: Client) -> None:
    assert as_uuid("nonsense") is None
    assert browser.get("/windsock/tasks/?before=nonsense").status_code == 200


def test_a_task_shows_input_result_and_failure(browser: Client) -> None:
    task = TaskRun.objects.create(
        task="shop.tasks.sync",
        name="sync",
        status=Status.FAILED,
        kwargs={"shelf": 7},
        result={"kept": 3},
        exception="builtins.ValueError",
        message="no such shelf",
        traceback="Traceback: line 7",
    )
    page = browser.get(f"/windsock/tasks/{task.pk}/").content.decode()
    for text in (
        "shop.tasks.sync",
        "shelf",
        "kept",
        "builtins.ValueError",
        "no such shelf",
        "Traceback: line 7",
    ):
        assert text in page


def test_a_step_leads_to_its_run(browser: Client, make_workflow: MakeWorkflow) -> None:
    run = make_workflow("w", Status.DONE).runs.get()
    task = TaskRun.objects.create(task="a.b", name="b", workflow_run=run, step="x")
    assert f"/windsock/runs/{run.pk}/" in browser.get(f"/windsock/tasks/{task.pk}/").content.decode()


@pytest.mark.parametrize("field", ["traceback", "output"])
@pytest.mark.parametrize(("permissions", "sees"), [((), False), (("view_taskrun",), True)])
def test_a_traceback_and_output_need_a_permission(
    make_user: MakeUser, permissions: tuple[str, ...], sees: bool, field: str
) -> None:
    user = make_user("owner", *permissions)
    task = TaskRun.objects.create(task="a.b", name="b", owner=user, **{field: "File secret.py"})
    client = Client()
    client.force_login(user)
    assert (b"secret.py" in client.get(f"/windsock/tasks/{task.pk}/").content) is sees


def test_buttons_are_shown_where_they_do_something(browser: Client) -> None:
    def shown(status: Status) -> list[str]:
        run = TaskRun.objects.create(task="a.b", name="b", status=status)
        page = browser.get(f"/windsock/tasks/{run.pk}/").content.decode()
        return [deed for deed in ("cancel", "retry") if f"/windsock/tasks/{run.pk}/{deed}/" in page]

    assert shown(Status.PENDING) == shown(Status.PROCESSING) == ["cancel"]
    assert shown(Status.FAILED) == shown(Status.CANCELLED) == ["retry"]
    assert shown(Status.DONE) == []


def test_an_owner_cancels_and_retries(make_user: MakeUser, broker: Broker) -> None:
    ann = make_user("ann")
    client = Client()
    client.force_login(ann)
    run = TaskRun.objects.create(task=jobs.add.module_path, name="add", args=[1], owner=ann)
    here = f"/windsock/tasks/{run.pk}/"

    answer = client.post(f"{here}cancel/", {"next": here}, follow=True)
    assert answer.redirect_chain == [(here, 302)]
    assert b"It is cancelled." in answer.content
    assert b"It has ended already" in client.post(f"{here}cancel/", {"next": here}, follow=True).content

    answer = client.post(f"{here}retry/", {"next": here}, follow=True)
    new = TaskRun.objects.get(retry_of=run)
    assert answer.redirect_chain == [(f"/windsock/tasks/{new.pk}/", 302)]
    assert (
        b"It has not ended yet."
        in client.post(f"/windsock/tasks/{new.pk}/retry/", {"next": here}, follow=True).content
    )


def test_others_change_nothing(make_user: MakeUser) -> None:
    run = TaskRun.objects.create(task="a.b", name="b", owner=make_user("ann"))
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("bob"))
    assert client.post(f"/windsock/tasks/{run.pk}/cancel/").status_code == 403  # no CSRF token
    client = Client()
    client.force_login(make_user("carl"))
    assert client.post(f"/windsock/tasks/{run.pk}/cancel/").status_code == 404
    client.force_login(make_user("viewer", "view_taskrun"))
    assert client.post(f"/windsock/tasks/{run.pk}/cancel/").status_code == 403
    assert client.get(f"/windsock/tasks/{run.pk}/cancel/").status_code == 405
    assert Client().post(f"/windsock/tasks/{run.pk}/cancel/").status_code == 302
    run.refresh_from_db()
    assert run.status == Status.PENDING


def test_sensitive_arguments_and_expired_results_are_not_shown(browser: Client) -> None:
    run = TaskRun.objects.create(
        task="a.b",
        name="b",
        status=Status.DONE,
        args=["open", "hush"],
        kwargs={"password": "hush"},
        sensitive=["password", 1],
        result="kept",
        result_expires_at=timezone.now(),
    )
    page = browser.get(f"/windsock/tasks/{run.pk}/").content.decode()
    assert "open" in page
    assert "********" in page
    assert "hush" not in page
    assert "kept" not in page
    assert "The result has expired." in page
