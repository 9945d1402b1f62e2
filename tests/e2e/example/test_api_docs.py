"""The page of the REST API in a real browser, which can reach this machine alone."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

Open = Callable[..., Page]


def test_the_page_shows_every_endpoint_and_asks_no_other_host(open_page: Open) -> None:
    page = open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/api/docs/")
    paths = page.request.get("/api/schema/").json()["paths"]
    expect(page.locator(".opblock")).to_have_count(sum(map(len, paths.values())))
    expect(page.locator("#operations-tasks-list_tasks")).to_be_visible()
    origin = re.match(r"https?://[^/]+", page.url)
    assert origin
    assert not [url for url in asked if not url.startswith((f"{origin[0]}/", "data:"))]


def test_a_person_who_is_logged_in_tries_a_request_out(open_page: Open) -> None:
    page = open_page("/api/docs/")
    block = page.locator("#operations-users-user_create")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.locator("textarea").fill('{"username": "tried", "email": "tried@example.org"}')
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table .response td.response-col_status").first).to_contain_text(
        "202"
    )
    expect(block.locator(".live-responses-table")).to_contain_text("Task created to create user tried")
