"""Compares Windsock with other ways to run tasks, in one run on one PostgreSQL and one Valkey.

`.venv/bin/python benchmarks/tasks/run.py` writes RESULTS.md; `--quick` takes four minutes and one round.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import counting
import machine
import peers
import report
import servers
from measuring import Amounts, Round, database, measure
from running import Runner
from ways import WAYS, WINDSOCK, Way

HERE = Path(__file__).parent
OURS = ("django", "celery", "psycopg", "redis")
THEIRS = ("celery", "django", "django-celery-results", "django-tasks-db", "procrastinate", "psycopg", "redis")
OTHERS = ("listing.py", "scraping.py", "streams.py")


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that the servers are stopped too
    peers.prepare(HERE)
    before = machine.describe(OURS, THEIRS, peers.folder(HERE))
    began = time.monotonic()
    chosen = [way for way in WAYS if not options.only or any(each in way.name for each in options.only)]
    with servers.running() as running:
        folder = running.log.parent / "work"
        folder.mkdir()
        runner = Runner(running, folder)
        try:
            shown = running.settings()
            print(shown, flush=True)
            _set_up(runner, chosen)
            rounds = _rounds(runner, chosen, options.rounds)
            counts = _counts(runner, chosen) if not options.no_counts else None
        finally:
            runner.close()
    others = (
        [] if options.only else [_other(name, options.quick) for name in OTHERS if (HERE / name).exists()]
    )
    text = report.write(before | shown, rounds, counts, others, time.monotonic() - began)
    options.output.write_text(text)
    print(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=0, help="5, or 1 with --quick")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="*", help="parts of the names of ways")
    parser.add_argument("--no-counts", action="store_true", help="no statements, no progress")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    return options


def _set_up(runner: Runner, chosen: list[Way]) -> None:
    for project in dict.fromkeys(way.project for way in chosen):
        way = next(way for way in chosen if way.project == project)
        runner.servers.server.create_database(database(way))
        runner.order(way, "setup")


def _rounds(runner: Runner, chosen: list[Way], count: int) -> dict[str, list[Round]]:
    """Measure all ways once per round, beginning with another one each time."""
    found: dict[str, list[Round]] = defaultdict(list)
    for number in range(count):
        start = number * len(chosen) // count
        for way in (*chosen[start:], *chosen[:start]):
            began = time.monotonic()
            found[way.name].append(each := measure(runner, way, Amounts()))
            figures = ", ".join(f"{name} {value:.0f}" for name, value in each.figures.items())
            print(
                f"round {number + 1} {way.name}: {figures} {each.faults or ''}"
                f" ({time.monotonic() - began:.0f} s)",
                flush=True,
            )
    return {way.name: found[way.name] for way in chosen}


def _counts(runner: Runner, chosen: list[Way]) -> report.Counts:
    tracked = [way for way in chosen if way.record and not way.information]
    counts = report.Counts({way.name: counting.statements(runner, way) for way in tracked})
    windsock = next((way for way in chosen if way.name == WINDSOCK), None)
    if windsock:
        counts.progress_writes, counts.progress_statements = counting.progress_writes(runner, windsock)
        counts.progress_seen = counting.progress_seen(runner, windsock)
    return counts


def _other(name: str, quick: bool) -> str:
    """Run a benchmark of its own; it prints Markdown."""
    print(f"running {name}", flush=True)
    command = [sys.executable, str(HERE / name), *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    if done.returncode:
        return f"## {name}\n\nIt ended with code {done.returncode}:\n\n```\n{done.stderr[-1500:]}\n```\n"
    return done.stdout


if __name__ == "__main__":
    main()
