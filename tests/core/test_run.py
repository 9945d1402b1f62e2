from itertools import product

import pytest

from windsock.run import (
    AIRFLOW_RUN_STATES,
    AIRFLOW_TASK_STATES,
    CELERY_STATES,
    DJANGO_STATUSES,
    FINISHED,
    TRANSITIONS,
    EventKind,
    Status,
    advance,
    sources,
)

P, W, D, F, C, S = (
    Status.PENDING,
    Status.PROCESSING,
    Status.DONE,
    Status.FAILED,
    Status.CANCELLED,
    Status.SKIPPED,
)

#: The whole machine: a row per status, a column per event in the order of EventKind.
TABLE = {
    #  started succeeded failed retried cancelled skipped
    P: (W, P, F, P, C, S),
    W: (W, D, F, P, C, S),
    D: (D,) * 6,
    F: (F,) * 6,
    C: (C,) * 6,
    S: (S,) * 6,
}


@pytest.mark.parametrize(("status", "event"), list(product(Status, EventKind)))
def test_every_event_in_every_status_does_what_the_table_says(status: Status, event: EventKind) -> None:
    assert advance(status, event) is TABLE[status][list(EventKind).index(event)]


@pytest.mark.parametrize(("status", "event"), list(product(sorted(FINISHED), EventKind)))
def test_a_finished_record_never_goes_back(status: Status, event: EventKind) -> None:
    assert advance(status, event) is status


@pytest.mark.parametrize(("status", "event"), list(product(Status, EventKind)))
def test_a_doubled_event_changes_nothing_more(status: Status, event: EventKind) -> None:
    once = advance(status, event)
    assert advance(once, event) is once


@pytest.mark.parametrize("status", Status)
def test_a_status_is_finished_exactly_when_no_event_leaves_it(status: Status) -> None:
    assert status.is_finished == all(advance(status, event) is status for event in EventKind)


@pytest.mark.parametrize("event", EventKind)
def test_sources_are_the_statuses_that_an_event_leaves(event: EventKind) -> None:
    assert set(sources(event)) == {status for status in Status if advance(status, event) is not status}


def test_every_status_but_the_first_can_be_reached() -> None:
    assert set(TRANSITIONS.values()) == set(Status)


@pytest.mark.parametrize("table", [AIRFLOW_TASK_STATES, AIRFLOW_RUN_STATES, CELERY_STATES])
def test_foreign_states_map_to_statuses(table: dict[str | None, Status]) -> None:
    assert set(table.values()) <= set(Status)


def test_every_status_has_a_name_in_django() -> None:
    assert set(DJANGO_STATUSES) == set(Status)
    assert set(DJANGO_STATUSES.values()) == {"READY", "RUNNING", "SUCCESSFUL", "FAILED"}
