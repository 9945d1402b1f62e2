"""What a warm process was started from: the project's files, and its caller's environment variables.

The callers of one warm process have been started at different times: a worker that was started anew, with
another database in its variables, finds a process that was started with the former ones. Those of the caller
that was started last count, so callers that differ do not have it start anew in turns.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from windsock.errors import WireError
from windsock.started import SINCE
from windsock.warm.watch import Watch

#: In this variable, which no other user can read, a warm process finds the mark of the variables beside it.
_MARK = "WINDSOCK_WARM_VARIABLES"


@dataclass(frozen=True, slots=True)
class Variables:
    """A mark of environment variables, which tells nothing of them, and since when a caller has had them."""

    digest: str = ""
    since: float = 0.0  #: seconds on the host's monotonic clock

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """Return the mark of this process's."""
        text = "\0".join(f"{name}={value}" for name, value in sorted(variables.items()))
        return cls(hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest(), SINCE)

    @classmethod
    def take(cls) -> Self:
        """Return the mark with which this process was started, and hide it from its children."""
        return cls.read(json.loads(os.environ.pop(_MARK, "{}")))

    def beside(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return variables with this mark of theirs, to start a warm process with."""
        return {**variables, _MARK: json.dumps(self.document())}

    def document(self) -> dict[str, Any]:
        """Return what a greeting says of it."""
        return {"variables": self.digest, "since": self.since}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Return the mark that a greeting carries; without one, that of a caller that knows nothing newer.

        Raises:
            WireError: it is none.
        """
        digest, since = document.get("variables", ""), document.get("since", 0.0)
        if not (isinstance(digest, str) and isinstance(since, int | float)):
            raise WireError("variables: expected a text, and since: a number")
        return cls(digest, since)

    def replace(self, others: Self) -> bool:
        """Whether what was started with the others is out of date; never if nobody knows which those were."""
        return bool(others.digest) and self.digest != others.digest and self.since > others.since


class Origin:
    """Tells whether a warm process is out of date."""

    def __init__(self, watch: Watch, variables: Variables) -> None:
        self.watch = watch
        self._variables = variables

    def outdated_by(self, greeting: Mapping[str, Any]) -> str:
        """Return why a caller needs a new process; empty if this one will do.

        Raises:
            WireError: the greeting cannot be read.
        """
        if changed := self.watch.change():
            return f"{changed} has changed"
        if Variables.read(greeting).replace(self._variables):
            return "its caller was started later, with other environment variables"
        return ""
