"""RESULTS.md: targets first, missed ones too."""

from collections.abc import Iterable, Mapping
from typing import Any

HEAD = """\
# Ways to run a Django function from Airflow

Written by `benchmarks/runtime/run.py`; README.md tells how each figure is taken.
"""
TITLES = {
    "warm": "warm runtime (a workflow's step)",
    "warm_many": "warm runtime, 5,000 workflows",
    "bare": "warm runtime, no record",
    "django_venv": "DjangoOperator(Venv)",
    "django_uv": "DjangoOperator(Uv)",
    "django_poetry": "DjangoOperator(Poetry)",
    "celery_task": "DjangoTaskOperator",
    "empty": "stock PythonOperator, empty",
    "obvious_1": "stock, django.setup(), 1 DAG",
    "obvious_1000": "stock, django.setup(), 1,000 DAGs",
    "obvious_5000": "stock, django.setup(), 5,000 DAGs",
    "external": "stock ExternalPythonOperator",
    "published": "published Poetry way",
}
TARGETS = ("figure", "target", "seen", "")

Figures = Mapping[str, Any]
Row = tuple[str, ...]


def page(figures: Figures) -> str:
    """Return the page."""
    ways = figures.get("ways", {})
    minutes = f"Measured in {figures.get('minutes', 0):.1f} minutes.\n"
    parts = [HEAD, minutes, "## Targets\n", _table(TARGETS, _targets(figures, ways))]
    parts += ["## On a real Airflow\n", _table(*_real(ways))]
    parts += ["## The task alone, with a stub of Airflow's API\n", _table(*_stubs(ways))]
    parts += ["## Where the processor time of a run goes, many at once\n", _table(*_families(ways))]
    parts += ["## Memory of processes with nothing to do\n", _table(*_memory(figures))]
    if problems := figures.get("problems"):
        parts += [
            "## What went wrong\n",
            "\n".join(f"- {' '.join(each.split())}" for each in problems) + "\n",
        ]
    return "\n".join([*parts, "## Machine\n", _table(("what", ""), figures.get("machine", {}).items())])


def _targets(figures: Figures, ways: Figures) -> list[Row]:
    warm, bare = _empties(ways, "warm"), _stub(ways, "bare")
    obvious, obvious_many = _empties(ways, "obvious_1"), _empties(ways, "obvious_5000")
    gross, cpu = _at_once(ways, "warm", "gross"), _at_once(ways, "warm", "cpu")
    many, rate = _at_once(ways, "warm_many", "cpu"), _at_once(ways, "warm", "per_minute")
    stock_rate, calls = _at_once(ways, "obvious_1", "per_minute"), figures.get("calls", {})
    memory = {name: each["pss"] for name, each in figures.get("memory", {}).items()}
    less = f" (less what runs at rest: {_ms(cpu):.0f} ms)" if cpu else ""
    rows = [
        _most("warm step in the worker, record written", _ms(_stub(ways, "warm")), 45, "ms"),
        _most("warm step in the worker, without the record", _ms(bare), 35, "ms"),
        _least("an empty stock Python task, beside it", _ratio(1, warm), 3),
        _least("stock with `django.setup()`, 1 DAG, beside it", _ratio(obvious, warm), 14),
        _least("stock with `django.setup()`, 5,000 DAGs, beside it", _ratio(obvious_many, warm), 50),
        _most(f"warm step, CPU of all processes but PostgreSQL{less}", _ms(gross), 160, "ms"),
        _least("stock with `django.setup()`, 1 DAG, CPU beside it", _ratio(_cpu(ways, "obvious_1"), cpu), 4),
        _least("published Poetry way, CPU beside it", _ratio(_cpu(ways, "published"), cpu), 30),
        _most(
            "the same with 5,000 workflows: in the worker",
            _ratio(_empties(ways, "warm_many"), warm),
            1.1,
            "x",
            2,
        ),
        _most("the same with 5,000 workflows: CPU", _ratio(many, cpu), 1.1, "x", 2),
        _least("rate of 200 at once, beside stock with `django.setup()`", _ratio(rate, stock_rate), 3),
        _most(
            "DjangoOperator(Poetry) beside its environment's python called directly",
            _ratio(calls.get("operator"), calls.get("directly")),
            1.15,
            "x",
            2,
        ),
        _most(
            "warm process with nothing to do, beside one `django.setup()`",
            _ratio(memory.get("warm"), memory.get("plain")),
            1.3,
            "x",
            2,
        ),
    ]
    return rows


