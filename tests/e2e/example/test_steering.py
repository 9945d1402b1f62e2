"""Cancel and retry in a real browser: on a task's page and in the admin."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.e2e.example.conftest import Open, Site

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
MAKE = """
from windsock.django.models import TaskRun
print(TaskRun.objects.create(
    task="simulator.tasks.request_kpi", name="report", status="{status}", args=["open", "hush"],
    kwargs={{"password": "hush"}}, sensitive=["password", 1], attempt=1, traceback="File report.py, line 7",
    exception="builtins.ValueError" if "{status}" == "FAILED" else "", message="no such shelf",
).pk)
"""
Make = Callable[[str], str]


@pytest.fixture
def make(site: Site) -> Make:
    return lambda status: site.python(MAKE.format(status=status)).strip()


def status_of(site: Site, key: str) -> str:
    [(status,)] = site.sql("SELECT status FROM windsock_taskrun WHERE id = %s", key)
    return str(status)


def test_a_waiting_task_is_cancelled_on_its_page(open_page: Open, site: Site, make: Make) -> None:
    key = make("PENDING")
    page = open_page(f"/windsock/tasks/{key}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("report")
    expect(page.locator("body")).not_to_contain_text("hush")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status").filter(has_text="It is cancelled.")).to_be_visible()
    expect(page.locator(".status")).to_have_text("Cancelled")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    assert status_of(site, key) == "CANCELLED"


def test_a_failed_task_is_retried_on_its_page(open_page: Open, site: Site, make: Make) -> None:
    key = make("FAILED")
    page = open_page(f"/windsock/tasks/{key}/")
    expect(page.get_by_text("File report.py, line 7")).to_be_visible()
    assert page.evaluate(CONTRAST) == []
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("This is the new task.")).to_be_visible()
    expect(page.get_by_role("link", name="an earlier task")).to_have_attribute(
        "href", f"/windsock/tasks/{key}/"
    )
    assert site.sql("SELECT status FROM windsock_taskrun WHERE retry_of_id = %s", key) == [("PENDING",)]


def test_the_admin_retries_cancels_and_says_what_it_refused(open_page: Open, site: Site, make: Make) -> None:
    failed, done = make("FAILED"), make("DONE")
    page = open_page()
    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))  # Django's admin has none
    page.goto("/admin/windsock/taskrun/")
    for key in (failed, done):
        page.locator(f"input[name=_selected_action][value='{key}']").check()
    page.get_by_label("Action:").select_option(label="Retry the selected tasks")
    page.get_by_role("button", name=re.compile("Go|Run")).click()
    expect(page.get_by_text("1 task was started again.")).to_be_visible()
    expect(page.get_by_text(f"{done}: It is done.")).to_be_visible()
    [(new,)] = site.sql("SELECT id FROM windsock_taskrun WHERE retry_of_id = %s", failed)

    page.goto(f"/admin/windsock/taskrun/{new}/change/")
    expect(page.locator("body")).not_to_contain_text("hush")
    expect(page.get_by_text("********").first).to_be_visible()
    page.get_by_role("button", name="Cancel the task").click()
    expect(page.get_by_text("It is cancelled, or was asked to stop.")).to_be_visible()
    assert status_of(site, new) == "CANCELLED"
    expect(page.get_by_role("button", name="Retry as a new task")).to_be_visible()
