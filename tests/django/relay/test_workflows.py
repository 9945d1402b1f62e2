from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.django.fake_airflow import FakeAirflow

from windsock.django.actions import revisions, workflows
from windsock.django.models import Workflow, WorkflowVersion
from windsock.django.orchestrator import SENTINEL
from windsock.django.relay.workflows import Publisher, shard
from windsock.errors import OrchestratorAway

pytestmark = pytest.mark.django_db
DIGESTS = {letter: letter * 32 for letter in "abcdef"}


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fake() -> FakeAirflow:
    fake = FakeAirflow()
    fake.add_sentinel()
    return fake


@pytest.fixture
def publisher(fake: FakeAirflow, clock: Clock) -> Publisher:
    return Publisher(fake.client(), clock=clock)


Rounds = Callable[..., None]


@pytest.fixture
def rounds(publisher: Publisher, clock: Clock) -> Rounds:
    """Do rounds as the relay would, for a time of the publisher's own clock."""

    def go(*, seconds: float) -> None:
        end = clock.now + seconds
        while clock.now < end:
            pause = publisher.run() or timedelta(seconds=2)
            clock.now += pause.total_seconds()

    return go


def write(workflow: str, letter: str) -> None:
    Workflow.objects.get_or_create(id=workflow, source="test")
    WorkflowVersion.objects.create(workflow_id=workflow, digest=DIGESTS[letter], document={"id": workflow})


def live(workflow: str) -> int | None:
    return Workflow.objects.get(id=workflow).live_revision


def serve(fake: FakeAirflow, workflow: str) -> None:
    """Serve the newest numbered version, as a parse would."""
    version = WorkflowVersion.objects.filter(workflow=workflow, revision__isnull=False).order_by("-revision")[
        0
    ]
    fake.serve(workflow, version.revision or 0, version.digest)


def test_a_version_is_numbered_asked_for_and_seen_in_force(
    fake: FakeAirflow, publisher: Publisher, clock: Clock
) -> None:
    write("w", "a")

    assert publisher.run() == timedelta(seconds=0.1)
    assert fake.parses == ["sentinel"]
    assert live("w") is None
    serve(fake, "w")
    clock.now += 0.1
    assert publisher.run() is None

    assert live("w") == 1
    assert WorkflowVersion.objects.get().live_at is not None


