"""Simulators in the admin, and what their workflows do."""

import json
import re
from collections.abc import Iterator

import httpx
import pytest
from tests.e2e.example.conftest import PASSWORD, Site

ADD = "/admin/simulator/simulator/add/"
FORM = {"name": "Test mast", "start_date": "2026-01-01", "interval": "hourly", "cron": "", "kpi_id": "1"}


@pytest.fixture
def admin(site: Site) -> Iterator[httpx.Client]:
    """The superuser with a session."""
    with httpx.Client(base_url=site.url, trust_env=False, follow_redirects=True) as client:
        submit(client, "/admin/login/?next=/admin/", {"username": "admin", "password": PASSWORD})
        yield client


def submit(client: httpx.Client, url: str, form: dict[str, str]) -> str:
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(url).text)
    assert token
    answer = client.post(url, data={"csrfmiddlewaretoken": token[1], **form})
    assert answer.status_code == 200, answer.text
    return answer.text


def documents(site: Site, name: str) -> list[dict[str, object] | None]:
    rows = site.sql(
        "SELECT v.document FROM windsock_workflowversion v JOIN windsock_workflow w ON w.id = v.workflow_id "
        "WHERE w.title = %s ORDER BY v.id",
        name,
    )
    return [document for (document,) in rows]


def test_saving_publishes_editing_changes_and_deleting_retires(admin: httpx.Client, site: Site) -> None:
    submit(admin, ADD, FORM)
    [(pk,)] = site.sql("SELECT id FROM simulator_simulator WHERE name = 'Test mast'")
    [document] = documents(site, "Test mast")
    assert document
    assert document["id"] == f"simulator_dag_{pk}"
    assert document["schedule"] == {"cron": ["@hourly"], "start": "2026-01-01T00:00:00+00:00"}
    submit(
        admin, f"/admin/simulator/simulator/{pk}/change/", FORM | {"interval": "cron", "cron": "*/5 * * * *"}
    )
    last = documents(site, "Test mast")[-1]
    assert last
    assert last["schedule"] == {"cron": ["*/5 * * * *"], "start": "2026-01-01T00:00:00+00:00"}
    submit(admin, f"/admin/simulator/simulator/{pk}/delete/", {"post": "yes"})
    assert documents(site, "Test mast")[-1] is None
    assert site.sql("SELECT retired_at IS NOT NULL FROM windsock_workflow WHERE title = 'Test mast'") == [
        (True,)
    ]


@pytest.mark.parametrize("cron", ["", "61 * * * *", "whenever", "* * * *"])
def test_a_bad_cron_expression_is_refused_at_its_field(admin: httpx.Client, site: Site, cron: str) -> None:
    page = submit(admin, ADD, FORM | {"name": "Bad mast", "interval": "cron", "cron": cron})
    field = re.search(r'<div class="form-row errors field-cron">.*?</div>', page, re.DOTALL)
    assert field, page
    assert "cron expression" in field[0]
    assert site.sql("SELECT count(*) FROM simulator_simulator WHERE name = 'Bad mast'") == [(0,)]


def test_a_cron_expression_that_is_not_used_may_be_anything(admin: httpx.Client, site: Site) -> None:
    submit(admin, ADD, FORM | {"name": "Idle cron", "cron": "whenever"})
    assert site.sql("SELECT count(*) FROM simulator_simulator WHERE name = 'Idle cron'") == [(1,)]


STEPS = """
import json, logging, sys
from simulator import tasks
logging.basicConfig(stream=sys.stdout, format="%(message)s")
logging.getLogger("simulator").setLevel("INFO")
value = tasks.draw_value.func()
answer = tasks.request_kpi.func(value, 3)
print(json.dumps([value, answer, tasks.keep_reading.func(1, answer)]))
"""


def test_the_steps_draw_ask_over_http_log_and_keep(site: Site) -> None:
    log, last = site.python(STEPS).splitlines()
    value, answer, reading = json.loads(last)
    assert 0 <= value <= 25
    assert answer["value"] == value
    assert log == f"KPI 3 of {value} is {answer['result']} Bft"
    assert site.sql(
        "SELECT simulator_id, kpi_id, value, result FROM simulator_kpireading WHERE id = %s", reading
    ) == [(1, 3, value, answer["result"])]


def test_a_step_passes_on_what_the_one_before_returned(site: Site) -> None:
    [document] = documents(site, "North field")
    assert document
    steps = {step["name"]: step for step in document["steps"]}  # type: ignore[attr-defined]
    assert steps["ask"]["uses"] == ["draw"]
    assert steps["keep"]["uses"] == ["ask"]


def test_the_workflow_in_code_is_sound(site: Site) -> None:
    plans = (
        "from windsock.django import declared; print([(each.id, each.problem) for each in declared.plans()])"
    )
    assert site.python(plans) == "[('simulator_housekeeping', '')]\n"


def test_housekeeping_deletes_what_is_old(site: Site) -> None:
    site.sql(
        "INSERT INTO simulator_kpireading (simulator_id, kpi_id, value, result, created_at)"
        " VALUES (1, 1, 5, 76.56, now() - interval '91 days'), (1, 1, 5, 76.56, now() - interval '89 days')"
    )
    assert site.python("from simulator import tasks; print(tasks.delete_old_readings.func(90))") == "1\n"
    assert site.python("from simulator import tasks; print(tasks.delete_old_readings.func(88))") == "1\n"


REFUSED = """
from simulator import tasks
try:
    tasks.request_kpi.func("fast", 1)
except Exception as error:
    print(type(error))
"""


def test_a_refused_question_fails_the_step(site: Site) -> None:
    assert site.python(REFUSED).strip() == "<class 'httpx.HTTPStatusError'>"
