"""Django's signals about tasks, for those who listen."""

import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from windsock.django import compat
from windsock.django.models import TaskRun
from windsock.django.results import result_of
from windsock.errors import UnknownTask


def tell(signal: Any, run: TaskRun) -> None:
    """Send a signal about ``run``; what a receiver raises is logged by Django."""
    try:
        sender = type(compat.task_backends[run.backend])
        if not signal.has_listeners(sender):
            return
        result = result_of(run)
    except (UnknownTask, ImproperlyConfigured):
        return
    signal.send_robust(sender, task_result=result)


def spare_djangos_lines() -> None:
    """Have Django not log each start and end besides our own line, unless LOGGING asks for it."""
    module: Any = sys.modules[f"{compat.Task.__module__.rpartition('.')[0]}.signals"]
    if module.logger.name not in settings.LOGGING.get("loggers", {}):
        compat.task_started.disconnect(module.log_task_started)
        compat.task_finished.disconnect(module.log_task_finished)
