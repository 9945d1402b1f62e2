"""A person starts a run in Airflow's own pages."""

import re
from collections.abc import Iterator
from typing import Any

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


def test_the_trigger_form_asks_for_the_params_of_a_workflow(stack: Stack, page: Page) -> None:
    days = {"default": 3650, "description": "Older ones go.", "schema": {"type": "integer", "minimum": 1}}
    step = {"name": "delete", "task": "simulator.tasks.delete_old_readings", "args": ["{{ params.days }}"]}
    document = {"id": "asks_for_days", "params": {"days": days}, "steps": [step]}
    assert stack.api.post("/api/workflows/", json=document).status_code == 201
    eventually(lambda: stack.airflow.get("/api/v2/dags/asks_for_days").is_success)

    sign_in(page, stack)
    page.goto(f"{stack.status['airflow_url']}/dags/asks_for_days")
    page.get_by_role("button", name="Trigger").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Older ones go.")).to_be_visible()
    field = dialog.get_by_role("spinbutton", name="days")
    expect(field).to_have_value("3650")
    field.fill("4000")
    dialog.get_by_role("button", name="Trigger").click()

    asked = "/api/runs/?workflow=asks_for_days"
    run = eventually(lambda: next(iter(stack.api.get(asked).json()["results"]), None))
    run = eventually(lambda: found if (found := look(stack, run["id"]))["status"] == "DONE" else None)
    assert run["params"] == {"days": 4000}
    assert [step["status"] for step in run["steps"]] == ["DONE"]


def look(stack: Stack, run: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.api.get(f"/api/runs/{run}/").json()
    return found
