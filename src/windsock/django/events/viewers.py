"""Who watches: what such a person may see, now and a minute later."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user, get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from windsock.django.api.signed_in import SignedIn
from windsock.django.api.tasks import visible_to
from windsock.django.events.changes import Change
from windsock.django.models import TaskRun

#: Who holds it sees every task; ``api.tasks.visible_to`` says the same of rows.
SEES_ALL = "windsock.view_taskrun"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who is signed in.

    Attributes:
        user: The user, with the permissions of the moment at which this was made.
        session_key: Of the session that signed in; None: a token did, or another middleware of the project.
        headers: What else signed in.
        sees_all: Whether everybody's tasks are shown.
    """

    user: Any
    session_key: str | None
    headers: Mapping[str, str]
    sees_all: bool

    @classmethod
    def of(cls, request: Request) -> "Viewer":
        """Return who makes an authenticated request."""
        asked = request._request
        session: Any = getattr(asked, "session", None)
        by_session = request.auth is None and session is not None and SESSION_KEY in session
        headers = {"HTTP_AUTHORIZATION": asked.META["HTTP_AUTHORIZATION"]} if request.auth else {}
        key = session.session_key if by_session else None
        return cls(request.user, key, headers, request.user.has_perm(SEES_ALL))

    def runs(self) -> QuerySet[TaskRun]:
        """Return what this person may see."""
        return visible_to(self.user)

    def sees(self, change: Change) -> bool:
        """Whether this person may see a change."""
        return self.sees_all or (change.owner is not None and change.owner == self.user.pk)

    def again(self) -> "Viewer | None":
        """Ask again for the same person; None when the session or token is over or the user not active."""
        user = self._user()
        if user is None or user.pk != self.user.pk or not user.is_active:
            return None
        return Viewer(user, self.session_key, self.headers, user.has_perm(SEES_ALL))

    def _user(self) -> Any:
        if self.session_key is None and not self.headers:
            return get_user_model()._default_manager.filter(pk=self.user.pk).first()
        bare: Any = HttpRequest()
        bare.method = "GET"
        bare.META.update(self.headers)
        bare.session = import_module(settings.SESSION_ENGINE).SessionStore(self.session_key)
        bare.user = get_user(bare)
        try:
            return Request(bare, authenticators=[way() for way in SignedIn.authentication_classes]).user
        except APIException:
            return None
