"""What the running stack costs at rest, and how fast a saved row becomes a finished run.

Start the stack first (`make up`), then: `.venv/bin/python benchmarks/stack/measure.py`
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

WINDSOCK = str(Path(sys.executable).with_name("windsock"))


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle-seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    status = json.loads(output(WINDSOCK, "status", "--json"))
    if status["state"] != "ready":
        raise SystemExit("the stack is not ready: run `make up` first")
    rows = [*idle(status, options.idle_seconds), *rounds(status, options.rounds)]
    print("| figure | value |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value} |")


def idle(status: dict[str, Any], seconds: float) -> list[tuple[str, str]]:
    """Memory (PSS) of all processes, and their CPU over a while in which nothing is asked of them."""
    processes = tree(status)
    memory = {name: sum(p.memory_full_info().pss for p in family) for name, family in processes.items()}
    before = {name: cpu(family) for name, family in processes.items()}
    time.sleep(seconds)
    spent = {name: (cpu(family) - before[name]) / seconds for name, family in processes.items()}
    rows = [(f"{name}", f"{memory[name] / 1e6:.0f} MB, {spent[name]:.3f} CPU") for name in processes]
    total = f"{sum(memory.values()) / 1e6:.0f} MB PSS, {sum(spent.values()):.3f} CPU"
    return [*rows, (f"all, idle for {seconds:.0f} s", total)]


def tree(status: dict[str, Any]) -> dict[str, list[psutil.Process]]:
    """The processes of each part with their descendants; the supervisor's own stand under ``windsock``."""
    families: dict[str, list[psutil.Process]] = {}
    seen: set[int] = set()
    for name, part in status["parts"].items():
        process = psutil.Process(part["pid"])
        families[name] = [process, *process.children(recursive=True)]
        seen.update(member.pid for member in families[name])
    first = psutil.Process(next(iter(status["parts"].values()))["pid"])
    above = [p for p in first.parents() if "windsock" in " ".join(p.cmdline()) and p.pid != 1]
    everything = {p.pid: p for top in above[-1:] for p in [top, *top.children(recursive=True)]}
    families["windsock and the warm process"] = [p for pid, p in everything.items() if pid not in seen]
    return families


def cpu(family: list[psutil.Process]) -> float:
    """Seconds of processor time that a family has used."""
    total = 0.0
    for process in family:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def rounds(status: dict[str, Any], count: int) -> list[tuple[str, str]]:
    """Save a simulator, see it live in Airflow; run it now, see it done."""
    client = httpx.Client(
        base_url=status["web_url"], headers={"Authorization": f"Bearer {status['token']}"}, timeout=10
    )
    live, done = [], []
    for number in range(count):
        row = save(number)
        began = time.monotonic()
        workflow = f"simulator_dag_{row}"
        wait(lambda w=workflow: client.get(f"/api/workflows/{w}/").json()["live"])
        live.append(time.monotonic() - began)
        began = time.monotonic()
        run = client.post(f"/api/workflows/{workflow}/run/", json={}).raise_for_status().json()["id"]
        wait(lambda r=run: client.get(f"/api/runs/{r}/").json()["status"] == "DONE")
        done.append(time.monotonic() - began)
    return [("saved -> live", spread(live)), ("run now -> done", spread(done))]


def save(number: int) -> str:
    """Add one simulator by the project's own shell; return its key."""
    code = (
        "from datetime import UTC, datetime;from simulator.models import Simulator;"
        f"print(Simulator.objects.create(name='bench {number}', interval='daily', kpi_id=1,"
        "start_date=datetime(2026, 1, 1, tzinfo=UTC)).pk)"
    )
    return output(WINDSOCK, "manage", "shell", "--no-imports", "-c", code).split()[-1]


def wait(condition: Callable[[], bool], limit: float = 60.0) -> None:
    """Ask every 50 ms until ``condition`` holds."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("waited in vain")
        time.sleep(0.05)


def spread(values: list[float]) -> str:
    """Median and worst of some seconds."""
    return f"median {statistics.median(values):.2f} s, worst {max(values):.2f} s (n={len(values)})"


def output(*command: str) -> str:
    """Run a command here and return what it prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
