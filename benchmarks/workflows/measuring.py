"""The figures of Windsock, on its running stack; each function takes one and returns JSON data."""

import hashlib
import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

from limits import wait_for
from processes import Spent, between, total
from stack import Stack

EDITS = 20
RUNS = 5
SAMPLE = 200  #: DAGs whose digest is compared after a bulk publication
LATE = 30.0  #: seconds after which an edit or a run counts as late
WINDOW = 6.0  #: seconds for the work that one edit causes
TAG = "simulator"

Figures = dict[str, Any]


def from_nothing(stack: Stack, count: int, keys: list[int]) -> Figures:
    """Add rows, publish them by the command, wait until all are live: processor time by stage.

    The relay's own word, which it has from Airflow's list of DAGs, only tells when to stop counting; that all
    are live is asked of Airflow after that, so that the question is not among the work: over a database that
    was filled just now it can take Airflow a minute.

    Args:
        stack: the stack.
        count: of rows.
        keys: gets their keys.
    """
    others = stack.airflow.count(TAG)
    keys += stack.client.order("fill", count=count)
    files, before, began = stack.parses(), stack.spent(), time.monotonic()
    published = stack.client.order("publish")
    wait_for(lambda: not stack.client.order("unsettled"), 60 + count * 0.1, every=1.0)
    used, wall = between(before, stack.spent()), time.monotonic() - began
    served = stack.airflow.count(TAG) - others
    if served != count:
        raise RuntimeError(f"Airflow serves {served} of {count} DAGs that are said to be live")
    found: Figures = {"wall": wall, "publish": published, "families": _families(used)}
    found |= {"cpu": total(used.values()) + published["cpu"], "files": stack.parses() - files}
    return found | _proof(stack, keys)


def _proof(stack: Stack, keys: list[int]) -> Figures:
    """Compare the digests of some DAGs with what was published."""
    sample = random.Random(4).sample(keys, min(SAMPLE, len(keys)))
    expected = stack.client.order("digests", keys=sample)
    wrong = [dag for dag, digest in expected.items() if stack.airflow.digest(dag) != digest]
    return {"compared": len(sample), "wrong": wrong[:5]}


def edits(stack: Stack, keys: Sequence[int], found: list[float]) -> None:
    """Save rows of different shards one after another; how long until Airflow serves the new digest."""
    pauses = random.Random(5)
    for number, key in enumerate(spread(keys, EDITS)):
        # So that no loop of the stack keeps step with the edits.
        time.sleep(pauses.uniform(0.3, 1.3))
        edit = stack.client.order("edit", key=key, number=number)
        wait_for(lambda edit=edit: stack.airflow.digest(edit["dag"]) == edit["digest"], LATE)
        found.append(time.monotonic() - edit["began"])


def spread(keys: Sequence[int], count: int) -> list[int]:
    """Return keys whose workflows stand in different shards, as far as there are so many."""
    by_shard: dict[str, list[int]] = {}
    for key in keys:
        by_shard.setdefault(shard(key), []).append(key)
    shards = list(by_shard.values())
    random.Random(6).shuffle(shards)
    rounds = max(map(len, shards), default=0)
    return [shard[place] for place in range(rounds) for shard in shards if place < len(shard)][:count]


def shard(key: int) -> str:
    """Return the file of a row's workflow in the bundle."""
    return hashlib.sha256(f"simulator_dag_{key}".encode()).hexdigest()[:2]


def runs_now(stack: Stack, count: int, found: list[float]) -> None:
    """Save new rows with a run asked for in the same transaction; how long until Airflow has finished it."""
    for number in range(RUNS):
        _finish(stack, stack.client.order("run_now", number=count + number), found)


def runs_again(stack: Stack, keys: Sequence[int], found: list[float]) -> None:
    """Ask for runs of workflows that are live."""
    for key in keys[:RUNS]:
        _finish(stack, stack.client.order("run_again", key=key), found)


def _finish(stack: Stack, asked: dict[str, Any], found: list[float]) -> None:
    state = wait_for(lambda: stack.airflow.ended(asked["dag"], asked["run"]), LATE)
    seconds = time.monotonic() - asked["began"]
    if state != "success":
        raise RuntimeError(f"{asked['dag']} {asked['run']} is {state or 'unfinished'} after {seconds:.1f} s")
    found.append(seconds)


def quiet(stack: Stack, seconds: float) -> Figures:
    """Change nothing for a while; what was parsed, and which processor time that took."""
    time.sleep(5)  # the last run's end is still on its way
    parsed, files = stack.airflow.parse_times(TAG), stack.parses()
    time.sleep(2)
    before, began = stack.spent(), time.monotonic()
    time.sleep(seconds)
    used, wall = between(before, stack.spent()), time.monotonic() - began
    files = stack.parses() - files
    later = stack.airflow.parse_times(TAG)
    return {
        "seconds": wall,
        "dags": len(parsed),
        "parsed": sum(parsed.get(dag) != moment for dag, moment in later.items()),
        "files": files,
        "parsing_cpu": used["airflow-dag-processor"].children,
        "families": _families(used),
        "cpu": total(used.values()) / wall,
    }


def single_edits(stack: Stack, keys: Sequence[int], rate: float, count: int) -> Figures:
    """Save rows with nobody looking; the processor time of each, less what the stack uses at rest.

    Args:
        stack: the stack.
        keys: of the rows; others than those of ``edits``.
        rate: processor seconds a second at rest.
        count: of edits.
    """
    costs, families = [], []
    for number, key in enumerate(spread(keys, EDITS + count)[-count:]):
        time.sleep(1)
        before, began = stack.spent(), time.monotonic()
        edit = stack.client.order("edit", key=key, number=number)
        time.sleep(WINDOW)
        used, wall = between(before, stack.spent()), time.monotonic() - began
        if stack.airflow.digest(edit["dag"]) != edit["digest"]:
            raise RuntimeError(f"{edit['dag']} is not live {WINDOW:.0f} s after it was saved")
        costs.append(total(used.values()) + edit["cpu"] - rate * wall)
        families.append(_families(used))
    names = families[0] if families else {}
    middle = {
        name: [statistics.median(each[name][part] for each in families) for part in (0, 1)] for name in names
    }
    return {"cpu": costs, "families": middle, "seconds": WINDOW}


def _families(used: dict[str, Spent]) -> dict[str, list[float]]:
    return {name: [each.own, each.children] for name, each in used.items()}
