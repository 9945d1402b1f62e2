"""The figures of the warm runtime: with one workflow, and right after that with thousands."""

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import driving
import psutil
import sites
import ways
from client import Client
from servers import Servers
from sites import Site
from stack import Stack
from ways import FIRST, MANY, WARM, WARM_MANY

if TYPE_CHECKING:
    from run import Run

LIVE = 60 + 0.06 * MANY  #: seconds until as many workflows are live


def take(run: "Run", site: Site, stack: Stack, rows: Client, running: Servers) -> None:
    """Take them all."""
    settled = lambda: not rows.order("unmirrored", workflow=FIRST)  # noqa: E731
    rest: driving.Figures = {}
    if run.wanted(WARM):
        with run.stage("at rest with one workflow", 60):
            rest |= driving.at_rest(site)
        run.take(site, WARM, rest, settled)
        _alone(run, site, rows, stack.folder)
    if run.wanted(WARM_MANY):
        with run.stage(f"{MANY:,} workflows", LIVE + 120):
            rows.order("fill", count=MANY)
            rows.order("publish")
            sites.wait_for(lambda: not rows.order("unsettled"), LIVE, every=1.0)
            # Airflow's list takes a minute over a database that was filled just now.
            running.do("airflow", "ANALYZE")
            if (live := stack.airflow.count("report")) < MANY:
                raise RuntimeError(f"{live} of them are live")
        with run.stage(f"at rest with {MANY:,} workflows", 60):
            rest = driving.at_rest(site)
        run.take(site, WARM_MANY, rest, settled)
        run.stub(site, ways.stubbed(WARM_MANY), ways.step(rows))


def _alone(run: "Run", site: Site, rows: Client, directory: Path) -> None:
    """Take the warm step's time inside the worker, with and without the record, and the process's memory."""
    with run.stage("memory of the warm process", 60):
        run.figures["memory"] = _memory(site, rows, directory)
    run.stub(site, ways.stubbed(WARM), ways.step(rows))
    coordinators = json.loads(site.variables["AIRFLOW__SDK__COORDINATORS"])
    for coordinator in coordinators.values():
        coordinator["kwargs"]["steps"] = "bare"
    before = site.warm()
    bare = {"AIRFLOW__SDK__COORDINATORS": json.dumps(coordinators)}
    run.stub(site, ways.stubbed(ways.BARE), ways.step(rows), bare)
    for pid in set(site.warm()) - set(before):
        psutil.Process(pid).terminate()


def _memory(site: Site, rows: Client, directory: Path) -> dict[str, Any]:
    """Return the memory of the idle warm process and of a process that has called django.setup(), in MB."""
    pid = site.warm()[0]
    # The last child has ended, and the one that was forked for the next call.
    sites.wait_for(lambda: not psutil.Process(pid).children(), 30, every=0.5)
    code = "import django; django.setup(); print(flush=True); input()"
    plain = subprocess.Popen(
        [str(rows.python), "-c", code],
        env=dict(rows.environment),
        cwd=directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        if plain.stdout is None or not plain.stdout.readline():
            raise RuntimeError("django.setup() failed")
        found = {}
        for name, process in (("warm", pid), ("plain", plain.pid)):
            memory = psutil.Process(process).memory_full_info()
            found[name] = {"pss": memory.pss / 1e6, "uss": memory.uss / 1e6, "rss": memory.rss / 1e6}
        return found
    finally:
        plain.kill()
        plain.wait()
