"""What a repeated request gets again."""

from django.db import models


class IdempotencyKey(models.Model):
    """The answer to a request that carried ``Idempotency-Key``; the same request gets it again for a day."""

    digest = models.CharField(primary_key=True, max_length=64)  #: SHA-256 of user, method, path and key
    body_digest = models.CharField(max_length=64)  #: SHA-256 of the canonical body
    status_code = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return self.digest
