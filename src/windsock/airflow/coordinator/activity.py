"""The supervision of one step's child, on Airflow's own loop."""

import contextlib
import logging
import selectors
import signal
import socket
import time
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

import attrs
from airflow.sdk.execution_time.supervisor import (
    SERVER_TERMINATED,
    ActivitySubprocess,
)

from windsock.airflow.coordinator.report import Report
from windsock.airflow.coordinator.streams import Streams
from windsock.airflow.coordinator.tracker import SessionTracker
from windsock.airflow.plan import RESULT, Plan, Surroundings, delay, make_plan
from windsock.airflow.tracebacks import show
from windsock.call import Failure, Outcome, describe
from windsock.transport import describe_end, lost, timed_out
from windsock.warm import Session, WarmProcess

if TYPE_CHECKING:
    from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance
    from structlog.typing import FilteringBoundLogger

#: Between a request to end and SIGKILL, seconds.
GRACE = 5.0


@attrs.define(kw_only=True)
class StepProcess(ActivitySubprocess):
    """A step that runs in a child of the warm process."""

    _session: Session
    _streams: Streams | None = attrs.field(default=None, init=False)
    _function: str
    _bundle: "BundleInfo"
    _plan: Plan | None = attrs.field(default=None, init=False)
    _not_sent: Failure | None = attrs.field(default=None, init=False)
    _deadline: float | None = attrs.field(default=None, init=False)
    _kill_at: float | None = attrs.field(default=None, init=False)
    _told: int | None = attrs.field(default=None, init=False)
    _timed_out: bool = attrs.field(default=False, init=False)

    #: Why the child gave no outcome, in words; empty if it gave one.
    lost_because: str = attrs.field(default="", init=False)

    @classmethod
    def start(  # type: ignore[override]
        cls,
        *,
        what: "TaskInstance",
        warm: WarmProcess,
        logger: "FilteringBoundLogger",
        **fields: Any,
    ) -> Self:
        """Have a child forked, claim the task instance for it, and send it its Call.

        Args:
            what: the task instance.
            warm: forks the child.
            logger: of the task log.
            fields: ``client``, ``bundle``, ``function`` (path of what the child calls), and what
                ``ActivitySubprocess`` takes.

        Raises:
            TransportError: no child could be had; the task instance is not claimed.
        """
        with contextlib.ExitStack() as opened:
            pairs = [socket.socketpair() for _ in range(3)]
            for ours, theirs in pairs:
                opened.callback(ours.close)
                opened.callback(theirs.close)
            session = warm.open(*(theirs.fileno() for _, theirs in pairs))
            for _, theirs in pairs:
                theirs.close()
            opened.pop_all()
        self = cls(
            id=what.id,
            pid=session.pid,
            process=SessionTracker(session),
            process_log=logger,
            stdin=session.channel,
            session=session,
            **fields,
        )
        self._watch(*(ours for ours, _ in pairs))
        self._claim(what)
        return self

    def output(self) -> str:
        """Return the last part of what the child wrote."""
        return self._streams.tail.text() if self._streams else ""

    @property
    def final_state(self) -> str:
        """The state that Airflow was told."""
        return self._terminal_state or "failed"

    def wait(self) -> int:
        """Supervise the child to its end, and tell Airflow what came of it."""
        if self._exit_code is not None:
            return int(self._exit_code)
        # Airflow's own handlers would reach the group's leader alone.
        previous = {sig: signal.signal(sig, self._pass_on) for sig in (signal.SIGTERM, signal.SIGINT)}
        try:
            self._monitor_subprocess()  # type: ignore[no-untyped-call]
        finally:
            for sig, handler in previous.items():
                signal.signal(sig, handler)
            self.selector.close()
            self._session.close()
        self._exit_code = 1 if self._exit_code is None else self._exit_code
        try:
            self.update_task_state_if_needed()
        finally:
            self._upload_logs()  # type: ignore[no-untyped-call]
        return int(self._exit_code)

    def update_task_state_if_needed(self) -> None:
        """Turn the outcome into a state of the task instance, unless that has been done."""
        outcome = self._outcome()
        if self._terminal_state is not None:
            return  # or Airflow has given the task instance a state of its own
        report = Report(client=self.client, ti=self.ti, task_log=self.process_log)  # type: ignore[arg-type]
        if outcome.succeeded:
            try:
                report.keep(outcome.value)
            except Exception as error:
                outcome = Outcome(failure=describe(error))
        if outcome.succeeded:
            report.succeed()
        elif outcome.failure is None:
            report.skip(outcome.message)
        else:
            self._fail(report, outcome.failure)
        self._terminal_state = report.state

    def _fail(self, report: Report, failure: Failure) -> None:
        show(self.process_log, failure)
        attempt = self.ti.try_number  # type: ignore[union-attr]
        after = delay(self._plan.step.retry, attempt) if self._plan else None
        report.retry_or_fail(retry=self._should_retry and failure.retry, after=after)

    def _outcome(self) -> Outcome:
        if self._not_sent is not None:
            return Outcome(failure=self._not_sent)
        if self._session.outcome is not None:
            return self._session.outcome
        if self._timed_out and self._plan and self._plan.step.timeout:
            self.lost_because = f"time limit of {self._plan.step.timeout.total_seconds():g} s"
            return timed_out(self._plan.step.timeout)
        ended = self._terminal_state == SERVER_TERMINATED
        self.lost_because = "ended by Airflow" if ended else describe_end(self._session)
        return lost(self.lost_because)

    def _watch(self, stdout: socket.socket, stderr: socket.socket, logs: socket.socket) -> None:
        session = self._session
        self._streams = streams = Streams(self._get_target_loggers(), logs)
        for name, source, read in (
            ("stdout", stdout, streams.plain("task.stdout", logging.INFO)),
            ("stderr", stderr, streams.plain("task.stderr", logging.ERROR)),
            ("logs", logs, streams.read_logs),
            ("windsock", session.channel, lambda _: session.read_outcome()),
            ("windsock", session.connection, lambda _: session.read_exit()),
        ):
            self._open_sockets[source] = name
            self.selector.register(source, selectors.EVENT_READ, (read, self._on_socket_closed))

    def _claim(self, ti: "TaskInstance") -> None:
        self.ti = ti  # type: ignore[assignment]
        try:
            context = self.client.task_instances.start(ti.id, self.pid, datetime.now(UTC))
        except BaseException:
            self.kill(signal.SIGKILL)
            self.selector.close()
            self._session.close()
            raise
        self._should_retry = bool(context.should_retry)
        # To start is a sign of life too: a short step needs no heartbeat.
        self._last_successful_heartbeat = self._last_heartbeat_attempt = time.monotonic()
        try:
            for key in context.xcom_keys_to_clear or ():
                self.client.xcoms.delete(ti.dag_id, ti.run_id, ti.task_id, key, ti.map_index)
            around = Surroundings(
                run=context.dag_run, max_tries=context.max_tries, result_of=partial(self._result_of, ti)
            )
            self._plan = make_plan(self._function, ti, self._bundle, around)
            self.process_log.info(f"Running {self._plan.step.task} in process {self.pid}")
            self._session.send(self._plan.call)
        except Exception as error:
            self._not_sent = describe(error)
            self._session.signal(signal.SIGKILL)
            return
        if self._plan.step.timeout is not None:
            self._deadline = time.monotonic() + self._plan.step.timeout.total_seconds()

    def _result_of(self, ti: "TaskInstance", step: str) -> Any:
        return self.client.xcoms.get(ti.dag_id, ti.run_id, step, RESULT).value

    def _service_subprocess(
        self, max_wait_time: float, raise_on_timeout: bool = False, expect_signal: int | None = None
    ) -> Any:
        moments = [moment for moment in (self._deadline, self._kill_at) if moment is not None]
        if moments:
            max_wait_time = min(max_wait_time, min(moments) - time.monotonic())
        super()._service_subprocess(max_wait_time, raise_on_timeout, expect_signal)
        if self._session.outcome is not None and self._terminal_state is None:
            # Told while the child ends, for which nobody has to wait; one that does not is ended by Airflow.
            self._deadline, self._task_end_time_monotonic = None, time.monotonic()
            self.update_task_state_if_needed()
        self._keep_time()
        return self._exit_code

    def _keep_time(self) -> None:
        now = time.monotonic()
        if self._told is not None:
            self.process_log.warning(f"The worker was told to end ({signal.Signals(self._told).name})")
            self._told = None
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            self._session.signal(signal.SIGKILL)
        if self._exit_code is None and self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self._timed_out = True
            self._ask_to_end(signal.SIGTERM)

    def _signal_subprocess(self, sig: signal.Signals) -> None:
        self._session.signal(sig)

    def _ask_to_end(self, sig: int) -> None:
        self._session.signal(sig)
        self._kill_at = self._kill_at or time.monotonic() + GRACE

    def _pass_on(self, sig: int, _frame: FrameType | None) -> None:
        self._told = sig  # a logger's lock may be held by the very code that this handler interrupts
        self._ask_to_end(sig)