def test_the_digest_counts_not_the_revision(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    fake.serve("w", 1, DIGESTS["b"])
    rounds(seconds=1)
    assert live("w") is None

    fake.serve("w", 0, DIGESTS["a"])
    rounds(seconds=1)
    assert live("w") == 1


def test_a_stale_dag_is_not_in_force(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    fake.serve("w", 1, DIGESTS["a"], is_stale=True)
    rounds(seconds=1)

    assert live("w") is None


def test_an_edit_goes_the_same_way(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    fake.on_parse = lambda: serve(fake, "w")
    rounds(seconds=1)
    write("w", "b")
    rounds(seconds=1)

    assert fake.parses == ["sentinel", "sentinel"]
    assert live("w") == 2


def test_a_batch_is_asked_for_once(fake: FakeAirflow, rounds: Rounds) -> None:
    for number in range(30):
        write(f"w{number}", "a")

    def parse() -> None:
        for number in range(30):
            serve(fake, f"w{number}")

    fake.on_parse = parse
    rounds(seconds=1)

    assert fake.parses == ["sentinel"]
    assert Workflow.objects.exclude(live_revision=None).count() == 30


def test_nothing_is_asked_for_while_a_file_is_in_flight(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    rounds(seconds=0.3)
    write("x", "a")
    rounds(seconds=0.5)
    assert fake.parses == ["sentinel"]

    fake.on_parse = lambda: serve(fake, "x")
    serve(fake, "w")
    rounds(seconds=0.5)
    assert len(fake.parses) == 2
    assert live("x") == 2


def test_a_refresh_that_was_missed_is_asked_for_again(fake: FakeAirflow, rounds: Rounds) -> None:
    """The file was being parsed while the bundle was refreshed: it looks older than its last finish."""
    write("w", "a")
    fake.serve("w", 0, DIGESTS["f"])
    rounds(seconds=1.9)
    assert len(fake.parses) == 1
    fake.on_parse = lambda: serve(fake, "w")
    rounds(seconds=1)

    assert fake.parses == ["sentinel", "token-of-w"]
    assert live("w") == 1


def test_an_edit_during_the_flight_goes_live_at_its_own_digest(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    rounds(seconds=0.3)
    write("w", "b")
    serve(fake, "w")
    fake.on_parse = lambda: serve(fake, "w")
    rounds(seconds=3)

    assert live("w") == 2
    assert WorkflowVersion.objects.get(digest=DIGESTS["a"]).live_at is None


def test_what_is_not_served_is_said_to_be_stuck_and_later_not(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    rounds(seconds=9)
    assert Workflow.objects.get().problem == ""
    rounds(seconds=3)
    assert Workflow.objects.get().problem.startswith("Not live yet: Airflow does not serve revision 1")

    serve(fake, "w")
    rounds(seconds=10)
    assert (live("w"), Workflow.objects.get().problem) == (1, "")


def test_an_airflow_that_is_away_is_named_and_awaited(fake: FakeAirflow, rounds: Rounds) -> None:
    fake.is_away = True
    write("w", "a")
    rounds(seconds=15)
    assert "cannot be reached" in Workflow.objects.get().problem

    fake.is_away = False
    fake.on_parse = lambda: serve(fake, "w")
    rounds(seconds=3)
    assert (live("w"), Workflow.objects.get().problem) == (1, "")


def test_what_waits_long_is_looked_at_seldom(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    rounds(seconds=600)
    fake.requests.clear()
    fake.parses.clear()
    rounds(seconds=60)

    assert len(fake.requests) <= 15
    assert len(fake.parses) <= 1


def test_what_airflow_refused_is_left_in_peace(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    rounds(seconds=1)
    workflows.report("w", 1, "no such pool")
    fake.parses.clear()
    fake.requests.clear()
    rounds(seconds=120)

    assert fake.parses == []
    assert len(fake.requests) <= 3
    assert Workflow.objects.get().problem == "Airflow: no such pool"


def test_a_stuck_one_holds_up_no_other(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    rounds(seconds=30)
    write("x", "a")
    fake.on_parse = lambda: serve(fake, "x")
    rounds(seconds=1)

    assert live("x") == 2


def test_a_tombstone_is_in_force_when_nothing_is_scheduled(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    fake.on_parse = lambda: serve(fake, "w")
    rounds(seconds=1)
    fake.on_parse = lambda: None
    WorkflowVersion.objects.create(workflow_id="w", digest=revisions.TOMBSTONE)
    rounds(seconds=60)
    assert live("w") == 1
    assert Workflow.objects.get().problem == ""

    fake.dags["w"]["is_stale"] = True
    rounds(seconds=6)
    assert live("w") is None
    assert not WorkflowVersion.objects.filter(is_settled=False).exists()


def test_a_tombstone_on_its_way_holds_up_no_edit(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    fake.on_parse = lambda: serve(fake, "w")
    rounds(seconds=1)
    WorkflowVersion.objects.create(workflow_id="w", digest=revisions.TOMBSTONE)
    rounds(seconds=0.5)
    write("x", "a")
    fake.on_parse = lambda: serve(fake, "x")
    rounds(seconds=0.5)

    assert live("x") == 3


def test_a_bundle_that_was_never_read_is_waited_for(fake: FakeAirflow, rounds: Rounds) -> None:
    del fake.dags[SENTINEL]
    write("w", "a")
    rounds(seconds=3)
    assert fake.parses == []
    serve(fake, "w")
    rounds(seconds=3)

    assert live("w") == 1


def test_a_token_that_is_no_good_any_more_is_forgotten(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    fake.on_parse = lambda: serve(fake, "w")
    rounds(seconds=1)
    fake.dags["windsock_sentinel"]["file_token"] = "another"
    fake.on_parse = lambda: None
    write("w", "b")
    rounds(seconds=1.5)
    fake.on_parse = lambda: serve(fake, "w")
    rounds(seconds=5)

    assert live("w") == 2


def test_nothing_to_do_asks_airflow_nothing(fake: FakeAirflow, publisher: Publisher) -> None:
    assert publisher.run() is None
    assert fake.requests == []


def test_without_airflow_versions_are_numbered_all_the_same() -> None:
    write("w", "a")

    assert Publisher(None).run() is None
    assert WorkflowVersion.objects.get().revision == 1


def test_a_workflow_has_its_file_for_ever() -> None:
    assert [shard(name) for name in ("simulator_dag_1", "simulator_dag_2")] == ["69", "ce"]


def test_an_away_airflow_is_no_surprise(fake: FakeAirflow, publisher: Publisher) -> None:
    fake.is_away = True
    write("w", "a")

    assert publisher.run() == timedelta(seconds=1)
    with pytest.raises(OrchestratorAway):
        fake.client().served("w")
