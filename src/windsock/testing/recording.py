"""A transport that carries nothing and remembers all."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from windsock.call import Call, Outcome, execute


@dataclass(slots=True)
class Recording:
    """Remembers the calls it is given and answers from a table of functions, by path."""

    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    timeouts: list[timedelta | None] = field(default_factory=list)

    def send(self, call: Call, *, timeout: timedelta | None = None) -> Outcome:
        """Remember ``call`` and run the function that stands for it; without one the value is ``None``."""
        self.calls.append(call)
        self.timeouts.append(timeout)
        return execute(call, self._resolve)

    def _resolve(self, path: str) -> Callable[..., Any]:
        return self.functions.get(path, lambda *args, **kwargs: None)
