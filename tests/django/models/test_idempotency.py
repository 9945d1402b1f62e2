from django.db import models

from windsock.django.models import IdempotencyKey


def test_a_key_is_found_by_its_digest_alone() -> None:
    assert isinstance(IdempotencyKey._meta.pk, models.CharField)
    assert str(IdempotencyKey(digest="a" * 64)) == "a" * 64
