"""A timetable is decoded once for each DAG that the dag-processor stores, and described once.

Airflow 3.3 decodes a DAG's timetable some sixteen times while it stores it; each time a cron expression is
taken apart, and put in words with the translations read from disk: 40 % of the dag-processor's own time.
And it decodes the whole DAG, only to find its next run.

Source: Airflow 3.3.2, ``LazyDeserializedDAG.timetable`` and ``.next_dagrun_info``,
``SerializedDAG._time_restriction``, ``CronMixin._describe_with_dom_dow_fix``, ``CronMixin._get_next``.
The decision is docs/decisions/0012-work-done-once.md.
"""

import functools
import inspect
import logging
from functools import cached_property
from typing import Any, ClassVar, cast

from airflow.serialization.enums import Encoding
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from airflow.timetables import _cron
from airflow.timetables._cron import CronMixin
from croniter import croniter  # type: ignore[import-untyped]

log = logging.getLogger(__name__)

#: Expressions whose words and parts are kept.
KEPT = 10_000

#: What a DAG's next run depends on, besides its timetable.
_DATES = ("dag_id", "start_date", "end_date", "catchup", "timezone")


def keep() -> bool:
    """Keep what this process decodes and describes; safe to repeat.

    Returns:
        Whether it is kept; False where Airflow has another shape, which is then left alone.
    """
    if getattr(CronMixin._describe_with_dom_dow_fix, "keeps", False):
        return True
    if not _has_known_shape():
        log.info("Airflow's timetables have another shape than in 3.3.2; publishing takes longer")
        return False
    _keep_descriptions()
    _keep_decoded()
    _decode_dates_alone()
    _cron.croniter = Croniter  # type: ignore[attr-defined]
    return True


def _has_known_shape() -> bool:
    describe = getattr(CronMixin, "_describe_with_dom_dow_fix", None)
    decode = vars(LazyDeserializedDAG).get("timetable")
    return (
        describe is not None
        and getattr(_cron, "croniter", None) is croniter
        and list(inspect.signature(describe).parameters) == ["self", "expression"]
        and isinstance(decode, property)
        and decode.fset is None
        and inspect.isfunction(vars(LazyDeserializedDAG).get("next_dagrun_info"))
    )


def _keep_descriptions() -> None:
    original = CronMixin._describe_with_dom_dow_fix
    known: dict[str, str] = {}

    @functools.wraps(original)
    def describe(self: CronMixin, expression: str) -> str:
        if expression not in known:
            if len(known) >= KEPT:
                known.clear()
            known[expression] = original(self, expression)
        return known[expression]

    describe.keeps = True  # type: ignore[attr-defined]
    CronMixin._describe_with_dom_dow_fix = describe  # type: ignore[method-assign]


def _keep_decoded() -> None:
    original: Any = vars(LazyDeserializedDAG)["timetable"]
    kept = cached_property(original.fget)
    kept.__set_name__(LazyDeserializedDAG, "timetable")
    LazyDeserializedDAG.timetable = kept  # type: ignore[method-assign, assignment]


def _decode_dates_alone() -> None:
    original = LazyDeserializedDAG.next_dagrun_info

    @functools.wraps(original)
    def next_dagrun_info(self: LazyDeserializedDAG, *args: Any, **kwargs: Any) -> Any:
        dag = self.data["dag"]
        if any(map(_has_dates, dag["tasks"])):
            return original(self, *args, **kwargs)
        dates = {key: dag[key] for key in _DATES if key in dag}
        decoded = DagSerialization.from_dict({**self.data, "dag": {**dates, "tasks": []}})
        decoded.timetable = self.timetable
        return decoded.next_dagrun_info(*args, **kwargs)

    LazyDeserializedDAG.next_dagrun_info = next_dagrun_info  # type: ignore[method-assign]


def _has_dates(task: dict[str, Any]) -> bool:
    values = task[Encoding.VAR]
    given = values.keys() | values.get("partial_kwargs", {}).keys()
    return not given.isdisjoint(("start_date", "end_date"))


class Croniter(croniter):  # type: ignore[misc]
    """A croniter that takes an expression apart once; one without ``_expand`` is as it was."""

    _apart: ClassVar[dict[str, tuple[Any, ...]]] = {}

    @classmethod
    def _expand(cls, expr_format: str, **options: Any) -> tuple[Any, ...]:
        if any(options.values()):
            return cast("tuple[Any, ...]", super()._expand(expr_format, **options))
        if expr_format not in cls._apart:
            if len(cls._apart) >= KEPT:
                cls._apart.clear()
            cls._apart[expr_format] = super()._expand(expr_format, **options)
        # Copied, since a caller may change them: lists of values, sets by weekday, fields, days.
        expanded, weekdays, fields, days = cls._apart[expr_format]
        return (
            [list(values) for values in expanded],
            {day: set(numbers) for day, numbers in weekdays.items()},
            list(fields),
            set(days),
        )
