from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from windsock.django import retention as kept
from windsock.django.models import IdempotencyKey
from windsock.django.relay import retention
from windsock.django.relay.retention import PAUSE, Pruner

pytestmark = pytest.mark.django_db


def old_keys(count: int) -> None:
    IdempotencyKey.objects.bulk_create(IdempotencyKey(digest=str(number)) for number in range(count))
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(days=2))


def test_a_round_is_bounded_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "batches", lambda keep: kept.batches(keep=keep, batch=2))
    monkeypatch.setattr(retention, "BATCHES", 3)
    old_keys(9)
    pruner = Pruner()

    pauses = []
    while (pause := pruner.run()) is not None:
        pauses.append(pause)

    assert pauses
    assert set(pauses) == {PAUSE}
    assert not IdempotencyKey.objects.exists()


def test_after_an_error_it_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> Any:
        yield kept.KEYS, 1
        raise ConnectionError("gone")

    pruner = Pruner()
    with monkeypatch.context() as patch:
        patch.setattr(retention, "batches", broken)
        with pytest.raises(ConnectionError):
            pruner.run()
    old_keys(1)
    assert pruner.run() is None
    assert not IdempotencyKey.objects.exists()
