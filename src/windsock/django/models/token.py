"""API tokens, of which only a hash is kept."""

import hashlib

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    """A bearer token of one user; the token itself is shown once and never stored."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    name = models.CharField(max_length=100, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name or f"token {self.pk}"

    @staticmethod
    def digest_of(token: str) -> str:
        """Return what is stored of ``token``; tokens carry 256 random bits, so a plain hash is enough."""
        return hashlib.sha256(token.encode()).hexdigest()
