"""A benchmark's stages: each has a limit, and what fails stands on the page."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from limits import limit


@dataclass(slots=True)
class Stages:
    """What was found so far.

    Args:
        write: called after every stage with all figures, whatever comes after it.
    """

    write: Callable[[dict[str, Any]], None]
    figures: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    @contextlib.contextmanager
    def stage(self, name: str, seconds: float | None) -> Iterator[None]:
        """Do one stage; what fails or takes too long is told on the page, and the next one begins.

        Args:
            name: for people.
            seconds: that it may take; None: what is in it has limits of its own.
        """
        print(f"{time.monotonic() - self.began:6.0f} s  {name}", flush=True)
        try:
            with limit(seconds) if seconds else contextlib.nullcontext():
                yield
        except (Exception, SystemExit) as error:
            problem = f"{name}: {type(error).__name__}: {error}"
            print(problem, flush=True)
            self.figures.setdefault("problems", []).append(problem[:1500])
            if str(error) == "stopped":
                raise
        finally:
            self.figures["minutes"] = (time.monotonic() - self.began) / 60
            self.write(self.figures)
