"""What a shard's stub does when Airflow parses it: a local file becomes DAGs, each by itself."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, get_parsing_context

from windsock.airflow.dag.check import Checker
from windsock.airflow.dag.compile import build
from windsock.airflow.dag.memory import Memory
from windsock.airflow.dag.shards import modified, read, write_problems
from windsock.airflow.hook import Entry, Problem
from windsock.wire import digest, from_json
from windsock.workflow import Workflow
from windsock.workflow.rules import is_sentinel

log = logging.getLogger(__name__)


def load(stub: str, namespace: dict[str, Any]) -> None:
    """Put the DAGs of a shard where Airflow finds them.

    A worker names the DAG that it is about to run; then only that one is built. The dag-processor gets of
    each workflow the newest version that Airflow accepts; what it would refuse is written beside the shards
    and reported by the bundle's next refresh.

    Args:
        stub: the stub's ``__file__``.
        namespace: the stub's ``globals()``.

    Raises:
        WireError: the shard cannot be read.
    """
    file = Path(stub)
    read_at = modified(file.with_suffix(".json"))
    entries = read(file.with_suffix(".json"))
    wanted = get_parsing_context().dag_id
    if wanted is not None:
        if wanted in entries:
            namespace[f"dag {wanted}"] = compiled(entries[wanted][0])
        return
    parse = _Parse(file)
    for workflow, candidates in entries.items():
        dag = parse.in_force(candidates)
        if dag is not None:
            namespace[f"dag {workflow}"] = dag
    parse.memory.keep()
    write_problems(file, parse.problems, read_at=read_at)


def compiled(entry: Entry) -> DAG:
    """Return the DAG of a published version.

    Raises:
        WireError: the document cannot be read here.
        ValueError: it cannot be a DAG.
    """
    workflow = from_json(Workflow, entry.document)
    return build(workflow, revision=entry.revision, digest=digest(entry.document))


class _Parse:
    """One parse of a shard."""

    def __init__(self, stub: Path) -> None:
        self._stub = stub
        self._checker: Checker | None = None
        self.memory = Memory(stub)
        self.problems: list[Problem] = []

    def in_force(self, candidates: Iterable[Entry]) -> DAG | None:
        """Return the DAG of the first candidate that Airflow takes; ``problems`` gets those before it."""
        for entry in candidates:
            dag, refusal = self._accepted(entry)
            if dag is not None and not entry.refused:
                return dag
            # What was refused before and is taken now waits until Django publishes it anew: runs that were
            # begun at its revision keep what was in force.
            self.problems.append(Problem(workflow=entry.workflow, revision=entry.revision, message=refusal))
            if refusal:
                log.warning("Workflow %s revision %d: %s", entry.workflow, entry.revision, refusal)
        return None

    def _accepted(self, entry: Entry) -> tuple[DAG | None, str]:
        if is_sentinel(entry.workflow):
            return None, "this name is Windsock's own"
        try:
            mark, dag = digest(entry.document), compiled(entry)
            if not self.memory.holds(entry.workflow, mark):
                self._checker = self._checker or Checker(self._stub)
                refusal = self._checker.refusal(dag)
                if refusal:
                    return None, refusal
                dag = compiled(entry) if self._checker.leaves_marks else dag
            self.memory.note(entry.workflow, mark)
            return dag, ""
        except Exception as error:
            return None, f"{type(error).__name__}: {error}"
