"""Measures every way to run a Django function from Airflow, in one run on one PostgreSQL.

`.venv/bin/python benchmarks/runtime/run.py` takes half an hour, `--quick` ten minutes. It writes RESULTS.md
after every stage anew.
"""

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "workflows"))

import comparing
import driving
import machine
import page
import peering
import peers
import projects
import servers
import sites
import warming
import ways
from projects import Projects
from sites import Site
from stages import Stages
from ways import FIRST, MANY, OPERATORS, STOCK, Way

HERE = Path(__file__).parent
OURS = ("django", "psycopg")
THEIRS = ("apache-airflow", "django", "psycopg")
#: Where Airflow misses the end of a process, it sees it at its next tick; after what is measured.
_TICK = "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL"


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that everything is stopped
    peers.prepare(HERE)
    run = Run(options)
    run.figures["machine"] = machine.describe(OURS, THEIRS, peers.folder(HERE))
    with servers.running() as running:
        shown = running.settings()
        run.figures["machine"] |= {name: shown[name] for name in ("server_version", "fsync")}
        folder = running.log.parent / "work"
        folder.mkdir()
        copies = projects.lay(folder / "projects")
        for name, make in (
            ("venv", projects.make_venv),
            ("uv", projects.make_uv),
            ("poetry", projects.make_poetry),
        ):
            with run.stage(f"the project's environment by {name}", 120):
                make(copies)
        inherited: dict[str, str] = {}
        with run.stage("Windsock", None):
            _ours(run, folder, running, copies, inherited)
        if inherited and any(run.wanted(way) for way in STOCK):
            with run.stage("a stock Airflow", None):
                _stock(run, folder / "stock", running, inherited)
    run.write(run.figures)
    print(options.output.read_text())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="all rounds for the main ways, 3 for others")
    parser.add_argument("--ways", default="", help="only those, separated by commas")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    return parser.parse_args()


class Run(Stages):
    """The stages, and what was asked for."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(lambda figures: _write(options.output, figures))
        self.options = options
        self.figures["options"] = {"rounds": options.rounds, "quick": options.quick}

    def wanted(self, way: Way) -> bool:
        """Whether the way is to be measured; a quick run has no time for what takes minutes to set up."""
        if self.options.ways:
            return way.name in self.options.ways.split(",")
        return not self.options.quick or way.name not in ways.SLOW

    def rounds(self, way: Way) -> int:
        """Return how many runs one by one it gets."""
        return self.options.rounds if way.quick or not self.options.quick else min(3, self.options.rounds)

    def figures_of(self, way: Way) -> dict[str, Any]:
        """Return where its figures are kept."""
        return self.figures.setdefault("ways", {}).setdefault(way.name, {})

    def take(
        self, site: Site, way: Way, rest: driving.Figures, settled: Callable[[], bool] = lambda: True
    ) -> None:
        """Take a way's figures in a running Airflow."""
        if not self.wanted(way):
            return
        found, options = self.figures_of(way), self.options
        found["rest"] = rest
        if way.file:
            site.lay(way.file)
        with self.stage(f"{page.TITLES[way.name]}: one by one", way.known + way.seconds + 120):
            found["alone"] = driving.one_by_one(site, way.dag, self.rounds(way), way.seconds, rest, way.known)
        if "alone" not in found or (options.quick and not way.quick):
            return
        rounds: list[driving.Figures] = []
        for number in range(way.repeats):
            with self.stage(f"{page.TITLES[way.name]}: at once, {number + 1}", way.at_once + 120):
                rounds.append(driving.all_at_once(site, way.dag, options.at_once, way.at_once, rest, settled))
                found["at_once"] = sorted(rounds, key=lambda each: each["cpu"])[len(rounds) // 2]

    def stub(
        self, site: Site, way: Way, order: dict[str, Any], variables: dict[str, str] | None = None
    ) -> None:
        """Take a way's time inside the worker, with a stub of Airflow's API."""
        with self.stage(f"{page.TITLES[way.name]}: stub", way.stub + 60):
            environ = {**site.variables, **(variables or {}), _TICK: "1"}
            found = comparing.ask(site.python, environ, order, self.options.rounds, way.stub)
            self.figures_of(way).update({"stub": found["tasks"], "beside": found["beside"][0]})


def _write(output: Path, figures: dict[str, Any]) -> None:
    output.write_text(page.page(figures))
    output.with_suffix(".json").write_text(json.dumps(figures, indent=1))


def _ours(
    run: Run, folder: Path, running: servers.Servers, copies: Projects, inherited: dict[str, str]
) -> None:
    """Take the figures of the warm runtime and of Windsock's operators."""
    own = folder / "windsock"
    own.mkdir()
    with sites.ours(own, running, copies) as (site, stack, rows):
        inherited |= stack.airflow_variables
        with run.stage("first run", 120):
            driving.one_by_one(site, FIRST, 1, 30)
        with run.stage("the connection to the site", 60):
            environ = stack.client.environment
            url, key = (environ[f"WINDSOCK_{name}"] for name in ("BASE_URL", "FEED_KEY"))
            site.starter.order("connect", url=url, key=key)
        site.lay(ways.EMPTY.file)
        rest: driving.Figures = {}
        with run.stage("at rest", 60):
            rest |= driving.at_rest(site)
        for way in OPERATORS:
            run.take(site, way, rest)
        with run.stage("DjangoOperator beside a direct call", 120):
            run.figures["calls"] = _calls(run, site, copies)
        if run.wanted(OPERATORS[2]):
            run.stub(site, OPERATORS[2], ways.hand_written(OPERATORS[2]))
        warming.take(run, site, stack, rows, running)


def _calls(run: Run, site: Site, copies: Projects) -> dict[str, Any]:
    """Measure DjangoOperator(Poetry) beside a direct call."""
    order = {"project": str(copies.folder / "poetry"), "python": str(copies.python("poetry"))}
    done = subprocess.run(
        [str(site.python), str(HERE / "calling.py")],
        input=json.dumps(order | {"count": run.options.rounds, "seconds": 45}),
        env=dict(site.variables),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"calling.py ended with code {done.returncode}: {done.stderr[-1500:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _stock(run: Run, folder: Path, running: servers.Servers, inherited: dict[str, str]) -> None:
    """Take the figures of the stock ways."""
    place = sites.StockPlace(python=peers.python(HERE), folder=folder, servers=running, inherited=inherited)
    rows = "INSERT INTO shop_report (title) SELECT 'Report ' || n FROM generate_series({}, {}) AS n"
    present = int(running.ask("windsock", "SELECT count(*) FROM shop_report")[0][0])
    running.do("windsock", rows.format(present + 1, MANY), "ANALYZE shop_report")
    with run.stage("the stock Airflow's database", 180):
        peering.migrate(place)
    with sites.stock(place) as site:
        site.lay("empty.py")
        rest: driving.Figures = {}
        with run.stage("an empty task: first run", 120):
            driving.one_by_one(site, "empty", 1, 30)
            rest |= driving.at_rest(site)
        for way in STOCK:
            if not run.wanted(way):
                continue
            run.take(site, way, rest)
            if way.stub:
                run.stub(site, way, ways.hand_written(way))


if __name__ == "__main__":
    main()
