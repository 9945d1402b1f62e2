"""One round of one way."""

import statistics
import time
from dataclasses import dataclass, field

from running import Effect, Runner
from ways import Way

LONGEST = 120.0  #: seconds for one drain
WARM_UP = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Amounts:
    """How much of each is done in a round."""

    singly: int = 1500
    drained: int = 3000
    naps: int = 600
    paced: int = 60
    rate: float = 20.0


@dataclass(slots=True)
class Round:
    """What one round of one way has shown; figures that it cannot show stay away."""

    figures: dict[str, float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)  #: seconds
    faults: list[str] = field(default_factory=list)


def measure(runner: Runner, way: Way, amounts: Amounts) -> Round:
    """Fill the queue with no worker, drain it, do the same with 20 ms tasks, then send at a steady rate."""
    found = Round()
    clear(runner, way)
    runner.order(way, "singly", task="noop", first=0, count=WARM_UP)
    clear(runner, way)
    _fill(runner, way, amounts, found)
    with runner.workers(way):
        effects = runner.wait_for_effects(amounts.drained, LONGEST)
        found.figures["drain_0"] = drained_per_second(effects)
        _check(runner, way, effects, amounts.drained, found)
    if way.record:
        found.figures["bytes"] = _bytes_per_row(runner, way)
    if way.information:
        return found
    clear(runner, way)
    runner.order(way, "singly", task="nap", first=0, count=amounts.naps)
    with runner.workers(way):
        effects = runner.wait_for_effects(amounts.naps, LONGEST)
        found.figures["drain_20"] = drained_per_second(effects)
        _check(runner, way, effects, amounts.naps, found)
        if amounts.paced:
            _latency(runner, way, amounts, found)
    return found


def clear(runner: Runner, way: Way) -> None:
    """Leave nothing of the round before: no row, no message, no side effect."""
    runner.servers.empty_broker()
    runner.forget_effects()
    if way.tables:
        runner.servers.do(database(way), f"TRUNCATE {', '.join(way.tables)} CASCADE")


def database(way: Way) -> str:
    return f"bench_{way.project}"


def drained_per_second(effects: list[Effect]) -> float:
    """Count from the moment at which every worker process has done its first task to the last side effect.

    So neither start-up counts, nor that one process starts before the other. A process that only joins when
    most is done (it may have been started by a fault) does not move that moment.
    """
    ordered = sorted(effect.monotonic for effect in effects)
    if len(ordered) < 2:
        return 0.0
    firsts: dict[int, float] = {}
    for effect in sorted(effects, key=lambda each: each.monotonic):
        firsts.setdefault(effect.pid, effect.monotonic)
    began = max(first for first in firsts.values() if first <= ordered[len(ordered) // 2])
    counted = sum(moment > began for moment in ordered)
    return counted / (ordered[-1] - began)


def wait_for_records(runner: Runner, way: Way, count: int, seconds: float = 15) -> int:
    """Wait until so many rows say that they are done; return how many do."""
    query = f"SELECT count(*) FROM {way.record} WHERE {way.done}"
    deadline = time.monotonic() + seconds
    while (done := runner.servers.ask(database(way), query)[0][0]) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    return int(done)


def _fill(runner: Runner, way: Way, amounts: Amounts, found: Round) -> None:
    singly = runner.order(way, "singly", task="noop", first=0, count=amounts.singly)
    found.figures["enqueue"] = amounts.singly / singly["seconds"]
    rest = amounts.drained - amounts.singly
    many = runner.order(way, "many", task="noop", first=amounts.singly, count=rest)
    if many is None:
        runner.order(way, "singly", task="noop", first=amounts.singly, count=rest)
    else:
        found.figures["enqueue_many"] = rest / many["seconds"]


def _check(runner: Runner, way: Way, effects: list[Effect], count: int, found: Round) -> None:
    """Count executions and rows."""
    numbers = [effect.number for effect in effects]
    if lost := count - len(set(numbers)):
        found.faults.append(f"{lost} of {count} not executed")
    if doubled := len(numbers) - len(set(numbers)):
        found.faults.append(f"{doubled} of {count} executed more than once")
    if way.record and (done := wait_for_records(runner, way, count)) != count:
        found.faults.append(f"{done} rows done of {count}")


def _bytes_per_row(runner: Runner, way: Way) -> float:
    sizes = " + ".join(f"pg_total_relation_size('{table}')" for table in way.tables)
    query = f"SELECT ({sizes})::float / count(*) FROM {way.record}"
    return float(runner.servers.ask(database(way), query)[0][0])


def _latency(runner: Runner, way: Way, amounts: Amounts, found: Round) -> None:
    clear(runner, way)
    answer = runner.order(
        way, "paced", task="noop", first=0, count=WARM_UP + amounts.paced, rate=amounts.rate
    )
    sent = answer["sent"]
    effects = {effect.number: effect.wall_ns for effect in runner.wait_for_effects(len(sent), 15)}
    if len(effects) < len(sent):
        found.faults.append(f"{len(sent) - len(effects)} of {len(sent)} not executed at {amounts.rate:g}/s")
    moments = _commits(runner, way, len(sent)) if way.record else {}
    for number, asked, key in sent[WARM_UP:]:
        end = moments.get(key.replace("-", "")) if way.record else effects.get(number)
        if end is not None:
            found.latencies.append((end - asked) / 1e9)
    found.figures["p50"] = 1000 * statistics.median(found.latencies)
    found.figures["p95"] = 1000 * statistics.quantiles(found.latencies, n=20)[-1]


def _commits(runner: Runner, way: Way, count: int) -> dict[str, int]:
    """When each row became done: the time of the commit that wrote its last version."""
    wait_for_records(runner, way, count)
    query = (
        f"SELECT replace({way.key}::text, '-', ''), "
        "(extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000000)::bigint "
        f"FROM {way.record} WHERE {way.done}"
    )
    return {key: int(moment) for key, moment in runner.servers.ask(database(way), query)}
