"""RESULTS.md: ratios and targets first, missed ones too, then every figure of every way."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from counting import REPORTS, SECONDS, Statements
from measuring import Round
from ways import PLAIN, WAYS, WINDSOCK

Found = dict[str, list[Round]]

COLUMNS = (
    ("enqueue", "enqueue/s", "{:,.0f}"),
    ("enqueue_many", "enqueue/s, many at once", "{:,.0f}"),
    ("drain_0", "drain/s, 0 ms", "{:,.0f}"),
    ("drain_20", "drain/s, 20 ms", "{:,.1f}"),
    ("bytes", "bytes per finished row", "{:,.0f}"),
)


@dataclass(slots=True)
class Counts:
    """What was counted at the server."""

    statements: dict[str, Statements] = field(default_factory=dict)
    progress_writes: int | None = None
    progress_statements: int | None = None
    progress_seen: int | None = None


def write(
    machine: dict[str, str], rounds: Found, counts: Counts | None, others: list[str], seconds: float
) -> str:
    """Return the whole page."""
    count = max((len(each) for each in rounds.values()), default=0)
    parts = [
        "# Windsock beside other ways to run tasks\n",
        f"Written by `benchmarks/tasks/run.py` in {seconds / 60:.0f} minutes; README.md tells how each "
        f"figure is taken. Ways take turns within each of {count} rounds. Figures are medians with "
        "[least - most]; ratios are taken within a round, then their median.\n",
        "## Targets\n",
        _table(("figure", "target", "reached", ""), _targets(rounds, counts)),
        "## Each way\n",
        _table(("way", *(title for _, title, _ in COLUMNS)), _ways(rounds)),
        "From enqueue until done, at 20 tasks a second. Done is the commit of the row that says so; for "
        "plain Celery, which has none, the moment of the side effect, before anything is acknowledged.\n",
        _table(("way", "p50 ms", "p95 ms", "samples"), _latencies(rounds)),
    ]
    if counts:
        parts += [
            "Statements per task, counted at the server, transaction control apart.\n",
            _table(("way", "enqueue", "work", "all"), _statements(counts)),
            _details(counts),
        ]
    parts += ["Executions and rows, counted after each drain.\n", _faults(rounds), *others]
    parts += ["## Machine\n", _table(("what", ""), machine.items())]
    return "\n".join(parts)


def _targets(rounds: Found, counts: Counts | None) -> list[tuple[str, ...]]:
    rows = [
        _ratio(rounds, "enqueue, singly / plain Celery", "enqueue", "enqueue", PLAIN, 0.65),
        _ratio(rounds, "enqueue_many / plain Celery singly", "enqueue_many", "enqueue", PLAIN, 2.5),
        _ratio(rounds, "enqueue_many / a group of plain Celery", "enqueue_many", "enqueue_many", PLAIN, None),
        *(
            _ratio(rounds, f"drain 0 ms / {way.name}", "drain_0", "drain_0", way.name, 1.0)
            for way in WAYS
            if way.peer and way.name in rounds
        ),
        _ratio(rounds, "drain 0 ms / plain Celery (prefork)", "drain_0", "drain_0", PLAIN, 1.5),
        _ratio(
            rounds, "drain 0 ms / plain Celery, solo x2", "drain_0", "drain_0", "plain Celery, solo x2", None
        ),
        _ratio(rounds, "drain 20 ms / plain Celery", "drain_20", "drain_20", PLAIN, 0.98),
        _ratio(
            *(rounds, "drain 20 ms / plain Celery, prefetch 64", "drain_20", "drain_20"),
            *("plain Celery, prefetch 64", None),
        ),
    ]
    if counts:
        rows += _counted(counts)
    return [row for row in rows if row]


def _counted(counts: Counts) -> list[tuple[str, ...]]:
    rows = []
    if WINDSOCK in counts.statements:
        total = counts.statements[WINDSOCK].total
        # What a worker says about itself now and then is spread over the tasks.
        rows.append(("statements per task", "<= 3", f"{total:.2f}", _verdict(round(total, 1) <= 3)))
    if counts.progress_writes is not None:
        writes = f"{counts.progress_writes} (the whole task: {counts.progress_statements} statements)"
        rows.append(
            (f"writes for {REPORTS:,} reports", "<= 101", writes, _verdict(counts.progress_writes <= 101))
        )
    if counts.progress_seen is not None:
        rows.append(
            (
                f"values between 0 and 100 seen from outside in {SECONDS} s",
                ">= 8",
                str(counts.progress_seen),
                _verdict(counts.progress_seen >= 8),
            )
        )
    return rows


def _ratio(
    rounds: Found, title: str, ours: str, theirs: str, peer: str, target: float | None
) -> tuple[str, ...]:
    pairs = zip(rounds.get(WINDSOCK, ()), rounds.get(peer, ()), strict=False)
    ratios = [
        mine.figures[ours] / other.figures[theirs]
        for mine, other in pairs
        if ours in mine.figures and other.figures.get(theirs)
    ]
    if not ratios:
        wanted = f">= {target}x" if target else "(information)"
        return (title, wanted, "-", "not measured")
    median = statistics.median(ratios)
    wanted, verdict = "(information)", ""
    if target:
        over = target == 1.0
        wanted = f"> {target:g}x" if over else f">= {target:g}x"
        verdict = _verdict(median > target if over else median >= target)
    return (title, wanted, _range(ratios, "{:.2f}x"), verdict)


def _verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def _range(values: Iterable[float], form: str) -> str:
    values = sorted(values)
    if not values:
        return "-"
    text: Callable[[float], str] = form.format
    middle = text(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} [{text(values[0])} - {text(values[-1])}]"


def _ways(rounds: Found) -> list[tuple[str, ...]]:
    return [(name, *(_figure(each, key, form) for key, _, form in COLUMNS)) for name, each in rounds.items()]


def _figure(rounds: list[Round], key: str, form: str) -> str:
    return _range((each.figures[key] for each in rounds if key in each.figures), form)


def _latencies(rounds: Found) -> list[tuple[str, ...]]:
    return [
        (
            name,
            _figure(each, "p50", "{:.1f}"),
            _figure(each, "p95", "{:.1f}"),
            str(sum(len(r.latencies) for r in each)),
        )
        for name, each in rounds.items()
        if any(r.latencies for r in each)
    ]


def _statements(counts: Counts) -> list[tuple[str, ...]]:
    return [
        (name, f"{each.enqueue:.2f}", f"{each.work:.2f}", f"{each.total:.2f}")
        for name, each in counts.statements.items()
    ]


def _details(counts: Counts) -> str:
    ours = counts.statements.get(WINDSOCK)
    if ours is None:
        return ""
    lines = "\n".join(f"{number:6.2f}  {kind}" for kind, number in ours.kinds.items() if number >= 0.01)
    return f"Windsock's own, per task:\n\n```\n{lines}\n```\n"


def _faults(rounds: Found) -> str:
    lines = [
        f"- {name}, round {number}: {fault}"
        for name, each in rounds.items()
        for number, found in enumerate(each, 1)
        for fault in found.faults
    ]
    return "\n".join(lines or ["Every way executed every task once, and every row says done."]) + "\n"


def _table(head: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    head = tuple(head)
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
