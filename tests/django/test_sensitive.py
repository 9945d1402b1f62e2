import logging
from typing import Any

import pytest
from tests.django import keyed_jobs

from windsock.django.models import TaskRun
from windsock.django.sensitive import MASK, scrub, shown_args, shown_input, shown_kwargs
from windsock.django.tasks import Label

SECRET = "to\"p \\ se'cret é"


def run(**columns: Any) -> TaskRun:
    return TaskRun(**{"args": [], "kwargs": {}, "sensitive": ["password"]} | columns)


def test_arguments_are_masked_by_place_and_by_name_at_any_depth() -> None:
    shown = run(
        args=["ada", SECRET, {"body": [{"password": SECRET}]}],
        kwargs={"password": {"old": SECRET}, "again": True},
        sensitive=["password", 1],
    )

    assert shown_args(shown) == ["ada", MASK, {"body": [{"password": MASK}]}]
    assert shown_kwargs(shown) == {"password": MASK, "again": True}
    assert shown.args[1] == SECRET, "the record keeps what is needed to run it"


def test_what_the_caller_sent_is_masked_by_field() -> None:
    sent = {"username": "ada", "password": SECRET, "more": [{"password": None}]}

    assert shown_input(run(input_data=sent)) == {
        "username": "ada",
        "password": MASK,
        "more": [{"password": MASK}],
    }
    assert shown_input(run(input_data=None)) is None
    assert shown_input(run(input_data=sent, sensitive=[])) == sent


@pytest.mark.parametrize("form", [str, repr, lambda value: f"{{'password': {value!r}}}"])
def test_a_text_loses_the_values_however_they_were_printed(form: Any) -> None:
    text = scrub(run(kwargs={"password": [SECRET]}), f"before {form(SECRET)} after")

    assert "cret" not in text
    assert (text.startswith("before "), text.endswith(" after"), MASK in text) == (True, True, True)


def test_a_short_value_is_masked_as_a_word_only() -> None:
    secret = run(kwargs={"password": [7, "no", "", True, None, 123456]})

    text = scrub(secret, "7 of 17 said no to nothing: 123456, 1234567 True None.")

    assert text == f"{MASK} of 17 said {MASK} to nothing: {MASK}, 1234567 True None."


def test_the_longer_value_goes_first() -> None:
    secret = run(kwargs={"password": ["pass", "passport"]})

    assert scrub(secret, "passport pass") == f"{MASK} {MASK}"


def test_without_sensitive_names_a_text_stays() -> None:
    assert scrub(run(kwargs={"password": SECRET}, sensitive=[]), SECRET) == SECRET


@pytest.mark.django_db
class TestEverywhere:
    def test_the_record_says_what_is_hidden(self) -> None:
        keyed_jobs.sign_in.enqueue("ada", SECRET)
        keyed_jobs.sign_in.enqueue("ada", password=SECRET)
        keyed_jobs.collect.enqueue(1, "x", "y", token="z")

        first, second, third = TaskRun.objects.order_by("id")
        assert first.sensitive == ["password", 1]
        assert second.sensitive == ["password"]
        assert shown_args(third) == [1, MASK, MASK]
        assert shown_kwargs(third) == {"token": MASK}

    def test_neither_result_nor_task_print_them(self, caplog: pytest.LogCaptureFixture) -> None:
        label = Label(name="form", input_data={"password": SECRET})
        with caplog.at_level(logging.DEBUG, logger="django_tasks"):
            result = keyed_jobs.sign_in.using(label=label).enqueue("ada", SECRET)

        for text in (repr(result), repr(result.task), str(result), caplog.text):
            assert "cret" not in text
        assert result.args == ["ada", SECRET]
        assert "ada" in repr(result)

    @pytest.mark.parametrize("value", ["\x00", "\ud800", float("nan")])
    def test_a_refused_argument_is_not_quoted(self, value: Any) -> None:
        for calls in ([((SECRET, value), {})], [((SECRET, value), {})] * 2):
            with pytest.raises(ValueError, match=r"PostgreSQL|JSON") as caught:
                keyed_jobs.sign_in.enqueue_many(calls)
            assert "cret" not in str(caught.value)
