"""A workflow that people write over REST goes live on the real Airflow, is run, edited and retired."""

import pytest
from tests.e2e.workflows.site import Run, Site, waited

pytestmark = pytest.mark.timeout(240)

RESULTS = (
    "SELECT s.step, s.result FROM windsock_taskrun s JOIN windsock_workflowrun r ON r.id = s.workflow_run_id "
    "WHERE r.run_id = %s ORDER BY s.step"
)
FIRST = {"name": "first", "task": "rules.tasks.note", "kwargs": {"word": "{{ params.word }}"}}
SECOND = {
    "name": "second",
    "task": "rules.tasks.note",
    "kwargs": {"word": "{{ results.first }} twice"},
    "after": ["first"],
}


def ran(site: Site, run: Run) -> dict[str, str]:
    assert site.until_ended(run) == "DONE", site.say(run)
    return dict(site.django(RESULTS, run.run_id))


def test_what_is_posted_goes_live_and_runs_as_does_each_change(site: Site) -> None:
    api, id = site.stack.api, site.name("posted")
    param = {"default": "unsaid", "schema": {"type": "string"}}
    document = {"id": id, "description": "Posted.", "params": {"word": param}, "steps": [FIRST]}

    answer = api.post("/api/workflows/", json=document)
    assert answer.status_code == 201, answer.text
    site.until_live(id)
    assert site.details(id)["description"].startswith("Posted.")
    assert ran(site, site.start(id, word="said")) == {"first": "said"}

    answer = api.patch(f"/api/workflows/{id}/", json={"steps": [FIRST, SECOND]})
    assert answer.status_code == 200, answer.text
    site.until_live(id)
    assert ran(site, site.start(id)) == {"first": "unsaid", "second": "unsaid twice"}

    assert api.delete(f"/api/workflows/{id}/").status_code == 204
    waited(lambda: site.details(id)["is_stale"])
    assert api.get("/api/runs/", params={"workflow": id}).json()["count"] == 2
