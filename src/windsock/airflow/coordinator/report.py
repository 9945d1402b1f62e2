"""What Airflow is told about a step's end, and what its task log shows of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import structlog
from airflow.sdk.api.client import ServerResponseError
from airflow.sdk.api.datamodels._generated import TaskInstanceState, TerminalStateNonSuccess
from airflow.sdk.configuration import conf

from windsock.airflow.plan import RESULT

if TYPE_CHECKING:
    from airflow.sdk.api.client import Client
    from airflow.sdk.api.datamodels._generated import TaskInstance
    from structlog.typing import FilteringBoundLogger

log = structlog.get_logger(logger_name="windsock.coordinator")


class Report:
    """Ends one task instance. Each method is final: it reaches Airflow or says in a log that it could not."""

    def __init__(self, *, client: "Client", ti: "TaskInstance", task_log: "FilteringBoundLogger") -> None:
        """Take the claimed task instance, and the logger of what its task log shows."""
        self._client = client
        self._ti = ti
        self._task_log = task_log
        self.state: str = TaskInstanceState.RUNNING  #: the state that Airflow was told

    def keep(self, value: Any) -> None:
        """Push the result as XCom; nothing is pushed for ``None``, as Airflow's own runner does.

        Raises:
            ServerResponseError: Airflow refuses it.
        """
        if value is None:
            return
        ti, length = self._ti, self._length(value)
        try:
            self._client.xcoms.set(
                ti.dag_id, ti.run_id, ti.task_id, RESULT, value, ti.map_index, mapped_length=length
            )
        except ServerResponseError as error:
            # What earlier attempts left was cleared when this one was claimed: it is there from a request of
            # ours, which the client repeated because the answer did not come in time.
            if error.response.status_code != httpx.codes.CONFLICT:
                raise

    def succeed(self) -> None:
        """Set the state to success.

        A response that got lost is asked for again: the server takes a repetition for what it is. In no case
        is the step reported as failed after this, for it would run a second time.
        """
        self._task_log.info("The step succeeded")
        self._deliver(
            TaskInstanceState.SUCCESS,
            lambda: self._client.task_instances.succeed(
                self._ti.id, datetime.now(UTC), task_outlets=[], outlet_events=[], rendered_map_index=None
            ),
        )

    def skip(self, message: str) -> None:
        """Set the state to skipped."""
        self._task_log.info(f"The step was skipped: {message}")
        self._finish(TaskInstanceState.SKIPPED)

    def retry_or_fail(self, *, retry: bool, after: timedelta | None) -> None:
        """Set the state to up-for-retry or failed.

        Args:
            retry: whether a try is left and makes sense.
            after: how long to wait before it; ``None`` leaves that to the DAG.
        """
        if not retry:
            self._finish(TaskInstanceState.FAILED)
            return
        wait = "the delay of its DAG" if after is None else f"{after.total_seconds():g} s"
        self._task_log.info(f"The step is tried again after {wait}")
        self._deliver(
            TaskInstanceState.UP_FOR_RETRY,
            lambda: self._client.task_instances.retry(
                self._ti.id,
                datetime.now(UTC),
                rendered_map_index=None,
                retry_delay_seconds=None if after is None else after.total_seconds(),
            ),
        )

    def _finish(self, state: TaskInstanceState) -> None:
        self._deliver(
            state,
            lambda: self._client.task_instances.finish(
                self._ti.id, TerminalStateNonSuccess(state), datetime.now(UTC), rendered_map_index=None
            ),
        )

    def _deliver(self, state: TaskInstanceState, send: Callable[[], None]) -> None:
        self.state = state
        for last in (False, True):
            try:
                send()
            except Exception as error:
                # The client itself tries five times; what the server refuses stays refused.
                refused = isinstance(error, ServerResponseError) and error.response.status_code < 500
                if refused or last:
                    log.exception("Airflow did not take the state", ti_id=self._ti.id, state=state)
                    return
            else:
                return

    def _length(self, value: Any) -> int | None:
        mapped = self._ti.map_index is not None and self._ti.map_index >= 0
        # A longer list may still be a result, only nothing can be mapped over it.
        if mapped or not isinstance(value, list) or len(value) > conf.getint("core", "max_map_length"):
            return None
        return len(value)
