"""Answers that are kept, so that a repeated request does nothing twice."""

from datetime import timedelta
from typing import Any

from django.db import connections
from django.db.models.functions import Now

from windsock.django.actions.tasks import alias
from windsock.django.models import IdempotencyKey

LIFETIME = timedelta(hours=24)

_CLAIM = """
    INSERT INTO windsock_idempotencykey (digest, body_digest, created_at)
    VALUES (%s, %s, statement_timestamp())
    ON CONFLICT DO NOTHING
"""


def claim(digest: str, body_digest: str) -> IdempotencyKey | None:
    """Take a key in the caller's transaction; whoever has it in an open one is waited for.

    Args:
        digest: of user, method, path and key.
        body_digest: of the body.

    Returns:
        None when the key is the caller's, who now has to ``keep`` an answer; else what is kept.
    """
    keys = IdempotencyKey.objects.using(alias())
    while True:
        with connections[alias()].cursor() as cursor:
            cursor.execute(_CLAIM, (digest, body_digest))
            if cursor.rowcount:
                return None
        keys.filter(digest=digest, created_at__lt=Now() - LIFETIME).delete()
        if kept := keys.filter(digest=digest).first():
            return kept


def keep(digest: str, status_code: int, answer: Any) -> None:
    """Keep the answer to the request that took the key.

    Args:
        digest: as it was taken.
        status_code: of the answer.
        answer: JSON data.
    """
    kept = IdempotencyKey.objects.using(alias()).filter(digest=digest)
    kept.update(status_code=status_code, answer=answer)