def _real(ways: Figures) -> tuple[Row, list[Row]]:
    head = (
        "way",
        "queued -> finished, median (most; runs)",
        "CPU per run, one by one",
        "CPU per run, many at once (with what runs at rest)",
        "PostgreSQL's",
        "runs per minute (ended of asked)",
        "memory at rest",
        "memory, many at once",
    )
    rows = []
    for name, title in TITLES.items():
        way = ways.get(name, {})
        alone, at_once, rest = way.get("alone"), way.get("at_once"), way.get("rest", {})
        if not alone and not at_once and name == "bare":
            continue
        row = [title, "-", "-", "-", "-", "-", _held(rest.get("held")), "-"]
        if alone:
            row[1] = f"{alone['median']:.2f} s ({alone['most']:.2f}; {alone['count']})"
            row[2] = f"{_ms(alone['cpu']):,.0f} ms"
        if at_once:
            row[3] = f"{_ms(at_once['cpu']):,.0f} ms ({_ms(at_once['gross']):,.0f})"
            row[4] = f"{_ms(at_once['postgres']):,.0f} ms"
            failed = f", {at_once['failed']} failed" if at_once["failed"] else ""
            row[5] = f"{at_once['per_minute']:,.0f} ({at_once['ended']} of {at_once['asked']}{failed})"
            row[7] = _held(at_once["held"])
        rows.append(tuple(row))
    return head, rows


def _stubs(ways: Figures) -> tuple[Row, list[Row]]:
    rows = []
    for name, title in TITLES.items():
        if stub := ways.get(name, {}).get("stub"):
            rows.append(
                (
                    title,
                    f"{_ms(stub['median']):,.0f} ms",
                    f"{_ms(stub['most']):,.0f} ms",
                    str(stub["count"]),
                    f"{_ms(ways[name]['beside']['median']):,.0f} ms",
                    f"{_empties(ways, name):.2f}",
                )
            )
    return ("way", "median", "most", "runs", "an empty stock task, in turns with it", "of that"), rows


def _families(ways: Figures) -> tuple[Row, list[Row]]:
    measured = {name: ways[name]["at_once"]["families"] for name in TITLES if "at_once" in ways.get(name, {})}
    merged = {name: _merged(families) for name, families in measured.items()}
    families = list(dict.fromkeys(family for each in merged.values() for family in each))
    rows = [
        (family, *(f"{_ms(each[family]):,.0f}" if family in each else "" for each in merged.values()))
        for family in families
    ]
    return ("processes, ms", *(TITLES[name] for name in merged)), rows


def _merged(families: Mapping[str, float]) -> dict[str, float]:
    """Add the warm processes up; their numbers are of no interest."""
    found: dict[str, float] = {}
    for name, seconds in families.items():
        name = "warm process" if name.startswith("warm process") else name
        found[name] = found.get(name, 0.0) + seconds
    return found


def _memory(figures: Figures) -> tuple[Row, list[Row]]:
    titles = {"warm": "warm process", "plain": "a process that called `django.setup()`"}
    rows = [
        (titles[name], *(f"{each[kind]:.0f} MB" for kind in ("pss", "uss", "rss")))
        for name, each in figures.get("memory", {}).items()
    ]
    return ("process", "PSS", "USS", "RSS"), rows


def _held(held: Figures | None) -> str:
    return f"{sum(held.values()):,.0f} MB" if held else "-"


def _stub(ways: Figures, name: str) -> float | None:
    return ways.get(name, {}).get("stub", {}).get("median")


def _empties(ways: Figures, name: str) -> float | None:
    """Return a way's time in the worker, in that of an empty stock task that ran in turns with it."""
    return _ratio(_stub(ways, name), ways.get(name, {}).get("beside", {}).get("median"))


def _at_once(ways: Figures, name: str, what: str) -> float | None:
    return ways.get(name, {}).get("at_once", {}).get(what)


def _cpu(ways: Figures, name: str) -> float | None:
    """Return a way's processor time many at once; where that was not measured, one by one."""
    return _at_once(ways, name, "cpu") or ways.get(name, {}).get("alone", {}).get("cpu")


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None


def _most(title: str, value: float | None, target: float, unit: str, digits: int = 0) -> Row:
    unit = unit if unit == "x" else f" {unit}"
    if value is None:
        return (title, f"<= {target:g}{unit}", "-", "not measured")
    return (title, f"<= {target:g}{unit}", f"{value:.{digits}f}{unit}", _verdict(value <= target))


def _least(title: str, value: float | None, target: float) -> Row:
    if value is None:
        return (title, f">= {target:g}x", "-", "not measured")
    return (title, f">= {target:g}x", f"{value:.1f}x", _verdict(value >= target))


def _verdict(good: bool) -> str:
    return "reached" if good else "**missed**"


def _table(head: Row, rows: Iterable[Iterable[str]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"
