"""What a shard's stub does when Airflow parses it: a local file becomes DAGs, each by itself."""

import logging
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, get_parsing_context

from windsock.airflow.dag.check import Checker
from windsock.airflow.dag.compile import SENTINEL, build
from windsock.airflow.dag.shards import problems_beside, read, write_problems
from windsock.airflow.hook import Entry, Problem
from windsock.wire import digest, from_json
from windsock.workflow import Workflow

log = logging.getLogger(__name__)


def load(stub: str, namespace: dict[str, Any]) -> None:
    """Put the DAGs of a shard where Airflow finds them.

    A worker names the DAG that it is about to run; then only that one is built. The dag-processor gets all
    that Airflow accepts; what it would refuse is written beside the shards and reported by the bundle's next
    refresh.

    Args:
        stub: the stub's ``__file__``.
        namespace: the stub's ``globals()``.

    Raises:
        WireError: the shard cannot be read.
    """
    file = Path(stub)
    entries = read(file.with_suffix(".json"))
    wanted = get_parsing_context().dag_id
    if wanted is not None:
        if wanted in entries:
            namespace[f"dag {wanted}"] = compiled(entries[wanted])
        return
    problems = []
    checker = Checker(file)
    for entry in entries.values():
        dag, refusal = _accepted(entry, checker)
        if dag is None:
            log.warning("Workflow %s revision %d: %s", entry.workflow, entry.revision, refusal)
            problems.append(Problem(workflow=entry.workflow, revision=entry.revision, message=refusal))
        else:
            namespace[f"dag {entry.workflow}"] = dag
    write_problems(problems_beside(file), problems)


def compiled(entry: Entry) -> DAG:
    """Return the DAG of a published version.

    Raises:
        WireError: the document cannot be read here.
        ValueError: it cannot be a DAG.
    """
    workflow = from_json(Workflow, entry.document)
    return build(workflow, revision=entry.revision, digest=digest(entry.document))


def _accepted(entry: Entry, checker: Checker) -> tuple[DAG | None, str]:
    if entry.workflow == SENTINEL:
        return None, "this name is Windsock's own"
    try:
        dag = compiled(entry)
        refusal = checker.refusal(dag)
        if refusal:
            return None, refusal
        return (compiled(entry) if checker.leaves_marks else dag), ""
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
