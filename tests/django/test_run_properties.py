"""The state machine by property: whatever arrives, in whatever order, however often."""

from hypothesis import given, settings
from hypothesis import strategies as some

from windsock.run import EventKind, Status, advance, sources

EVENTS = some.lists(some.sampled_from(EventKind), max_size=30)
#: A busy machine is no fault of a pure function.
UNHURRIED = settings(deadline=None)


def walk(events: list[EventKind]) -> list[Status]:
    statuses = [Status.PENDING]
    for event in events:
        statuses.append(advance(statuses[-1], event))
    return statuses


@UNHURRIED
@given(EVENTS)
def test_a_finished_record_never_changes(events: list[EventKind]) -> None:
    statuses = walk(events)
    finished = [status for status in statuses if status.is_finished]
    assert len(set(finished)) <= 1
    assert statuses[len(statuses) - len(finished) :] == finished


@UNHURRIED
@given(EVENTS, some.sampled_from(EventKind))
def test_events_after_the_end_are_as_if_they_never_came(events: list[EventKind], late: EventKind) -> None:
    end = walk(events)[-1]
    assert not end.is_finished or advance(end, late) is end


@UNHURRIED
@given(EVENTS)
def test_doubled_deliveries_end_where_single_ones_do(events: list[EventKind]) -> None:
    assert walk([event for event in events for _ in range(2)])[-1] is walk(events)[-1]


@UNHURRIED
@given(EVENTS)
def test_a_success_was_started(events: list[EventKind]) -> None:
    if walk(events)[-1] is Status.DONE:
        assert Status.PROCESSING in walk(events)


@UNHURRIED
@given(EVENTS, some.sampled_from(EventKind))
def test_a_conditional_update_by_sources_does_what_advance_does(
    events: list[EventKind], event: EventKind
) -> None:
    status = walk(events)[-1]
    assert (status in sources(event)) == (advance(status, event) is not status)
