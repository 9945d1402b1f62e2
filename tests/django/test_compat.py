import django

from windsock.django import compat


def test_tasks_come_from_django_itself_where_it_has_them() -> None:
    expected = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"

    assert compat.Task.__module__.startswith(expected)


def test_every_name_is_there() -> None:
    assert all(hasattr(compat, name) for name in compat.__all__)
