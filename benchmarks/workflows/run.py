"""Measures workflows: Windsock's whole stack, then the obvious way and dag-factory, on one PostgreSQL.

`.venv/bin/python benchmarks/workflows/run.py` takes six minutes, at 1,000 workflows; `--workflows 10000` is
the long one. Each writes its own part of RESULTS.md, after every stage anew.
"""

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

import comparing
import machine
import measuring
import peering
import peers
import report
import servers
import stack as windsock
from limits import limit
from peering import PEERS, Peer, Place

HERE = Path(__file__).parent
OURS = ("django", "psycopg")
THEIRS = ("apache-airflow", "django", "dag-factory", "psycopg2-binary")
#: What the workers of the scheduler inherit that Windsock starts.
PRELOADED = ("windsock.airflow.bundle", "windsock.airflow.coordinator")


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that everything is stopped
    peers.prepare(HERE)
    run = Run(options.workflows, options.output)
    run.figures["machine"] = machine.describe(OURS, THEIRS, peers.folder(HERE))
    with servers.running() as running:
        shown = running.settings()
        run.figures["machine"] |= {name: shown[name] for name in ("server_version", "fsync")}
        folder = running.log.parent / "work"
        folder.mkdir()
        inherited: dict[str, str] = {}
        with run.stage("Windsock", None), windsock.running(folder, running) as stack:
            inherited |= stack.airflow_variables
            _windsock(run, stack, options)
        if inherited and not options.no_peers:
            place = Place(
                python=peers.python(HERE), folder=folder / "peers", servers=running, inherited=inherited
            )
            with run.stage("the peers' database", 180):
                peering.migrate(place)
            _empty(run, place)
            for peer in PEERS:
                _peer(run, place, peer)
    run.figures["minutes"] = (time.monotonic() - run.began) / 60
    run.write()
    print(options.output.read_text())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workflows", type=int, default=1000)
    parser.add_argument("--quiet-seconds", type=float, default=0, help="10; from 10,000 workflows on 600")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    options = parser.parse_args()
    options.quiet_seconds = options.quiet_seconds or (600 if options.workflows >= 10_000 else 10)
    return options


@dataclass(slots=True)
class Run:
    """What was found so far; the page is written after every stage, whatever comes after it."""

    count: int
    output: Path
    figures: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    @contextlib.contextmanager
    def stage(self, name: str, seconds: float | None) -> Iterator[None]:
        """Do one stage; what fails or takes too long is told on the page, and the next one begins.

        Args:
            name: for people.
            seconds: that it may take; None: what is in it has limits of its own.
        """
        print(f"{time.monotonic() - self.began:6.0f} s  {name}", flush=True)
        try:
            with limit(seconds) if seconds else contextlib.nullcontext():
                yield
        except (Exception, SystemExit) as error:
            problem = f"{name}: {type(error).__name__}: {error}"
            print(problem, flush=True)
            self.figures.setdefault("problems", []).append(problem[:1500])
            if str(error) == "stopped":
                raise
        finally:
            self.write()

    def write(self) -> None:
        earlier = self.output.read_text() if self.output.exists() else ""
        self.output.write_text(report.page(earlier, self.count, self.figures))


def _windsock(run: Run, stack: windsock.Stack, options: argparse.Namespace) -> None:
    """Take all figures of Windsock."""
    count, figures = run.count, run.figures
    keys: list[int] = []
    with run.stage("publish from nothing", 180 + 0.3 * count):
        figures["nothing"] = measuring.from_nothing(stack, count, keys)
    with run.stage("feed", 60):
        figures["feed"] = stack.client.order("feed")
    with run.stage("edits", 240):
        measuring.edits(stack, keys, figures.setdefault("edits", []))
    with run.stage("new rows with a run", 120):
        measuring.runs_now(stack, count, figures.setdefault("runs_now", []))
    with run.stage("runs", 120):
        measuring.runs_again(stack, keys, figures.setdefault("runs", {}).setdefault("windsock", []))
    with run.stage("quiet", 120 + options.quiet_seconds + 0.05 * count):
        figures["quiet"] = measuring.quiet(stack, options.quiet_seconds)
    with run.stage("single edits", 120):
        rate = figures["quiet"]["cpu"]
        figures["single"] = measuring.single_edits(stack, keys, rate, 3 if count < 10_000 else 5)
    with run.stage("task processes", 300):
        figures.setdefault("tasks", {})["windsock"] = _task(stack, keys[0])


def _task(stack: windsock.Stack, key: int) -> dict[str, Any]:
    """Measure one task process of Windsock's, and the parse of all shards."""
    shards = stack.airflow_home / "bundles" / "windsock" / "live" / "shards"
    order = {
        "modules": PRELOADED,
        "files": [str(file) for file in sorted(shards.glob("*.py")) if file.stem != "sentinel"],
        "task": {
            "dag": f"simulator_dag_{key}",
            "step": "draw",
            "bundle": "windsock",
            "version": str(stack.client.order("revision", key=key)),
            "file": f"shards/{measuring.shard(key)}.py",
            "queue": "windsock",
        },
    }
    python = windsock.AIRFLOW_ENVIRONMENT / "bin" / "python"
    return comparing.ask(python, stack.airflow_variables, order, 30, 30)


def _empty(run: Run, place: Place) -> None:
    """Measure the floor of the stock way: a task process with one DAG and nothing to do."""
    empty = Peer(name="empty", file="empty.py")
    with run.stage("an empty task", 120):
        own = place.below("empty")
        comparing.lay(own, empty)
        run.figures.setdefault("tasks", {})["empty"] = comparing.task(own, empty, "empty", 20, 6)


def _peer(run: Run, place: Place, peer: Peer) -> None:
    """Take the figures of one peer."""
    count, figures = run.count, run.figures
    own = place.below(peer.name)
    slow = 60 + 0.1 * count
    found = figures.setdefault("peers", {}).setdefault(peer.name, {})
    with run.stage(f"{peer.title}: Airflow", None):
        comparing.lay(own, peer)
        with peering.running(own, peer) as stack:
            keys = comparing.some_keys(own, 8)
            with run.stage(f"{peer.title}: from nothing, edits", 2 * slow), stack.parsing():
                found["nothing"] = comparing.from_nothing(stack, peer)
                comparing.edits(stack, peer, keys[:1], found.setdefault("edits", []))
            with run.stage(f"{peer.title}: runs", 120):
                comparing.runs(stack, keys[3:4], figures.setdefault("runs", {}).setdefault(peer.name, []))
    with run.stage(f"{peer.title}: task processes", slow):
        dag = f"simulator_dag_{comparing.some_keys(own, 1)[0]}"
        figures.setdefault("tasks", {})[peer.name] = comparing.task(own, peer, dag, 10, 6 + count / 400)


if __name__ == "__main__":
    main()
