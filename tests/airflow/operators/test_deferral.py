import json
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.bases.operator import BaseOperator

from windsock.airflow.operators.deferral import as_document, is_templated


@pytest.mark.parametrize(
    ("value", "needs_it"),
    [
        ("{{ ds }}", True),
        ({"a": ["x", {"b": "{% if x %}"}]}, True),
        ({"{{ ds }}": 1}, True),
        (("{# x #}",), True),
        ("{ ds }", False),
        ({"a": [1, None, 2.5, True]}, False),
        ("", False),
    ],
)
def test_a_template_is_seen_wherever_it_is(value: Any, needs_it: bool) -> None:
    assert is_templated(value) is needs_it


def test_another_tasks_result_needs_a_worker_too() -> None:
    with DAG("d", schedule=None):
        first = BaseOperator(task_id="first")
    assert is_templated({"kwargs": [first.output]})


def test_arguments_go_as_json() -> None:
    assert json.loads(as_document("report", {"a": [1, None], "b": {"c": "ü"}})) == {
        "a": [1, None],
        "b": {"c": "ü"},
    }


@pytest.mark.parametrize("value", [datetime.now(UTC), {1, 2}, float("nan"), object()])
def test_what_json_cannot_hold_is_refused_with_advice(value: Any) -> None:
    with pytest.raises(TypeError, match=r"arguments of report cannot be sent .*isoformat"):
        as_document("report", {"kwargs": {"a": value}})
