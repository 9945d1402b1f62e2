"""What Airflow took of a shard, so that a parse checks only what changed since.

What Airflow takes is a matter of the document, of Airflow's version and of the deployment's policies; the
last two are loaded once in the life of a dag-processor.
"""

import logging
from pathlib import Path
from uuid import uuid4

from windsock.airflow.dag.shards import problems_beside, read_json, replace
from windsock.wire import canonical

log = logging.getLogger(__name__)

#: The life of the process that imported this first: the dag-processor, which forks one per file.
_LIFE = uuid4().hex


class Memory:
    """The workflows of one shard that were taken, by the digests of their documents."""

    def __init__(self, stub: Path) -> None:
        self._file = problems_beside(stub).with_suffix(".taken")
        kept = read_json(self._file, {})
        self._before = kept["taken"] if isinstance(kept, dict) and kept.get("life") == _LIFE else {}
        self._now: dict[str, str] = {}

    def holds(self, workflow: str, digest: str) -> bool:
        """Whether this document was taken before."""
        return bool(self._before.get(workflow) == digest)

    def note(self, workflow: str, digest: str) -> None:
        """Note that a document is taken."""
        self._now[workflow] = digest

    def keep(self) -> None:
        """Write down what was noted; what was not is forgotten."""
        if self._now != self._before and self._file.parent.is_dir():
            try:
                replace(self._file, canonical({"life": _LIFE, "taken": self._now}))
            except OSError as error:
                log.warning("Cannot note what was taken in %s: %s", self._file, error)
