from datetime import UTC, datetime

import httpx
import pytest

from windsock.django.orchestrator import reading

RUN = {"dag_id": "a", "dag_run_id": "r", "state": "queued", "run_type": "manual"}


@pytest.mark.parametrize(("version", "revision"), [("7", 7), ("r7", None), ("", None), (None, None)])
def test_only_a_number_is_a_revision(version: str | None, revision: int | None) -> None:
    run = reading.dag_run({**RUN, "bundle_version": version, "conf": None}, datetime.now(UTC))

    assert (run.revision, run.params, run.started_at) == (revision, {}, None)


def test_a_line_of_the_audit_log_may_name_nothing() -> None:
    deed = reading.deed({"event_log_id": 3, "event": "patch_dags", "dag_id": None})

    assert (deed.id, deed.what, deed.workflow, deed.run_id) == (3, "patch_dags", "", "")


def test_the_servers_time_is_its_date_or_ours() -> None:
    dated = httpx.Response(200, headers={"Date": "Fri, 02 Jan 2026 03:04:05 GMT"})
    assert reading.date_of(dated) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert abs((reading.date_of(httpx.Response(200)) - datetime.now(UTC)).total_seconds()) < 5
