"""What a request to start a task asks for, checked field by field."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model

from windsock.django import arguments
from windsock.django.actions.waiters import Instance
from windsock.django.compat import InvalidTask
from windsock.django.conf import settings
from windsock.django.service.registry import Refused
from windsock.django.service.signed import taken
from windsock.django.tasks import TrackedTask, resolve
from windsock.errors import UnknownTask

NAMES = {"dag_id": str, "run_id": str, "task_id": str, "map_index": int, "try_number": int}
LONGEST = 250  #: characters of a name in Airflow


def call_of(body: Mapping[str, Any]) -> tuple[TrackedTask, list[Any], dict[str, Any]]:
    """Return the registered task with the wanted options, and its arguments.

    Raises:
        Refused: there is no such task, or it takes other options or arguments.
    """
    try:
        task = resolve(taken(body, "task", str, ""))
    except UnknownTask as error:
        raise Refused("task", str(error)) from None
    args, kwargs = taken(body, "args", list, []), taken(body, "kwargs", dict, {})
    try:
        arguments.signature_of(task.func, task.takes_context).bind(*args, **kwargs)
    except TypeError as error:
        raise Refused("kwargs" if kwargs else "args", str(error)) from None
    for name, kind in (("queue_name", str), ("priority", int)):
        value: Any = taken(body, name, kind, None)
        if value is not None:
            task = _with(task, name, value)
    return task, args, kwargs


def limited(task: TrackedTask, patience: float | None) -> TrackedTask:
    """Return the task with a time limit that is not longer than somebody waits for it."""
    if not patience:
        return task
    limit = timedelta(seconds=patience)
    return task.using(timeout=limit if task.timeout is None else min(limit, task.timeout))


def instance_of(body: Mapping[str, Any]) -> Instance | None:
    """Return who waits; None: the request does not say.

    Raises:
        Refused: it says so in another form.
    """
    told = taken(body, "instance", dict, {})
    found = {name: taken(told, name, kind, None) for name, kind in NAMES.items()}
    if any(isinstance(value, str) and len(value) > LONGEST for value in found.values()):
        raise Refused("instance", f"a name has more than {LONGEST} characters")
    if not told:
        return None
    if not (found["dag_id"] and found["run_id"] and found["task_id"]):
        raise Refused("instance", "expected dag_id, run_id and task_id")
    return Instance(**{name: value for name, value in found.items() if value is not None})


def owner() -> Any:
    """Return the primary key of the user to whom such tasks belong, or None.

    Raises:
        Refused: there is no such user.
    """
    if not settings.SERVICE_OWNER:
        return None
    users = get_user_model()._default_manager.filter(
        **{get_user_model().USERNAME_FIELD: settings.SERVICE_OWNER, "is_active": True}
    )
    found = users.values_list("pk", flat=True).first()
    if found is None:
        raise Refused("owner", "WINDSOCK['SERVICE_OWNER'] of the Django settings names no active user")
    return found


def _with(task: TrackedTask, name: str, value: Any) -> TrackedTask:
    try:
        changed = task.using(**{name: value})
        changed.get_backend().validate_task(changed)
    except (InvalidTask, ValueError) as error:
        raise Refused(name, str(error)) from None
    return changed
