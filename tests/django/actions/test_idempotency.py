import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from windsock.django.actions import idempotency
from windsock.django.models import IdempotencyKey


@pytest.mark.django_db
def test_a_key_is_taken_once() -> None:
    assert idempotency.claim("a", "body") is None
    idempotency.keep("a", 202, {"x": 1})

    kept = idempotency.claim("a", "another body")

    assert kept is not None
    assert (kept.body_digest, kept.status_code, kept.answer) == ("body", 202, {"x": 1})
    assert idempotency.claim("b", "body") is None


@pytest.mark.django_db
@pytest.mark.parametrize(("hours", "is_gone"), [(23, False), (25, True)])
def test_a_day_later_it_is_taken_anew(hours: int, is_gone: bool) -> None:
    idempotency.claim("a", "body")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=hours))

    assert (idempotency.claim("a", "another body") is None) == is_gone
    assert IdempotencyKey.objects.get().body_digest == ("another body" if is_gone else "body")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("keeps", [True, False])
def test_who_comes_second_waits_for_the_first(keeps: bool, wait_until: Callable[..., None]) -> None:
    found: list[IdempotencyKey | None] = []

    def second() -> None:
        try:
            with transaction.atomic():
                found.append(idempotency.claim("a", "body"))
        finally:
            connection.close()

    thread = threading.Thread(target=second)
    with transaction.atomic():
        assert idempotency.claim("a", "body") is None
        thread.start()
        wait_until(someone_waits)
        idempotency.keep("a", 202, {"x": 1})
        transaction.set_rollback(not keeps)
    thread.join(10)

    assert [kept and kept.answer for kept in found] == [{"x": 1} if keeps else None]


def someone_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])
