"""RESULTS.md: one part per size, targets first, missed ones too."""

import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from measuring import EDITS
from peering import PEERS

HEAD = """\
# Windsock's workflows, and two other ways

Written by `benchmarks/workflows/run.py`; README.md tells how each figure is taken. A part is replaced when
its size is measured again.
"""
LARGE = 10_000
TITLES = {"windsock": "Windsock", **{peer.name: peer.title for peer in PEERS}}
#: Stage -> families of processes, and which part of them: 0 the first process, 1 those that it started.
STAGES = {
    "feed (web server)": (("web", 0), ("web", 1)),
    "parse (dag-processor's children)": (("airflow-dag-processor", 1),),
    "sync (dag-processor)": (("airflow-dag-processor", 0),),
    "looks (relay)": (("relay", 0), ("relay", 1)),
    "looks (Airflow's API server)": (("airflow-api", 0), ("airflow-api", 1)),
    "PostgreSQL": (("postgres", 0), ("postgres", 1)),
    "scheduler": (("airflow-scheduler", 0), ("airflow-scheduler", 1)),
}

Figures = Mapping[str, Any]
Row = tuple[str, ...]


def page(earlier: str, count: int, figures: Figures) -> str:
    """Return the page with the part of one size written anew."""
    parts = {}
    for part in earlier.split("\n## ")[1:]:
        parts[int(part.split()[0].replace(",", ""))] = part.rstrip() + "\n"
    parts[count] = _part(count, figures)
    return "\n".join([HEAD, *(f"## {parts[size]}" for size in sorted(parts))])


def _part(count: int, figures: Figures) -> str:
    minutes = f" in {figures['minutes']:.1f} minutes" if "minutes" in figures else "; the run did not end"
    shown = [f"{count:,} workflows\n", f"Measured{minutes}.\n", _table(_TARGETS, _targets(count, figures))]
    if "nothing" in figures:
        shown += ["### Processor time by stage\n", _table(*_stages(count, figures))]
    shown += ["### Beside other ways\n", _table(*_beside(count, figures))]
    if problems := figures.get("problems"):
        shown += ["### What went wrong\n", "\n".join(f"- {_line(each)}" for each in problems) + "\n"]
    return "\n".join([*shown, "### Machine\n", _table(("what", ""), figures.get("machine", {}).items())])


_TARGETS = ("figure", "target", "reached", "")


def _targets(count: int, figures: Figures) -> list[Row]:
    large = count >= LARGE
    p50, p95 = (1.8, 3.0) if large else (1.2, 2.0)
    rows = [
        _limited("save -> live, p50", _median(figures.get("edits")), p50, "{:.2f} s"),
        _limited("save -> live, p95", _p95(figures.get("edits")), p95, "{:.2f} s"),
        _limited(
            "save with run now -> first run finished",
            _median(figures.get("runs_now")),
            None if large else 3.0,
            "{:.2f} s",
            _spread(figures.get("runs_now")),
        ),
    ]
    nothing, single = figures.get("nothing"), figures.get("single")
    each = 1000 * nothing["cpu"] / count if nothing else None
    title = "from nothing until all are live, CPU of all processes"
    rows.append(_limited(title, each, 12 if large else None, "{:.1f} ms per workflow"))
    cost = statistics.median(single["cpu"]) if single else None
    rows.append(_limited("one edit, CPU of all processes", cost, 0.9 if large else None, "{:.2f} s"))
    published = 1000 * nothing["publish"]["wall"] / count if nothing else None
    rows.append(_limited("publish in bulk", published, 1.0, "{:.2f} ms per workflow"))
    rows += _quiet(figures.get("quiet"))
    for name, words in (("nothing", "nothing"), ("one", "one workflow")):
        rows.append(_feed(words, figures.get("feed", {}).get(name)))
    return rows


def _quiet(quiet: Figures | None) -> list[Row]:
    if quiet is None:
        return [("nothing changes", "no parse", "-", "not measured")]
    seconds = quiet["seconds"]
    shown = (
        f"{quiet['parsed']} of {quiet['dags']:,} DAGs parsed, {quiet['files']} files in the parse logs, "
        f"{quiet['parsing_cpu']:.2f} s CPU in parsing processes"
    )
    calm = not quiet["parsed"] and not quiet["files"] and quiet["parsing_cpu"] < 0.01
    processor = sum(quiet["families"]["airflow-dag-processor"]) / seconds
    return [
        (f"nothing changes for {seconds:.0f} s", "no parse", shown, _verdict(calm)),
        _limited("the dag-processor then", processor, 0.05, "{:.3f} CPU"),
        ("all processes then", "(information)", f"{quiet['cpu']:.3f} CPU", ""),
    ]


def _feed(words: str, found: Figures | None) -> Row:
    title = f"feed, {words} changed"
    if found is None:
        return (title, "one indexed query", "-", "not measured")
    plans = found["plans"]
    nodes = [node for plan in plans for node in plan["nodes"]]
    queries = f"{len(plans)} quer{'y' if len(plans) == 1 else 'ies'}"
    milliseconds = sum(plan["ms"] for plan in plans)
    shown = (
        f"{queries}: {', '.join(nodes)}; {milliseconds:.2f} ms in PostgreSQL, {found['http_ms']:.1f} ms over "
        f"HTTP, {found['entries']} entries"
    )
    good = len(plans) == 1 and all("Index" in node for node in nodes)
    return (title, "one indexed query", shown, _verdict(good))


