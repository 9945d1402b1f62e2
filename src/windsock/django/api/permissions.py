"""Who may do what: Django's model permissions, for reading too."""

from collections.abc import Mapping
from typing import Any

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request


class Needed(IsAuthenticated):
    """Asks for the permission that the view's ``needs`` names for its action; what has none is refused."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the user has the permission; ``OPTIONS`` shows nothing of the rows."""
        if not super().has_permission(request, view):
            return False
        needs: Mapping[str, str] = view.needs
        if view.action in {None, "metadata"}:
            return True
        return view.action in needs and request.user.has_perm(needs[view.action])
