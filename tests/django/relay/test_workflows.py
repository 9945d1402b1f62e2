import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from tests.django.fake_airflow import FakeAirflow

from windsock.django.actions import liveness, refusals, revisions
from windsock.django.models import Workflow, WorkflowVersion
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


def serve_all(fake: FakeAirflow, workflows: list[str]) -> None:
    for workflow in workflows:
        serve(fake, workflow)


def test_a_version_is_numbered_asked_for_and_seen_in_force(
    fake: FakeAirflow, publisher: Publisher, clock: Clock
) -> None:
    write("w", "a")

    assert publisher.run() == timedelta(seconds=0.3)
    assert fake.parses == ["sentinel"]
    assert live("w") is None
    serve(fake, "w")
    clock.now += 0.3
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
    assert Workflow.objects.get().problem.startswith("Not live yet: Airflow does not serve the newest")

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


def test_what_airflow_refused_is_waited_for_no_more(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    rounds(seconds=1)
    refusals.report("w", 1, "no such pool")
    fake.parses.clear()
    fake.requests.clear()
    rounds(seconds=120)

    assert (fake.parses, fake.requests) == ([], [])
    assert Workflow.objects.get().problem == "Airflow: no such pool"


def test_the_good_version_before_a_refused_one_is_seen_in_force(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    rounds(seconds=0.3)
    write("w", "b")
    rounds(seconds=0.3)
    fake.serve("w", 1, DIGESTS["a"])
    refusals.report("w", 2, "no such pool")
    rounds(seconds=3)

    assert live("w") == 1
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
    del fake.dags["windsock_sentinel"]
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


# Many at once


def write_many(count: int, letter: str = "a") -> list[str]:
    names = [f"m{number:04}" for number in range(count)]
    Workflow.objects.bulk_create([Workflow(id=name, source="test") for name in names], ignore_conflicts=True)
    versions = [WorkflowVersion(workflow_id=name, digest=DIGESTS[letter], document={}) for name in names]
    WorkflowVersion.objects.bulk_create(versions)
    return names


def details(fake: FakeAirflow) -> int:
    return sum(request.endswith("/details") for request in fake.requests)


def test_many_that_are_new_are_found_in_the_list(fake: FakeAirflow, rounds: Rounds) -> None:
    names = write_many(300)
    fake.on_parse = lambda: serve_all(fake, names)
    rounds(seconds=5)

    assert Workflow.objects.exclude(live_revision=None).count() == 300
    assert fake.parses == ["sentinel"]
    assert details(fake) == 1
    assert fake.requests.count("GET /api/v2/dags") == 4


def test_what_was_in_force_before_is_looked_at_itself_once_the_list_shows_it(
    fake: FakeAirflow, rounds: Rounds
) -> None:
    """Airflow lists an edit at once and may serve it later."""
    names = write_many(150)
    for name in names:
        fake.serve(name, 0, DIGESTS["a"])
    rounds(seconds=3)
    write_many(150, "b")
    for number, name in enumerate(names):
        fake.serve(name, 0, DIGESTS["b"])
        if number == 7:
            fake.dags[name]["doc_md"] = f"Windsock revision 0, digest {DIGESTS['a']}"
    fake.requests.clear()
    rounds(seconds=10)

    assert set(Workflow.objects.filter(live_revision__lte=150)) == {Workflow.objects.get(id=names[7])}
    assert 150 <= details(fake) < 200
    serve(fake, names[7])
    rounds(seconds=10)
    assert not liveness.open_versions()


def test_the_list_is_read_seldom_and_holds_up_no_edit(fake: FakeAirflow, rounds: Rounds) -> None:
    write_many(300)
    rounds(seconds=5)
    write("w", "a")
    fake.on_parse = lambda: serve(fake, "w")
    rounds(seconds=2)
    assert live("w") == 301

    fake.requests.clear()
    rounds(seconds=30)
    assert fake.requests.count("GET /api/v2/dags") <= 7
    assert details(fake) == 0


def test_the_list_is_read_again_when_the_rest_may_be_there(
    fake: FakeAirflow, publisher: Publisher, clock: Clock
) -> None:
    """Airflow took 16 ms for each of the first half; it is given as much for the others."""
    names = write_many(2000)
    began = clock.now
    publisher.run()
    serve_all(fake, names[:1000])
    clock.now = began + 16
    pause = publisher.run()

    assert Workflow.objects.exclude(live_revision=None).count() == 1000
    assert pause is not None
    assert pause.total_seconds() == pytest.approx(16, abs=0.5)
    serve_all(fake, names[1000:])
    clock.now += pause.total_seconds()
    publisher.run()
    assert not liveness.open_versions()


def test_many_are_not_called_stuck_while_airflow_may_be_at_them(fake: FakeAirflow, rounds: Rounds) -> None:
    write_many(300)
    rounds(seconds=10)
    assert not Workflow.objects.exclude(problem="").exists()
    assert fake.parses == ["sentinel"]
    rounds(seconds=15)
    assert not Workflow.objects.filter(problem="").exists()


def test_many_tombstones_are_seen_in_the_list(fake: FakeAirflow, rounds: Rounds) -> None:
    names = write_many(150)
    for name in names:
        fake.serve(name, 0, DIGESTS["a"])
    rounds(seconds=3)
    WorkflowVersion.objects.bulk_create(
        [WorkflowVersion(workflow_id=name, digest=revisions.TOMBSTONE) for name in names]
    )
    for name in names[:149]:
        fake.dags[name]["is_stale"] = True
    rounds(seconds=10)

    assert [version.workflow for version in liveness.open_versions()] == [names[149]]


def test_what_airflow_lost_is_asked_for_by_its_own_file(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    serve_when_asked(fake, "w")
    rounds(seconds=2)
    fake.dags["w"]["is_stale"] = True
    fake.parses.clear()
    liveness.reopen(["w"])
    rounds(seconds=5)

    assert fake.parses[-1] == "token-of-w"
    assert not liveness.open_versions()
    assert WorkflowVersion.objects.count() == 1


def serve_when_asked(fake: FakeAirflow, workflow: str) -> None:
    """A file is parsed when it is named, or when it changed."""

    def parse() -> None:
        newest = WorkflowVersion.objects.filter(workflow=workflow).order_by("-revision")[0]
        if fake.parses[-1] == f"token-of-{workflow}" or newest.live_at is None:
            serve(fake, workflow)

    fake.on_parse = parse


def test_what_was_deleted_in_airflow_is_published_again(fake: FakeAirflow, rounds: Rounds) -> None:
    write("w", "a")
    serve_when_asked(fake, "w")
    rounds(seconds=2)
    del fake.dags["w"]
    liveness.reopen(["w"])
    rounds(seconds=25)
    assert WorkflowVersion.objects.count() == 1, "a dag-processor that begins anew brings it back"
    rounds(seconds=25)

    assert live("w") == 2
    assert WorkflowVersion.objects.get(revision=2).comment == "Airflow had lost it."


# What must hold whoever else writes


@pytest.mark.django_db(transaction=True)
def test_of_transactions_that_commit_in_reverse_order_both_go_live(fake: FakeAirflow, rounds: Rounds) -> None:
    """The first to write is the last to commit, after a reader has seen the other's revision."""
    for name in ("first", "second"):
        Workflow.objects.create(id=name, source="test")
    written, committed = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                WorkflowVersion.objects.create(workflow_id="first", digest=DIGESTS["a"], document={})
                revisions.announce()
                written.set()
                assert committed.wait(10)
        finally:
            connection.close()

    def parse() -> None:
        for version in WorkflowVersion.objects.filter(revision__isnull=False):
            serve(fake, version.workflow_id)

    fake.on_parse = parse
    thread = threading.Thread(target=slow)
    thread.start()
    assert written.wait(10)
    with transaction.atomic():
        write("second", "b")
        revisions.announce()
    rounds(seconds=1)
    assert (live("first"), live("second")) == (None, 1)
    committed.set()
    thread.join(10)
    rounds(seconds=1)

    assert (live("first"), live("second")) == (2, 1)


def test_two_hundred_saves_during_a_parse_all_go_live(fake: FakeAirflow, rounds: Rounds) -> None:
    names = [f"w{number}" for number in range(40)]
    for turn in range(5):
        for name in names:
            write(name, "abcde"[turn])
        rounds(seconds=0.3)
    fake.on_parse = lambda: serve_all(fake, names)
    rounds(seconds=10)

    assert not liveness.open_versions()
    live_ones = WorkflowVersion.objects.exclude(live_at=None)
    assert set(live_ones.values_list("digest", flat=True)) == {DIGESTS["e"]}
    assert live_ones.count() == 40


@pytest.mark.django_db(transaction=True)
def test_a_save_that_is_rolled_back_leaves_nothing(fake: FakeAirflow, publisher: Publisher) -> None:
    with transaction.atomic():
        write("w", "a")
        revisions.announce()
        transaction.set_rollback(True)

    assert publisher.run() is None
    assert fake.requests == []
    assert not WorkflowVersion.objects.exists()
