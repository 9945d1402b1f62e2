"""The values of a plan: steps that come before, and parts that run until the stack stops."""

from collections.abc import Callable
from dataclasses import dataclass

from windsock.local.process import Command
from windsock.local.readiness import Probe


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Work that must end before something else starts.

    Attributes:
        name: Its name.
        run: The work; it may block, and raises when it fails.
        after: The steps that end and the parts that are ready before it.
    """

    name: str
    run: Callable[[], None]
    after: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A process that runs until the stack stops.

    Attributes:
        name: Its name, also that of its log.
        command: Says what to run, each time it is started.
        ready: Tells whether it is ready.
        after: The steps that end and the parts that are ready before it.
        stops_last: Whether the others need it to the end.
    """

    name: str
    command: Callable[[], Command]
    ready: Probe
    after: tuple[str, ...] = ()
    stops_last: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """All steps and parts of one run, and the parts that the caller brought."""

    steps: tuple[Step, ...]
    parts: tuple[Part, ...]
    external: tuple[str, ...] = ()
