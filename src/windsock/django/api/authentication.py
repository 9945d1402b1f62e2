"""Who is asking, by ``Authorization: Bearer <token>``.

This module imports no view, so that a project can name the class in its ``REST_FRAMEWORK`` settings.
"""

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from windsock.django.actions import tokens


class BearerAuthentication(BaseAuthentication):
    """API tokens, as ``manage.py windsock_token`` prints them."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the token's user and row; None when another way of signing in is used.

        Raises:
            AuthenticationFailed: the token is malformed, unknown or expired, or its user is not active.
        """
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        row = tokens.find(token.strip().decode("latin-1"))
        if row is None:
            raise AuthenticationFailed("The token is not valid or has expired.")
        return row.user, row

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 says in ``WWW-Authenticate``."""
        return 'Bearer realm="windsock"'
