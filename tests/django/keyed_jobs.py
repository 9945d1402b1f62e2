"""Tasks with unique_on, sensitive and result_ttl, for the tests."""

from datetime import timedelta
from typing import Any

from windsock.django.compat import task
from windsock.django.context import TaskContext


@task(unique_on=("folder",))
def sync(folder: str, speed: int = 1) -> str:
    return folder


@task(unique_on=("a", "b"), takes_context=True)
def keyed(context: TaskContext, a: Any, b: Any = 2) -> None:
    return None


@task(sensitive=("password",), result_ttl=timedelta(hours=1))
def sign_in(name: str, password: Any, again: bool = True) -> str:
    return name


@task(sensitive=("password",))
def give_away(password: str) -> None:
    raise ValueError(f"wrong password {password!r}")


@task(sensitive=("rest", "token"))
def collect(first: int, *rest: str, **others: Any) -> int:
    return first


@task(unique_on=("depth",))
def nest(depth: int) -> bool:
    """Enqueue itself while it runs."""
    return bool(nest.enqueue(depth).is_finished)
