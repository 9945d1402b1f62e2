import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.triggers.base import TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent
from tests.airflow.fake_site import FakeSite
from tests.airflow.triggerer import Triggerer, instance, until
from tests.airflow.triggers.conftest import Said

from windsock.airflow.triggers import DjangoCheckTrigger, check

QUESTION = json.dumps({"check": "shop.checks.arrived", "kwargs": {"product": 1}})


@pytest.fixture(autouse=True)
def _short_periods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "SHORTEST", 0.1)


def trigger(**options: Any) -> DjangoCheckTrigger:
    given = {"question": QUESTION, "conn_id": "django_default", "period": 0.1}
    return DjangoCheckTrigger(**{**given, **options})


async def fired(waiting: DjangoCheckTrigger, limit: datetime | None = None) -> TriggerEvent:
    triggerer = Triggerer()
    return await triggerer.end(triggerer.start(waiting, instance(), limit))


def says(site: FakeSite, **result: Any) -> None:
    site.results["shop.checks.arrived"] = result


def test_it_is_made_again_from_what_it_says() -> None:
    path, kwargs = trigger(patience=["soft_fail"], retries=2, push=False, resumes=True).serialize()
    assert path == "windsock.airflow.triggers.check.DjangoCheckTrigger"
    assert DjangoCheckTrigger(**kwargs).serialize() == (path, kwargs)


@pytest.mark.parametrize(("value", "xcoms"), [(True, None), ({"left": 4}, {"return_value": {"left": 4}})])
def test_yes_ends_it_with_what_was_told_beside(site: FakeSite, value: Any, xcoms: Any) -> None:
    says(site, met=True, value=value)
    event = asyncio.run(fired(trigger()))
    assert isinstance(event, TaskSuccessEvent)
    assert event.xcoms == xcoms
    assert site.checks == [[json.loads(QUESTION)]]


def test_it_asks_until_the_answer_is_yes(site: FakeSite) -> None:
    async def ask() -> TriggerEvent:
        triggerer = Triggerer()
        number = triggerer.start(trigger(), instance())
        await until(lambda: len(site.checks) >= 3)
        says(site, met=True, value=True)
        return await triggerer.end(number)

    assert isinstance(asyncio.run(ask()), TaskSuccessEvent)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, TaskFailedEvent),
        ({"patience": ["soft_fail"]}, TaskSkippedEvent),
        ({"patience": ["never_fail"]}, TaskSkippedEvent),
        ({"retries": 1}, TriggerEvent),
    ],
)
def test_what_does_not_come_in_time(site: FakeSite, options: dict[str, Any], kind: type[Any]) -> None:
    event = asyncio.run(fired(trigger(**options), datetime.now(UTC) + timedelta(seconds=0.5)))
    assert type(event) is kind
    if kind is TriggerEvent:
        # A sensor that timed out is not tried again, which only a worker can say.
        assert event.payload["end"] == "timed out"


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, TaskFailedEvent),
        ({"retries": 1}, TaskFailedEvent),
        ({"patience": ["soft_fail"]}, TaskSkippedEvent),
    ],
)
def test_a_check_that_fails(site: FakeSite, options: dict[str, Any], kind: type[Any], said: Said) -> None:
    says(site, error={"exception": "builtins.LookupError", "message": "no such product"})
    assert type(asyncio.run(fired(trigger(**options)))) is kind
    assert "The check failed: builtins.LookupError: no such product" in said.text


def test_a_check_may_fail_silently_but_must_be_there(site: FakeSite, said: Said) -> None:
    async def ask() -> TriggerEvent:
        says(site, error={"exception": "builtins.LookupError", "message": "no such product"})
        triggerer = Triggerer()
        number = triggerer.start(trigger(patience=["silent_fail"]), instance())
        await until(lambda: len(site.checks) >= 2)
        says(site, error={"message": "check: No check is registered", "refused": True})
        return await triggerer.end(number)

    assert isinstance(asyncio.run(ask()), TaskFailedEvent)


def test_it_waits_while_django_is_away(site: FakeSite, said: Said) -> None:
    async def ask() -> TriggerEvent:
        site.down = True
        triggerer = Triggerer()
        number = triggerer.start(trigger(), instance())
        await until(lambda: "it is asked again until it answers" in said.text)
        await asyncio.sleep(0.3)
        site.down = False
        says(site, met=True, value=True)
        return await triggerer.end(number)

    assert isinstance(asyncio.run(ask()), TaskSuccessEvent)
    assert said.text.count("it is asked again") == 1


def test_many_ask_in_one_request_and_the_same_question_once(site: FakeSite) -> None:
    async def ask() -> None:
        triggerer = Triggerer()
        questions = [json.dumps({"check": f"c{number // 2}"}) for number in range(60)]
        for number, question in enumerate(questions):
            triggerer.start(trigger(question=question, period=60), instance(number))
        await until(lambda: site.checks)
        await asyncio.sleep(0.5)
        await triggerer.stop()

    asyncio.run(ask())
    assert [len(asked) for asked in site.checks] == [30]


def test_who_acts_on_it_ends_it(site: FakeSite) -> None:
    async def act() -> None:
        triggerer = Triggerer()
        number = triggerer.start(trigger(), instance())
        await until(lambda: site.checks)
        await triggerer.act_on(number)
        assert not triggerer.runner.events

    asyncio.run(act())
