"""An editable workflow in a real browser: made, seen, edited, refused, gone back."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect
from tests.e2e.example.conftest import Open, Site

LIST = "/admin/windsock/workflowdefinition/"


@pytest.fixture
def admin(open_page: Open) -> Iterator[Page]:
    """The admin, in which no script may stand in the page itself."""
    page = open_page()

    def guarded(route: Route) -> None:
        answer = route.fetch()
        policy = {"content-security-policy": "script-src 'self'"}
        route.fulfill(response=answer, headers=answer.headers | policy)

    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))  # Django's admin has none
    page.route(
        re.compile("/admin/windsock/workflow(definition|version)/[^?]*(/change|/add|/difference)/"), guarded
    )
    yield page
    page.unroute_all(behavior="ignoreErrors")


def fill_step(page: Page, index: int, name: str, task: str, **fields: str) -> None:
    row = page.locator(f"#steps-{index}")
    row.get_by_label("Name", exact=True).fill(name)
    row.get_by_label("Task", exact=True).select_option(task)
    for label, value in fields.items():
        row.get_by_label(label.replace("_", " "), exact=True).fill(value)


def create(page: Page, id: str) -> None:
    page.goto(f"{LIST}add/")
    page.get_by_label("DAG id:").fill(id)
    page.get_by_label("Title:").fill("Harbour check")
    page.get_by_label("Schedule:", exact=True).select_option("cron")
    page.get_by_label("Cron:").fill("30 6 * * 1-5")
    page.locator("#id_start_0").fill("2026-01-01")
    page.locator("#id_start_1").fill("00:00:00")
    page.get_by_label("Time zone:").select_option("Europe/Berlin")
    page.get_by_label("Params:").fill('{"kpi": {"default": 1, "schema": {"type": "integer"}}}')
    fill_step(page, 0, "draw", "simulator.tasks.draw_value")
    page.get_by_text("Add another Step").click()
    asked = '{"value": "{{ results.draw }}", "kpi_id": "{{ params.kpi }}"}'
    fill_step(page, 1, "ask", "simulator.tasks.request_kpi", Keyword_arguments=asked, After="draw")


def test_the_preview_follows_what_is_typed(admin: Page) -> None:
    admin.goto(f"{LIST}add/")
    preview = admin.locator("#schedule-preview")
    expect(preview).to_contain_text("Only when asked")
    expect(admin.get_by_label("Cron:")).to_be_hidden()
    admin.get_by_label("Schedule:", exact=True).select_option("cron")
    expect(preview).to_contain_text("needs a start")
    admin.get_by_label("Cron:").fill("30 6 * * *")
    admin.locator(".field-start").get_by_role("link", name="Today").click()
    admin.locator(".field-start").get_by_role("link", name="Now").click()
    expect(preview.get_by_role("listitem")).to_have_count(10)
    admin.get_by_label("Time zone:").select_option("Asia/Kolkata")
    expect(preview).to_contain_text("06:30:00 IST (UTC+05:30)")
    admin.get_by_label("Schedule:", exact=True).select_option("every")
    expect(admin.get_by_label("Cron:")).to_be_hidden()
    admin.get_by_label("Every:").fill("0:15:00")
    expect(preview.get_by_role("listitem")).to_have_count(10)


def test_a_workflow_is_made_edited_refused_and_gone_back(admin: Page, site: Site) -> None:
    create(admin, "harbour_check")
    admin.get_by_role("button", name="Save and continue editing").click()
    expect(admin.get_by_text("was added successfully")).to_be_visible()
    expect(admin.locator("#schedule-preview li").first).to_contain_text("06:30:00 CE")
    admin.get_by_role("link", name="Live page").click()
    expect(admin.get_by_role("heading", level=1)).to_have_text("Harbour check")
    expect(admin.get_by_text("30 6 * * 1-5")).to_be_visible()

    admin.goto(f"{LIST}harbour_check/change/")
    ask = admin.locator("#steps-1")
    ask.get_by_text("More", exact=True).click()
    ask.get_by_label("Retries:").fill("2")
    admin.get_by_role("button", name="Save and continue editing").click()
    expect(admin.locator("#steps-1 summary")).to_have_text("More: retries 2")

    admin.get_by_label("Cron:").fill("61 * * * *")
    admin.locator("#steps-1").get_by_label("After").fill("nobody")
    admin.get_by_role("button", name="Save and continue editing").click()
    expect(admin.locator(".form-row.field-cron .errorlist")).to_contain_text("61 * * * *")
    expect(admin.locator("#steps-1 .field-after")).to_contain_text("there is no step 'nobody'")
    assert documents(site, "harbour_check") == 2

    admin.goto(f"{LIST}harbour_check/change/")
    expect(admin.get_by_label("Cron:")).to_have_value("30 6 * * 1-5")
    admin.get_by_role("link", name="Versions", exact=True).click()
    admin.get_by_role("link", name="Compare").first.click()
    expect(admin.get_by_role("rowheader", name="steps.ask.retry")).to_be_visible()
    admin.go_back()
    admin.get_by_role("link", name=re.compile("harbour_check revision")).last.click()
    admin.get_by_role("button", name="Roll back to this version").click()
    expect(admin.get_by_text("is what it was at revision")).to_be_visible()
    expect(admin.get_by_text("Rolled back to revision")).to_be_visible()
    assert documents(site, "harbour_check") == 3
    admin.goto(f"{LIST}harbour_check/change/")
    expect(admin.locator("#steps-1 summary")).to_have_text("More")


def documents(site: Site, id: str) -> int:
    [(number,)] = site.sql("SELECT count(*) FROM windsock_workflowversion WHERE workflow_id = %s", id)
    return int(number)
