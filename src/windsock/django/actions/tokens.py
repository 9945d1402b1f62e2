"""API tokens: shown once when they are issued, kept as a hash."""

import secrets
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from windsock.django.models import ApiToken

LIFETIME = timedelta(days=90)


def issue(user: Any, *, name: str = "", lifetime: timedelta | None = LIFETIME) -> str:
    """Make a token for ``user`` and return it; nobody can read it again.

    Args:
        user: who acts with it.
        name: what it is for.
        lifetime: after which it is refused; None: never.
    """
    token = f"windsock_{secrets.token_urlsafe(32)}"
    ApiToken.objects.create(
        user=user,
        name=name,
        digest=ApiToken.digest_of(token),
        expires_at=None if lifetime is None else timezone.now() + lifetime,
    )
    return token


def find(token: str) -> ApiToken | None:
    """Return the token's row with its user; None when it is unknown, expired or the user is not active."""
    alive = Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
    rows = ApiToken.objects.select_related("user").filter(alive, digest=ApiToken.digest_of(token))
    row = rows.first()
    return row if row is not None and row.user.is_active else None
