"""How much work one user may start; reading is not limited by it."""

import logging
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle, UserRateThrottle
from rest_framework.views import APIView

from windsock.django.conf import settings

log = logging.getLogger(__name__)


class StartRate(UserRateThrottle):
    """``THROTTLE_RATE`` per user over all that starts work, counted in Django's default cache."""

    scope = "windsock"

    def get_rate(self) -> str | None:
        """Return the setting; None: no limit."""
        return str(settings.THROTTLE_RATE or "").strip() or None

    def parse_rate(self, rate: str | None) -> Any:
        """Return number and seconds.

        Raises:
            ImproperlyConfigured: the setting cannot be read.
        """
        try:
            return super().parse_rate(rate)
        except (KeyError, IndexError, ValueError):
            message = f"WINDSOCK['THROTTLE_RATE'] must look like 600/min or be empty, not {rate!r}."
            raise ImproperlyConfigured(message) from None

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count the request and say whether it may pass; while the cache is away all may."""
        try:
            return bool(super().allow_request(request, view))
        except Exception:
            log.warning("The cache does not answer; requests are not counted.", exc_info=True)
            return True


def when_starting(view: Any, actions: tuple[str, ...]) -> list[BaseThrottle]:
    """Return the limit if the request of ``view`` is for one of these actions, which start work."""
    looks = view.request.method in SAFE_METHODS and view.request.method != "GET"
    return [StartRate()] if view.action in actions and not looks else []
