"""What is saved goes live, in whatever order it was committed; what is not committed leaves nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.e2e.workflows.site import Site, note, shard, waited

from windsock.wire import to_json
from windsock.workflow import Workflow

pytestmark = pytest.mark.timeout(240)

REVISIONS = (
    "SELECT workflow_id, id, revision FROM windsock_workflowversion WHERE workflow_id = ANY(%s) ORDER BY id"
)


def test_transactions_that_commit_in_reverse_order_both_go_live(site: Site) -> None:
    early, late = site.name("early"), site.name("late")
    with ThreadPoolExecutor(1) as pool, site.held() as held:
        document = to_json(Workflow(id=early, steps=(note("only"),)))
        slow = pool.submit(site.call, "save_slowly", document=document, lock=held.number)
        waited(lambda: slow.done() or site.is_waited_for(held), seconds=60)
        assert not slow.done(), slow.result()
        # Airflow has read past the place of the first one before that is committed.
        site.publish(Workflow(id=late, steps=(note("only"),)))
        assert not site.details(early)
        held.release()
        slow.result()
        site.until_live(early)

    (first, first_key, first_revision), (second, second_key, second_revision) = site.django(
        REVISIONS, [early, late]
    )
    assert (first, second) == (early, late)
    assert first_key < second_key
    assert first_revision > second_revision
    site.until_live(early, late)
    site.until_known(early, late)


def test_a_rolled_back_save_leaves_nothing(site: Site) -> None:
    regretted = site.name("regretted")
    beside = site.name("kept", beside=regretted)
    document = to_json(Workflow(id=regretted, steps=(note("only"),)))
    assert site.call("save_and_regret", document=document) == 1
    # What stands in the same file and was saved later is live: the other would be too by now.
    site.publish(Workflow(id=beside, steps=(note("only"),)))

    assert shard(regretted) == shard(beside)
    assert not site.details(regretted)
    assert site.airflow("SELECT 1 FROM dag WHERE dag_id = %s", regretted) == []
    assert site.django("SELECT 1 FROM windsock_workflow WHERE id = %s", regretted) == []
    assert site.django("SELECT 1 FROM windsock_workflowversion WHERE workflow_id = %s", regretted) == []


def test_what_only_airflow_refuses_is_told_on_its_own_row_alone(site: Site) -> None:
    refused, beside = (name := site.name("refused")), site.name("beside", beside=name)
    never = site.name("never", beside=name)
    sound = Workflow(id=refused, steps=(note("only", word="sound"),))
    site.publish(sound, Workflow(id=beside, steps=(note("only"),)))
    [in_force] = site.newest(refused).values()

    bad = Workflow(id=refused, tags=("forbidden",), steps=(note("only", word="bad"),))
    site.save(bad, Workflow(id=never, tags=("forbidden",), steps=(note("only"),)))
    for id in (refused, never):
        problem = waited(
            lambda id=id: (
                site.stack.api.get(f"/api/workflows/{id}/").json()["problem"].startswith("Airflow: ")
            )
        )
        assert problem
    assert "forbidden tag" in site.stack.api.get(f"/api/workflows/{refused}/").json()["problem"]

    # The neighbour stays, also while it is edited itself.
    site.publish(Workflow(id=beside, description="edited", steps=(note("only"),)))
    assert site.stack.api.get(f"/api/workflows/{beside}/").json()["problem"] == ""
    # The last good version is served and runs.
    assert site.digest(refused) == in_force
    run = site.start(refused)
    assert site.until_ended(run) == "DONE", site.say(run)
    result = "SELECT s.result FROM windsock_taskrun s JOIN windsock_workflowrun r ON r.id = s.workflow_run_id"
    assert site.django(result + " WHERE r.run_id = %s", run.run_id) == [("sound",)]
    assert site.details(never) == {}
    assert site.airflow("SELECT 1 FROM import_error") == []

    site.publish(Workflow(id=refused, steps=(note("only", word="mended"),)))
    assert site.stack.api.get(f"/api/workflows/{refused}/").json()["problem"] == ""
