"""The pages in a real browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.example.conftest import Open, Site

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
SCHEMES = ["light", "dark"]


def test_the_first_page_shows_workflows_with_their_runs(open_page: Open) -> None:
    page = open_page()
    row = page.get_by_role("row", name=re.compile("^Runway east"))
    expect(row.locator(".strip .square")).to_have_count(24)
    expect(row).to_contain_text("*/30 6-22 * * 1-5")
    for name, state in (
        ("Runway east", "Live"),
        ("Ridge mast", "Paused"),
        ("Glider hill", "Problem"),
        ("Sea lock", "Publishing"),
    ):
        expect(page.get_by_role("row", name=re.compile(f"^{name}")).locator(".state")).to_have_text(state)
    expect(page.get_by_text("'61 * * * *' is not a cron expression")).to_be_visible()
    expect(page.get_by_role("button", name="Run Ridge mast now")).to_be_disabled()


def test_the_newest_run_stands_at_the_right(open_page: Open) -> None:
    page = open_page()
    squares = page.get_by_role("row", name=re.compile("^North field")).locator(".strip .square")
    expect(squares.last).to_have_class("square processing")
    left, right = squares.first.bounding_box(), squares.last.bounding_box()
    assert left
    assert right
    assert left["x"] < right["x"]


def test_progress_moves_without_a_reload_and_keeps_the_focus(open_page: Open, site: Site) -> None:
    page = open_page()
    bar = page.get_by_role("progressbar", name="Progress of recompute_kpis")
    expect(bar).to_have_attribute("value", "64")
    page.evaluate("window.stillHere = true")
    button = page.get_by_role("button", name="Run North field now")
    button.focus()
    site.sql("UPDATE windsock_taskrun SET progress = 77 WHERE name = 'recompute_kpis'")
    expect(bar).to_have_attribute("value", "77")
    expect(button).to_be_focused()
    assert page.evaluate("window.stillHere") is True
    site.sql("UPDATE windsock_taskrun SET progress = 64 WHERE name = 'recompute_kpis'")


def test_a_page_that_nobody_sees_asks_for_nothing(open_page: Open) -> None:
    page = open_page("/windsock/tasks/?status=DONE")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "hx-request" in request.headers else None)
    page.clock.install()
    page.add_init_script("Object.defineProperty(document, 'hidden', {get: () => !window.seen})")
    page.reload()
    asked.clear()
    page.clock.run_for(20_000)
    assert asked == []
    with page.expect_request("**/windsock/tasks/?status=DONE"):
        page.evaluate("window.seen = true; document.dispatchEvent(new Event('visibilitychange'))")


def test_a_click_asks_for_a_run_and_the_strip_shows_it(open_page: Open, site: Site) -> None:
    page = open_page("/windsock/?q=runway")
    page.get_by_role("button", name="Run Runway east now").click()
    expect(page.get_by_role("status").filter(has_text="on its way")).to_have_text(
        "A run of Runway east is on its way."
    )
    expect(page).to_have_url(re.compile(r"\?q=runway$"))
    expect(page.locator(".strip .square").last).to_have_class("square pending")
    [(run, user)] = site.sql(
        "SELECT r.run_id, u.username FROM windsock_workflowrun r "
        "JOIN users_user u ON u.id = r.requested_by_id WHERE r.status = 'PENDING'"
    )
    assert run.startswith("windsock__")
    assert user == "admin"


def test_a_square_leads_to_the_run_its_steps_and_their_failure(open_page: Open, site: Site) -> None:
    page = open_page()
    page.get_by_role("row", name=re.compile("^Control tower")).locator(".strip .square").last.click()
    expect(page).to_have_url(re.compile(f"{site.seeds['failed_run']}/$"))
    steps = page.locator(".step")
    expect(steps).to_have_count(3)
    assert [text.split()[0] for text in steps.locator("h3").all_inner_texts()] == ["draw", "ask", "keep"]
    expect(steps.nth(1)).to_contain_text("httpx.HTTPStatusError: Server error '503 Service Unavailable'")
    expect(steps.nth(2).locator(".status")).to_have_text("Pending")
    page.get_by_role("link", name="ask", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("request_kpi")


def test_a_workflow_has_a_page_of_its_own(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("link", name="Harbour wall").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Harbour wall")
    expect(page.get_by_role("table")).to_have_count(2)


def test_a_user_without_permissions_sees_their_own_tasks(open_page: Open, site: Site) -> None:
    page = open_page(user="reader")
    expect(page.get_by_role("heading", name="Workflows")).to_have_count(0)
    expect(page.locator(".tasks tbody tr")).to_have_count(1)
    page.get_by_role("link", name="report_for_reader").click()
    expect(page).to_have_url(re.compile(f"{site.seeds['reader_task']}/$"))


def test_a_lost_connection_is_told_and_forgotten(open_page: Open) -> None:
    page = open_page()
    notice = page.get_by_text("The connection is lost")
    expect(notice).to_be_hidden()
    page.route("**/windsock/", lambda route: route.abort())
    expect(notice).to_be_visible()
    page.unroute("**/windsock/")
    expect(notice).to_be_hidden()


def test_logging_out_ends_in_the_login(open_page: Open) -> None:
    page = open_page(storage_state=None)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("path", ["/windsock/", "/windsock/tasks/", "run"])
def test_every_text_can_be_read(open_page: Open, site: Site, scheme: str, path: str) -> None:
    """Source: WCAG 2.2, success criterion 1.4.3: 4.5 to 1."""
    path = f"/windsock/runs/{site.seeds['failed_run']}/" if path == "run" else path
    page = open_page(path, color_scheme=scheme, reduced_motion="reduce")
    assert page.evaluate(CONTRAST) == []


def test_the_keyboard_reaches_everything_and_every_control_has_a_name(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    assert names_missing(page) == []


def names_missing(page: Page) -> list[str]:
    controls = page.locator("a[href], button, input:not([type=hidden]), progress")
    missing: list[str] = controls.evaluate_all(
        "all => all.filter(e => !(e.textContent.trim() || e.ariaLabel || e.labels?.length))"
        ".map(e => e.outerHTML)"
    )
    return missing


@pytest.mark.parametrize("path", ["/windsock/", "/windsock/tasks/"])
def test_a_telephone_does_not_scroll_sideways(open_page: Open, path: str) -> None:
    page = open_page(path, viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
