"""Django's tasks with Windsock's options, the registry of them, and on whose behalf they are started."""

import importlib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps

from windsock import wire
from windsock.django import arguments
from windsock.django.compat import InvalidTask, Task, normalize_json
from windsock.errors import UnknownTask

if TYPE_CHECKING:
    from windsock.django.compat import TaskResult

    AnyTask = Task[..., Any]
else:
    AnyTask = Task  # generic in the backport only

ArgsAndKwargs = tuple[Sequence[Any], Mapping[str, Any]]

_registry: dict[str, "TrackedTask"] = {}
_owner: ContextVar[Any] = ContextVar("windsock_owner", default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """What a record says about a task beside the call itself."""

    name: str = ""  #: what people call it; empty: the function's name
    operation: str = ""  #: one of ``TaskRun.Operation``
    related_table: str = ""
    related_id: str = ""  #: empty: not known yet, or none
    input_data: Any = field(default=None, repr=False)  #: JSON data, as the caller sent it


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackedTask(AnyTask):
    """A task of Windsock's backends: ``@task(retries=3, retry_delay=timedelta(seconds=10))``."""

    retries: int = 0  #: further attempts after the first, 0..100
    retry_delay: timedelta = timedelta(0)  #: before each further attempt, >= 0
    timeout: timedelta | None = None  #: of one attempt, > 0; then ``context.cancelled``
    unique_on: tuple[str, ...] = ()  #: arguments; while one call is unfinished, its like is not enqueued
    result_ttl: timedelta | None = None  #: how long the result is kept, > 0; None: as long as the record
    sensitive: tuple[str, ...] = ()  #: arguments, and fields of ``label.input_data``, that are never shown
    label: Label = Label()

    def __post_init__(self) -> None:
        # A slotted dataclass is a new class, which the bare super() does not know before Python 3.14.
        super(TrackedTask, self).__post_init__()
        for name in ("unique_on", "sensitive"):
            object.__setattr__(self, name, _names(self, name))
        _check_options(self)
        known = _registry.get(self.module_path)
        if known is None or known.func is not self.func:
            _registry[self.module_path] = self

    def using(  # noqa: PLR0913
        self,
        *,
        priority: int | None = None,
        queue_name: str | None = None,
        run_after: datetime | None = None,
        backend: str | None = None,
        retries: int | None = None,
        retry_delay: timedelta | None = None,
        timeout: timedelta | None = None,
        unique_on: Sequence[str] | None = None,
        result_ttl: timedelta | None = None,
        sensitive: Sequence[str] | None = None,
        label: Label | None = None,
    ) -> Self:
        """Return the task with other options; what is left out stays."""
        options: dict[str, Any] = {
            "priority": priority,
            "queue_name": queue_name,
            "run_after": run_after,
            "backend": backend,
            "retries": retries,
            "retry_delay": retry_delay,
            "timeout": timeout,
            "unique_on": unique_on,
            "result_ttl": result_ttl,
            "sensitive": sensitive,
            "label": label,
        }
        return replace(self, **{name: value for name, value in options.items() if value is not None})

    def enqueue_many(self, calls: Iterable[ArgsAndKwargs]) -> "list[TaskResult[Any]]":
        """Enqueue many calls at the price of few: all of them, or none when one is refused.

        Args:
            calls: of each its positional and its keyword arguments, ``[((1,), {"b": 2}), ((3,), {})]``.

        Returns:
            The results in the same order.
        """
        return self.get_backend().enqueue_many(self, calls)  # type: ignore[attr-defined, no-any-return]

    async def aenqueue_many(self, calls: Iterable[ArgsAndKwargs]) -> "list[TaskResult[Any]]":
        """Do the same in async code."""
        return await self.get_backend().aenqueue_many(self, calls)  # type: ignore[attr-defined, no-any-return]

    def unique_key(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
        """Return what two calls have in common that must not both wait or run; None: nothing.

        Raises:
            TypeError: the function cannot be called like this, or JSON cannot hold an argument.
        """
        if not self.unique_on:
            return None
        signature = arguments.signature_of(self.func, self.takes_context)
        values = arguments.bound(signature, self.unique_on, args, kwargs)
        return wire.digest([self.module_path, normalize_json(values)])

    def hidden(self, args: Sequence[Any]) -> list[str | int]:
        """Return what is never shown of a call: names, and indices of ``args``."""
        if not self.sensitive:
            return []
        signature = arguments.signature_of(self.func, self.takes_context)
        return [*self.sensitive, *arguments.places(signature, self.sensitive, len(args))]


def _check_options(task: "TrackedTask") -> None:
    if not 0 <= task.retries <= 100:
        raise InvalidTask("retries must lie between 0 and 100.")
    if task.retry_delay < timedelta(0):
        raise InvalidTask("retry_delay must not be negative.")
    if task.timeout is not None and task.timeout <= timedelta(0):
        raise InvalidTask("timeout must be positive.")
    if task.result_ttl is not None and task.result_ttl <= timedelta(0):
        raise InvalidTask("result_ttl must be positive.")
    _check_names(task)


def _names(task: "TrackedTask", option: str) -> tuple[str, ...]:
    names = getattr(task, option)
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise InvalidTask(f"{option} must be a tuple of names.")
    return tuple(dict.fromkeys(names))


def _check_names(task: "TrackedTask") -> None:
    if not task.unique_on and not task.sensitive:
        return
    signature = arguments.signature_of(task.func, task.takes_context)
    known = arguments.single(signature)
    for name in task.unique_on:
        if name not in known:
            raise InvalidTask(f"unique_on: {task.name} has no argument {name!r}.")
    try:
        wire.digest(normalize_json(arguments.defaults(signature, task.unique_on)))
    except (TypeError, ValueError) as error:
        raise InvalidTask(f"unique_on: JSON cannot hold a default of {task.name}: {error}") from error
    # What a label says that the caller sent may have any fields, and so may **kwargs.
    if task.label == Label() and not arguments.takes_any_name(signature):
        for name in task.sensitive:
            if name not in signature.parameters:
                raise InvalidTask(f"sensitive: {task.name} has no argument {name!r}.")


def registered() -> Mapping[str, TrackedTask]:
    """Return every task of this process by its path."""
    return MappingProxyType(_registry)


def resolve(path: str) -> TrackedTask:
    """Return the registered task; nothing is imported.

    Raises:
        UnknownTask: no module of this process registered it.
    """
    try:
        return _registry[path]
    except KeyError:
        raise UnknownTask(f"No task is registered as {path!r}.") from None


def load(path: str) -> TrackedTask:
    """Return the task of a record, for which its module is imported if need be.

    Only for paths that an enqueue wrote; a path that a person typed goes to ``resolve``.

    Raises:
        UnknownTask: its module is gone or does not register it any more.
    """
    if path not in _registry:
        try:
            importlib.import_module(path.rpartition(".")[0])
        except (ImportError, ValueError) as error:
            raise UnknownTask(f"The module of the task {path!r} cannot be imported: {error}") from error
    return resolve(path)


def autodiscover() -> None:
    """Import the module ``tasks`` of every installed app."""
    for config in apps.get_app_configs():
        if config.name != "windsock.django" and importlib.util.find_spec(f"{config.name}.tasks"):
            importlib.import_module(f"{config.name}.tasks")


@contextmanager
def acting_as(user: Any) -> Iterator[None]:
    """Make ``user`` the owner of every task that is enqueued inside the block.

    The REST API does this with the signed-in user, and a worker with the owner of the task that it runs, so
    that what a task enqueues belongs to the same person.

    Args:
        user: a user, its primary key, or None for nobody.
    """
    token = _owner.set(getattr(user, "pk", user))
    try:
        yield
    finally:
        _owner.reset(token)


def current_owner() -> Any:
    """Return the primary key of the user whom ``acting_as`` names, or None."""
    return _owner.get()
