"""A person starts a run in Airflow's own pages."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.stack.running import Stack, eventually

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with chromium.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.set_default_timeout(30_000)
        yield page


def sign_in(page: Page, stack: Stack) -> None:
    username, password = stack.airflow_login
    page.goto(f"{stack.status['airflow_url']}/")
    page.locator("input[name=username]").fill(username)
    page.locator("input[name=password]").fill(password)
    page.locator("button[type=submit]").click()
    expect(page.get_by_text("Dags").first).to_be_visible(timeout=30_000)


def test_a_click_runs_the_simulator_and_the_log_shows_the_answer(stack: Stack, page: Page) -> None:
    known = {run["id"] for run in runs(stack)}
    sign_in(page, stack)
    page.goto(f"{stack.status['airflow_url']}/dags/simulator_dag_2")
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Trigger").click()

    run = eventually(
        lambda: next((r for r in runs(stack) if r["id"] not in known and r["origin"] == "airflow"), None)
    )
    eventually(lambda: stack.api.get(f"/api/runs/{run['id']}/").json()["status"] == "DONE")
    page.goto(f"{stack.status['airflow_url']}/dags/simulator_dag_2/runs/{run['run_id']}/tasks/ask")

    answer = stack.api.get(f"/api/runs/{run['id']}/").json()["steps"][1]["result"]
    line = re.compile(f"KPI 2 of {answer['value']} is {answer['result']}")
    expect(page.get_by_text(line).first).to_be_visible(timeout=30_000)


def runs(stack: Stack) -> list[dict[str, str]]:
    found: list[dict[str, str]] = stack.api.get("/api/runs/?workflow=simulator_dag_2").json()["results"]
    return found
