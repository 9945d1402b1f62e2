"""Functions of a project that Airflow's operators call."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import models

from windsock.django.compat import task
from windsock.errors import Skip


@dataclass(frozen=True)
class Sum:
    total: Decimal


def echo(*args: Any, **kwargs: Any) -> list[Any]:
    return [list(args), kwargs]


def total(lines: set[Decimal]) -> Sum:
    return Sum(sum(lines, Decimal(0)))


def is_sum(value: Any) -> bool:
    return isinstance(value, Sum)


def published(day: str, *, string_args: list[str], templates_dict: dict[str, str]) -> list[Any]:
    return [day, string_args, templates_dict]


async def later(value: int) -> int:
    return value + 1


@task
def doubled(value: int) -> int:
    return 2 * value


@task(takes_context=True)
async def doubled_with_context(context: Any, value: int) -> list[int]:
    await context.aprogress(1, 2)
    context.relate(value)
    return [2 * value, context.attempt]


@task(takes_context=True)
def asks_for_its_record(context: Any) -> None:
    context.run.save()


def an_order() -> User:
    return get_user_model()(pk=7)


def orders() -> models.QuerySet[User]:
    return get_user_model().objects.all()


def texts() -> Iterator[str]:
    yield "no list"


def large(size: int) -> str:
    return "ü" * size


def leaves(status: object) -> None:
    sys.exit(status)


def skips() -> None:
    raise Skip("nothing to do")
