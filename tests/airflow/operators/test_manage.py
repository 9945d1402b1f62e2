from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException

from windsock.airflow.operators import DjangoManageOperator
from windsock.testing import Recording


def test_the_command_is_named_with_its_arguments(recording: Recording) -> None:
    operator = DjangoManageOperator(
        task_id="import",
        command="import_{{ what }}",
        args=["--year", "{{ year }}"],
        options={"note": "{{ what }}"},
    )
    operator.render_template_fields({"what": "orders", "year": 2026})  # type: ignore[typeddict-unknown-key]
    operator.transport = lambda: recording  # type: ignore[method-assign]
    sent = operator.execute({})
    assert (sent["command"], sent["args"]) == ("import_orders", ["--year", "2026"])
    assert sent["options"] == {"note": "orders"}


def test_a_command_of_the_project_runs(shop: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    operator = DjangoManageOperator(
        task_id="import", command="import_orders", args=["2025", 2026], options={"dry_run": True}, **shop
    )
    assert operator.execute({}) == "imported [2025, 2026] only to look"
    assert capfd.readouterr().out.splitlines()[-1] == "imported [2025, 2026] only to look"


def test_a_command_that_fails_says_why(shop: dict[str, Any]) -> None:
    operator = DjangoManageOperator(task_id="import", command="import_orders", **shop)
    with pytest.raises(AirflowException, match=r"CommandError: which years\?"):
        operator.execute({})
