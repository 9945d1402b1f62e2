"""The ground of every view: a session or a token is needed, nothing here is open to everybody."""

from typing import Any

from django.http import Http404
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from windsock.django.api.authentication import BearerAuthentication
from windsock.django.api.parsing import FormBody, JsonBody
from windsock.django.api.refusals import refusal_of


class NoForm(Serializer[Any]):
    """What a browser is shown where there is no serializer: without one, its page would not open."""


class SignedIn(APIView):
    """A view for people and programs that are signed in; its answers are not kept by caches."""

    authentication_classes = (BearerAuthentication, SessionAuthentication)
    parser_classes: Any = (JsonBody, FormBody)
    permission_classes = (IsAuthenticated,)
    #: With the router's own expression a dot in an id would lead to Django's page for what is not found.
    lookup_value_regex = "[^/]+"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the caller in, or not.

        Raises:
            Http404: the address names a key that no text column can hold.
        """
        super().initial(request, *args, **kwargs)
        if any("\x00" in str(value) for value in kwargs.values()):
            raise Http404

    def handle_exception(self, exc: Exception) -> Response:
        """Answer to what Windsock itself refuses, too."""
        return super().handle_exception(refusal_of(exc) or exc)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Say ``Cache-Control: no-store`` in every answer."""
        final = super().finalize_response(request, response, *args, **kwargs)
        final["Cache-Control"] = "no-store"
        return final