def _stages(count: int, figures: Figures) -> tuple[Row, list[Row]]:
    nothing, single = figures["nothing"], figures.get("single")
    rows = [("publish (the command)", _ms(nothing["publish"]["cpu"], count), "")]
    rest_n, rest_s = dict(nothing["families"]), dict(single["families"]) if single else {}
    for stage, parts in STAGES.items():
        bulk = sum(nothing["families"].get(name, (0, 0))[part] for name, part in parts)
        one = sum(single["families"].get(name, (0, 0))[part] for name, part in parts) if single else 0.0
        rows.append((stage, _ms(bulk, count), f"{one:.2f} s" if single else ""))
        for name, _ in parts:
            rest_n.pop(name, None)
            rest_s.pop(name, None)
    others = sum(map(sum, rest_s.values()))
    rows.append(
        ("all others", _ms(sum(map(sum, rest_n.values())), count), f"{others:.2f} s" if single else "")
    )
    rows.append(("files parsed", f"{nothing['files']} in all", ""))
    rows.append(("wall", f"{nothing['wall']:.0f} s", f"{single['seconds']:.0f} s" if single else ""))
    compared = f"{nothing['compared'] - len(nothing['wrong'])} of {nothing['compared']} digests right"
    rows.append(("seen in Airflow's REST", f"{count:,} DAGs, {compared}", ""))
    return ("stage", "from nothing, per workflow", "in the window of one edit, with what runs at rest"), rows


def _beside(count: int, figures: Figures) -> tuple[Row, list[Row]]:
    tasks, runs, peers = figures.get("tasks", {}), figures.get("runs", {}), figures.get("peers", {})
    columns = ("windsock", *(peer.name for peer in PEERS))
    ours = {
        "edits": [{"wall": each} for each in figures.get("edits", ())],
        "nothing": figures.get("nothing"),
    }
    ways = {"windsock": ours, **peers}
    single = figures.get("single")
    rows = [
        ("edit -> live", *(_walls(ways.get(name, {})) for name in columns)),
        ("one edit, CPU", *(_edit_cpu(name, ways.get(name, {}), single) for name in columns)),
        ("all from nothing, wall", *(_nothing(ways.get(name, {}), count, "wall") for name in columns)),
        (
            "all from nothing, CPU per workflow",
            *(_nothing(ways.get(name, {}), count, "cpu") for name in columns),
        ),
        (
            "of it in parsing processes",
            *(_nothing(ways.get(name, {}), count, "parsing") for name in columns),
        ),
        (
            "parse alone (DagBag), CPU per DAG",
            *(_parse(tasks.get(name)) for name in columns),
        ),
        ("run of a live workflow of three steps", *(_seconds(runs.get(name)) for name in columns)),
        ("one task process", *(_process(tasks.get(name)) for name in columns)),
    ]
    empty = _process(tasks.get("empty"))
    head = ("figure", *(TITLES[name] for name in columns))
    return head, [*rows, (f"an empty stock task, one DAG: {empty}", "", "", "")]


def _walls(way: Figures) -> str:
    return _seconds([each["wall"] for each in way.get("edits") or ()])


def _edit_cpu(name: str, way: Figures, single: Figures | None) -> str:
    if name == "windsock":
        return f"{statistics.median(single['cpu']):.2f} s" if single else "-"
    costs = [each["cpu"] for each in way.get("edits") or ()]
    return f"{statistics.median(costs):.2f} s" if costs else "-"


def _nothing(way: Figures, count: int, what: str) -> str:
    nothing = way.get("nothing")
    if not nothing:
        return "-"
    if what == "wall":
        return f"{nothing['wall']:.0f} s"
    spent = nothing["cpu"] if what == "cpu" else nothing["families"]["airflow-dag-processor"][1]
    return _ms(spent, nothing.get("count", count))


def _parse(task: Figures | None) -> str:
    parse = (task or {}).get("parse")
    return f"{1000 * parse['cpu'] / parse['dags']:.2f} ms" if parse else "-"


def _process(task: Figures | None) -> str:
    found = (task or {}).get("tasks")
    return f"{1000 * found['median']:.0f} ms (n={found['count']})" if found else "-"


def _limited(title: str, value: float | None, most: float | None, form: str, more: str = "") -> Row:
    wanted = f"<= {form.format(most)}" if most is not None else "(information)"
    if value is None:
        return (title, wanted, "-", "not measured")
    verdict = _verdict(value <= most) if most is not None else ""
    return (title, wanted, form.format(value) + more, verdict)


def _verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def _median(values: list[float] | None) -> float | None:
    return statistics.median(values) if values else None


def _p95(values: list[float] | None) -> float | None:
    """Return the value that 95 of 100 do not exceed; None when there are too few to tell."""
    if not values or len(values) < EDITS:
        return None
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def _seconds(values: Iterable[float] | None) -> str:
    values = list(values or ())
    return f"{statistics.median(values):.2f} s{_spread(values)}" if values else "-"


def _spread(values: list[float] | None) -> str:
    return f" [{min(values):.2f} - {max(values):.2f}, n={len(values)}]" if values else ""


def _ms(seconds: float, count: int) -> str:
    return f"{1000 * seconds / count:.2f} ms"


def _line(text: str) -> str:
    return " ".join(text.split())


def _table(head: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    head = tuple(head)
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
