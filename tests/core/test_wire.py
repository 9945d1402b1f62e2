import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from windsock.call import Call, Failure, Outcome
from windsock.errors import WireError
from windsock.run import Event, EventKind
from windsock.testing import a_step, a_workflow
from windsock.wire import (
    PROTOCOL,
    canonical,
    check_protocol,
    digest,
    from_json,
    keys,
    limited,
    to_json,
    without_none,
)
from windsock.workflow import Param, Retry, Schedule, Step, Workflow

GOLDEN = Path(__file__).parents[1] / "wire"
START = datetime(2026, 1, 1, 6, 30, tzinfo=UTC)

#: Each value, the file that holds it, and the digest of its document: none of them may ever change.
VALUES: dict[str, tuple[Any, str]] = {
    "workflow_least": (
        Workflow(id="shop", steps=(Step(name="sync", task="shop.tasks.sync"),)),
        "9f17ed4f67d9911f5ff97b52b27e0855",
    ),
    "workflow_full": (
        Workflow(
            id="shop_daily",
            title="Täglich",
            steps=(
                Step(name="fetch", task="shop.tasks.fetch", args=(1, None, "{{ params.day }}")),
                Step(
                    name="store",
                    task="shop.tasks.store",
                    kwargs={"rows": "{{ results.fetch }}", "deep": {"list": [1, 2.5, True]}},
                    after=("fetch",),
                    uses=("fetch",),
                    retry=Retry(
                        limit=3, delay=timedelta(seconds=10), backoff=True, max_delay=timedelta(hours=1)
                    ),
                    timeout=timedelta(minutes=5),
                    trigger_rule="all_done",
                    pool="shop",
                    priority=5,
                    queue="shop",
                    depends_on_past=True,
                    teardown=True,
                ),
            ),
            schedule=Schedule(
                cron=("0 6 * * *", "30 18 * * 1-5"),
                start=START,
                end=START + timedelta(days=365),
                timezone="Europe/Berlin",
                catchup=True,
            ),
            params={"day": Param(default="today", schema={"type": "string"}, description="Which day")},
            max_active_runs=1,
            owner="shop",
            tags=("shop", "daily"),
            description="Fetch, then store.",
        ),
        "0cfea97612b394f6cd1bcc615d8da070",
    ),
    "workflow_grouped": (
        a_workflow(
            a_step("fetch", group="load.files"),
            a_step("check", group="load", after=("fetch",)),
            a_step("tell", after=("check",)),
            notify=("ada@example.com",),
        ),
        "6130559236f83e1b083717e31d753b17",
    ),
    "workflow_every": (
        a_workflow(a_step(), schedule=Schedule(every=timedelta(minutes=15), start=START)),
        "2f44a51613bd03c9cf70aaf314dc8ece",
    ),
    "call": (
        Call(function="shop.tasks.sync", args=(1, "a"), kwargs={"deep": {"x": [None]}}),
        "2599bfae2e51f0735db71738d9ec6d13",
    ),
    "outcome_value": (Outcome(value={"rows": 7, "share": 0.25}), "69a8baf427990bcf996a2a76818d7867"),
    "outcome_skipped": (Outcome(skipped=True, message="nothing new"), "6adc631e80c3b0a64b07566317a32b4d"),
    "outcome_failure": (
        Outcome(
            failure=Failure(
                exception="builtins.ValueError",
                message="so it goes",
                traceback="Traceback (most recent call last):\n  ...\nValueError: so it goes\n",
                retry=False,
            )
        ),
        "83c521e4f379849e1cfbe559f4d02b06",
    ),
    "event": (Event(kind=EventKind.RETRIED, at=START, attempt=2), "980062c58cffbb2b5251c798d6a02d1d"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_golden_file_is_read_and_written_back_byte_for_byte(name: str) -> None:
    value, fingerprint = VALUES[name]
    text = (GOLDEN / f"{name}.json").read_text()
    read = from_json(type(value), json.loads(text))
    assert read == value
    assert pretty(to_json(read)) == text
    assert digest(to_json(read)) == fingerprint


def test_every_golden_file_is_covered() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(VALUES)


def pretty(document: Any) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_what_equals_its_default_is_left_out() -> None:
    assert to_json(Step(name="a", task="b.c", retry=Retry(), after=())) == {"name": "a", "task": "b.c"}


def test_a_new_optional_field_changes_no_digest() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Grown(Retry):
        jitter: float = 0.0

    assert digest(to_json(Grown(limit=2))) == digest(to_json(Retry(limit=2)))


def test_a_field_of_a_later_version_is_passed_over() -> None:
    assert from_json(Retry, {"limit": 2, "jitter": 0.5}) == Retry(limit=2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "Workflow: expected an object"),
        ({}, "id: is missing"),
        ({"id": 7}, "id: expected str, not int"),
        ({"id": None}, "id: must not be null"),
        ({"id": "a", "steps": {}}, "steps: expected a list"),
        ({"id": "a", "steps": [None]}, "steps.0: must not be null"),
        ({"id": "a", "steps": [{"name": "b"}]}, "steps.0.task: is missing"),
        ({"id": "a", "params": []}, "params: expected an object"),
        ({"id": "a", "params": {"p": 1}}, "params.p: expected an object"),
        ({"id": "a", "max_active_runs": True}, "max_active_runs: expected int, not bool"),
        ({"id": "a", "schedule": {"start": "yesterday"}}, "schedule.start: Invalid isoformat"),
        ({"id": "a", "schedule": {"every_seconds": "1"}}, "schedule.every_seconds: unsupported type"),
        ({"id": "a", "schedule": {"catchup": 1}}, "schedule.catchup: expected bool, not int"),
    ],
)
def test_a_wrong_document_names_the_field(data: Any, message: str) -> None:
    with pytest.raises(WireError, match=message):
        from_json(Workflow, data)


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(WireError, match="kind: 'exploded'"):
        from_json(Event, {"kind": "exploded", "at": START.isoformat()})


def test_an_optional_field_may_be_null() -> None:
    assert from_json(Outcome, {"failure": None, "value": None}) == Outcome()


def test_the_canonical_form_depends_on_neither_order_nor_spacing() -> None:
    assert canonical({"b": 1, "a": "ü"}) == canonical({"a": "ü", "b": 1}) == '{"a":"ü","b":1}'.encode()


def test_not_a_number_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": float("nan")})


def test_protocols_up_to_ours_are_read() -> None:
    check_protocol({"protocol": PROTOCOL})


@pytest.mark.parametrize("message", [{}, {"protocol": PROTOCOL + 1}, {"protocol": "1"}, {"protocol": 0}])
def test_other_protocols_are_refused(message: dict[str, Any]) -> None:
    with pytest.raises(WireError, match="is not readable here"):
        check_protocol(message)


def test_the_keys_of_a_form_are_told() -> None:
    told = keys(Retry)
    assert list(told) == ["limit", "delay_seconds", "backoff", "max_delay_seconds"]
    item, hint = told["max_delay_seconds"]
    assert (item.name, without_none(hint)) == ("max_delay", timedelta)


def test_a_message_has_a_limit_and_says_where_large_data_belongs() -> None:
    assert limited({"a": 1}, 7) == b'{"a":1}'
    assert limited({"b": 1, "a": {"d": 2, "c": 3}}) == b'{"b":1,"a":{"d":2,"c":3}}'  # no order is lost
    with pytest.raises(
        WireError, match=r"7 bytes are too much .* \(limit 6\); keep large data in the database"
    ):
        limited({"a": 1}, 6)
