"""A stack of small stubborn processes under a real guard: `python sleepers.py <folder>`."""

import sys
from pathlib import Path

from windsock.local import addresses, guard, places, readiness
from windsock.local.ledger import Entry
from windsock.local.parts import Part, Plan, Step
from windsock.local.process import Command, run
from windsock.local.state import State
from windsock.local.status import Phase, Status
from windsock.local.supervisor import Patience, Supervisor

# Ignores what asks it to stop, and so does its grandchild, in a session of its own.
STUBBORN = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        open(sys.argv[1] + "/grandchild", "w").close()
        time.sleep(600)
    time.sleep(600)
while not os.path.exists(sys.argv[1] + "/grandchild"):
    time.sleep(0.01)
open(sys.argv[1] + "/stubborn.ready", "w").close()
time.sleep(600)
"""

# Stops at SIGINT, as a database does, and tells who was still there.
STORAGE = """
import os, signal, sys, time, psutil
def stop(*_):
    others = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or [""]
        stubborn = "# stub" "born" in " ".join(words) and sys.argv[1] == words[-1]
        if stubborn and process.info["status"] != "zombie":
            others.append(process.pid)
    open(sys.argv[1] + "/storage.stopped", "w").write(str(len(others)))
    sys.exit(0)
signal.signal(signal.SIGINT, stop)
open(sys.argv[1] + "/storage.ready", "w").close()
while True:
    time.sleep(0.02)
"""


def part(name: str, code: str, folder: Path, *, after: tuple[str, ...] = (), storage: bool = False) -> Part:
    command = Command(argv=(sys.executable, "-c", f"# {name}\n{code}", str(folder)))
    if storage:
        command = Command(argv=command.argv, stop_signal=2)  # type: ignore[arg-type]
    mark = folder / f"{name}.ready"
    return Part(
        name=name, command=lambda: command, ready=readiness.marked(mark), after=after, stops_last=storage
    )


def main(folder: Path) -> int:
    state = State(folder / "state")
    state.prepare()
    hold = state.hold()
    assert hold is not None
    state.write(addresses.FILE, {"socket_folder": str(places.socket_folder(folder / ("x" * 100), None))})
    step = Command(argv=(sys.executable, "-c", "print('done')", str(folder)))

    def prepare() -> None:
        run(step, folder / "step.log")

    plan = Plan(
        steps=(Step(name="step", run=prepare),),
        parts=(
            part("storage", STORAGE, folder, after=("step",), storage=True),
            part("stubborn", STUBBORN, folder, after=("storage",)),
        ),
    )

    def supervise(processes: tuple[Entry, ...]) -> int:
        about = Status(state=Phase.STARTING, processes=processes)
        return Supervisor(plan, state, about, lambda _: None, Patience(grace=0.5)).run()

    return guard.guarded(supervise, state)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
