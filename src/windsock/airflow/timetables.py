"""A timetable is decoded once for each DAG that the dag-processor stores, and described once.

Airflow 3.3 decodes a DAG's timetable some sixteen times while it stores it; each time a cron expression is
taken apart, and put in words with the translations read from disk: 40 % of the dag-processor's own time.

Source: Airflow 3.3.2, ``LazyDeserializedDAG.timetable``, ``CronMixin._describe_with_dom_dow_fix``,
``CronMixin._get_next``. The decision is docs/decisions/0012-work-done-once.md.
"""

import functools
import inspect
import logging
from functools import cached_property
from typing import Any, ClassVar, cast

from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.timetables import _cron
from airflow.timetables._cron import CronMixin
from croniter import croniter  # type: ignore[import-untyped]

log = logging.getLogger(__name__)

#: Expressions whose words and parts are kept.
KEPT = 10_000


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
