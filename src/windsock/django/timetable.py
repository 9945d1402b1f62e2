"""When Airflow will start the runs of a schedule, told without Airflow.

Its timetables are followed to the letter, also where they surprise: in the night in which the clocks go
back, a fixed interval without catch-up that is counted from 1970. Both sides are held to the same golden
times. Source: Airflow 3.3, ``airflow.timetables`` (``_cron``, ``interval``, ``trigger``, ``simple``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from croniter import croniter
from django.utils import timezone

from windsock.django.crons import PRESETS
from windsock.workflow import Schedule

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def next_times(
    schedule: Schedule, *, count: int = 10, after: datetime | None = None, last: datetime | None = None
) -> list[datetime]:
    """Return the next moments at which Airflow starts runs of a sound schedule by itself.

    A run with a data interval starts at the end of its interval, so the first one an interval after the
    start. Runs that are owed for the time before ``after`` are not told.

    Args:
        schedule: sound, see ``compiler.schedule_problems``.
        count: how many at most.
        after: aware; by default now.
        last: logical date of the newest scheduled run, if there was any: it decides from where a fixed
            interval is counted.

    Returns:
        Rising, in the schedule's time zone; fewer than ``count`` when the schedule ends; none for a manual
        one.
    """
    after = (after or timezone.now()).astimezone(UTC)
    zone = ZoneInfo(schedule.timezone)
    coming = (moment for moment in _moments(schedule, after, last) if moment > after)
    return [moment.astimezone(zone) for moment in islice(coming, count)]


class _Run(NamedTuple):
    """A data interval; one without length is a run at that moment."""

    start: datetime
    end: datetime


class _Rhythm(Protocol):
    """Something that data intervals are cut by."""

    def following(self, moment: datetime) -> datetime: ...

    def back_on_grid(self, moment: datetime) -> datetime: ...

    def earliest(self, start: datetime, now: datetime, *, from_start: bool) -> datetime: ...


class _Bounds(NamedTuple):
    """Where the schedule begins and ends, and where its reader stands."""

    start: datetime
    end: datetime | None  #: no interval begins after it
    now: datetime
    catchup: bool


def _moments(schedule: Schedule, after: datetime, last: datetime | None) -> Iterator[datetime]:
    start = (schedule.start or after).astimezone(UTC)
    end = schedule.end.astimezone(UTC) if schedule.end else None
    last = last.astimezone(UTC) if last else None
    bounds = _Bounds(start, end, after, schedule.catchup)
    if schedule.once:
        return iter([] if last else [start])
    if schedule.every is not None:
        ran = _Run(last, last + schedule.every) if last else None
        anchor = (ran.end if ran else start) if schedule.catchup else _EPOCH
        return _intervals(_Interval(schedule.every, anchor), bounds, ran)
    zone = ZoneInfo(schedule.timezone)
    crons = [_Cron(PRESETS.get(text, text), zone) for text in schedule.cron]
    if len(crons) == 1:
        ran = _Run(last, crons[0].following(last)) if last else None
        return _intervals(crons[0], bounds, ran)
    return _united(crons, bounds, last)


def _intervals(rhythm: _Rhythm, bounds: _Bounds, last: _Run | None) -> Iterator[datetime]:
    """Yield the ends of intervals, as the scheduler finds them one after the other."""
    now, is_first = bounds.now, True
    while True:
        # What is owed is passed over: the first round begins at the present even when catching up.
        begin = rhythm.earliest(bounds.start, now, from_start=bounds.catchup and not is_first)
        if last is not None:
            begin = max(rhythm.back_on_grid(last.end), begin)
            if begin <= last.start:
                begin = rhythm.following(begin)
        if bounds.end is not None and begin > bounds.end:
            return
        last, is_first = _Run(begin, rhythm.following(begin)), False
        now = max(now, last.end)
        yield last.end


def _united(crons: list["_Cron"], bounds: _Bounds, last: datetime | None) -> Iterator[datetime]:
    """Yield the moments of several expressions; the next one of each is counted from the newest of all."""
    now, is_first = bounds.now, True
    while crons:
        catchup = bounds.catchup and not is_first
        found = []
        for cron in crons:
            moments = [] if last is None else [cron.following(last)]
            if not catchup:
                moments += [cron.back_on_grid(now), cron.on_grid(bounds.start)]
            if bounds.end is None or max(moments) <= bounds.end:
                found.append(max(moments))
        if not found:
            return
        owed = [] if catchup else [moment for moment in found if moment <= now]
        last, is_first = max(owed) if owed else min(found), False
        now = max(now, last)
        yield last


@dataclass(frozen=True, slots=True)
class _Interval:
    """A fixed interval, in elapsed time whatever the clocks do."""

    length: timedelta
    anchor: datetime  #: from which it is counted

    def following(self, moment: datetime) -> datetime:
        return moment + self.length

    def back_on_grid(self, moment: datetime) -> datetime:
        return moment

    def earliest(self, start: datetime, now: datetime, *, from_start: bool) -> datetime:
        elapsed, length = (now - self.anchor).total_seconds(), self.length.total_seconds()
        latest = self.anchor + timedelta(seconds=elapsed - elapsed % length)
        return max(latest - self.length, start)


@dataclass(frozen=True, slots=True)
class _Cron:
    """A cron expression on the clocks of a time zone."""

    expression: str
    zone: ZoneInfo

    def following(self, moment: datetime) -> datetime:
        """Return the next moment of the expression after ``moment``."""
        return self._step(moment, "get_next")

    def preceding(self, moment: datetime) -> datetime:
        """Return the last moment of the expression before ``moment``."""
        return self._step(moment, "get_prev")

    def on_grid(self, moment: datetime) -> datetime:
        """Return ``moment`` if it is one of the expression, else the next."""
        following = self.following(moment)
        return following if self.preceding(following) != moment else moment

    def back_on_grid(self, moment: datetime) -> datetime:
        """Return ``moment`` if it is one of the expression, else the last before."""
        preceding = self.preceding(moment)
        return preceding if self.following(preceding) != moment else moment

    def earliest(self, start: datetime, now: datetime, *, from_start: bool) -> datetime:
        """Return where the first interval may begin: where the last whole one before ``now`` did."""
        first = self.on_grid(start)
        if from_start:
            return first
        begun = self.preceding(now)
        latest = begun if self.following(begun) == now else self.preceding(begun)
        return max(latest, first)

    def _step(self, moment: datetime, step: str) -> datetime:
        clock = moment.astimezone(self.zone).replace(tzinfo=None, fold=0)
        cron = croniter(self.expression, start_time=clock)
        found: datetime = getattr(cron, step)(datetime)
        if cron.expanded[1] == ["*"]:
            # Every hour: in elapsed time, so that the hour that comes twice has two runs.
            return moment + (found - clock)
        return self._on_the_clock(found)

    def _on_the_clock(self, clock: datetime) -> datetime:
        """Return when the clocks show this: the second time if twice, an hour later if never."""
        first, second = (clock.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        is_skipped = (second.utcoffset() or timedelta()) > (first.utcoffset() or timedelta())
        return (first if is_skipped else second).astimezone(UTC)
