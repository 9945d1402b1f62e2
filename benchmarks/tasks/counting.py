"""What is counted at the server rather than timed: statements of a task, writes of a progress."""

import re
import time
from collections import Counter
from dataclasses import dataclass, field

from measuring import clear, database, wait_for_records
from running import Runner
from ways import Way

TASKS = 200
REPORTS = 100_000
SECONDS = 10


@dataclass(slots=True)
class Statements:
    """How many a task costs, and which they are."""

    enqueue: float
    work: float
    kinds: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return self.enqueue + self.work


def statements(runner: Runner, way: Way) -> Statements:
    """Enqueue tasks and have warm workers do them, with every statement written down by the server."""
    clear(runner, way)
    runner.order(way, "singly", task="noop", first=0, count=50)
    with runner.workers(way):
        # Until both worker processes have done something and the queue is empty.
        runner.wait_for_effects(50, 60)
        wait_for_records(runner, way, 50)
        time.sleep(1)
        with runner.servers.statements() as found:
            runner.order(way, "singly", task="noop", first=50, count=TASKS)
            runner.wait_for_effects(50 + TASKS, 60)
            wait_for_records(runner, way, 50 + TASKS)
    kinds = Counter(_kind(statement) for statement in found)
    inserts = sum(count for kind, count in kinds.items() if _enqueues(way, kind))
    return Statements(
        enqueue=inserts / TASKS,
        work=(len(found) - inserts) / TASKS,
        kinds={kind: count / TASKS for kind, count in kinds.most_common(12)},
    )


def _kind(statement: str) -> str:
    words = re.sub(r"'[^']*'|\$\d+|\b\d+\b", "?", statement)
    return " ".join(words.replace("`", "").replace("|", " ").split())[:110]


def _enqueues(way: Way, kind: str) -> bool:
    if way.project == "procrastinate":
        return "procrastinate_defer_job" in kind
    return way.project != "celery_results" and kind.startswith("INSERT") and way.record in kind


def progress_writes(runner: Runner, way: Way) -> tuple[int, int]:
    """Report 100,000 times in one task.

    Returns:
        Writes to the record between claim and end, and all statements of the worker.
    """
    with runner.workers(way):
        _one_of(runner, way, "noop", 1)
        with runner.servers.statements() as found:
            _one_of(runner, way, "report_often", REPORTS)
    updates = [each for each in found if each.lstrip("( ").upper().startswith(("UPDATE", "WITH"))]
    ours = [each for each in updates if way.record in each]
    return len(ours) - 2, len(found)


def progress_seen(runner: Runner, way: Way) -> int:
    """Return how many values of progress an outside reader sees during a task of ten seconds."""
    seen = set()
    clear(runner, way)
    with runner.workers(way), runner.servers.connect(database(way)) as connection:
        runner.order(way, "singly", task="report_steadily", first=SECONDS, count=1)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            progress, done = connection.execute(f"SELECT progress, {way.done} FROM {way.record}").fetchall()[
                0
            ]
            seen.add(progress)
            if done:
                break
            time.sleep(0.02)
    return len(seen - {0, 100})


def _one_of(runner: Runner, way: Way, task: str, number: int) -> None:
    clear(runner, way)
    runner.order(way, "singly", task=task, first=number, count=1)
    runner.wait_for_effects(1, 90)
    wait_for_records(runner, way, 1)
