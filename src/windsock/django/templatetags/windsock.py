"""Filters of the pages' templates."""

import json
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone

from windsock.django.pages import words

register = template.Library()


@register.filter
def ago(moment: datetime | None) -> str:
    """How long ago it was."""
    return words.ago(moment, timezone.now())


@register.filter
def took(execution: Any) -> str:
    """How long a run or task took, or takes since it started."""
    if execution.started_at is None:
        return ""
    if execution.finished_at is None:
        return words.elapsed(timezone.now() - execution.started_at)
    return words.duration(execution.finished_at - execution.started_at)


@register.filter
def pretty(value: Any) -> str:
    """JSON data, indented."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False)
