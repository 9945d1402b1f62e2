"""Any model's CRUD as tracked tasks, in four lines.

    class UserViewSet(TrackedModelViewSet[User]):
        queryset = User.objects.all()
        serializer_class = UserSerializer

Every action answers 202 with a task. The worker rebuilds the view set with the stored user and repeats
activity, permissions, ``get_queryset``, object permissions and the serializer.
"""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, cast

from django.contrib.auth import get_user_model
from django.db.models import Model
from django.http import Http404
from rest_framework.permissions import DjangoModelPermissions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.throttling import BaseThrottle
from rest_framework.viewsets import ModelViewSet

from windsock import wire
from windsock.call import Outcome, describe
from windsock.django.api import replay
from windsock.django.api.checking import check, write_only
from windsock.django.api.deeds import DEEDS, explained
from windsock.django.api.idempotency import idempotent
from windsock.django.api.pagination import Pages
from windsock.django.api.parsing import plain
from windsock.django.api.phrases import VERBS, Phrases, phrases_for
from windsock.django.api.signed_in import SignedIn
from windsock.django.api.tasks import accepted
from windsock.django.api.throttling import when_starting
from windsock.django.compat import task
from windsock.django.context import TaskContext
from windsock.django.execution import RESULT_LIMIT
from windsock.django.losses import is_away
from windsock.django.models import TaskRun
from windsock.django.sensitive import scrub
from windsock.django.storable import json_problem
from windsock.django.tasks import Label, TrackedTask, acting_as
from windsock.errors import FailWithoutRetry, Skip

M = TypeVar("M", bound=Model)
LONGEST_KEY = 100  #: characters that the record keeps


class ModelPermissions(DjangoModelPermissions):
    """Django's model permissions, of which reading needs ``view``."""

    perms_map = {  # noqa: RUF012
        **DjangoModelPermissions.perms_map,
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }


class TrackedModelViewSet(SignedIn, ModelViewSet[M]):
    """A view set whose five actions are tasks; hooks such as ``perform_create`` run in the worker."""

    permission_classes: Any = (ModelPermissions,)
    pagination_class = Pages
    #: The field by which messages call a row; empty: the user name, a name or a title, else the first text.
    name_field = ""
    #: Fields of the body that the record never shows; those that the serializer only writes are added.
    sensitive_fields: tuple[str, ...] = ("password",)
    #: How long what was read is kept.
    result_ttl = timedelta(hours=1)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        replay.register(cls)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a key that no column could hold: it belongs to no row."""
        super().initial(request, *args, **kwargs)
        key = self._key()
        if len(key) > LONGEST_KEY or json_problem(key, limit=RESULT_LIMIT):
            raise Http404

    def get_throttles(self) -> list[BaseThrottle]:
        """Limit what starts work."""
        return [*super().get_throttles(), *when_starting(self, tuple(VERBS))]

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create the task that lists the rows."""
        return self._accept(request)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create the task that reads a row."""
        return self._accept(request)

    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create the task that creates a row."""
        return self._accept(request)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create the task that updates a row."""
        return self._accept(request)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create the task that updates some fields of a row."""
        return self._accept(request)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create the task that deletes a row."""
        return self._accept(request)

    def _accept(self, request: Request) -> Response:
        if request.method == "HEAD":
            return Response()
        phrases = self.phrases()
        verb, key = phrases.verb, self._key()
        body = self._checked_body(request) if verb.writes else None
        label = Label(
            name=phrases.task_name,
            operation=verb.operation,
            related_table=self._model()._meta.db_table,
            related_id=key,
            input_data=body,
        )
        options: dict[str, Any] = {"label": label}
        if verb.operation == TaskRun.Operation.READ:
            options["result_ttl"] = self.result_ttl
        if verb.writes:
            options["sensitive"] = (*self.sensitive_fields, *write_only(self._serializer()))
        with acting_as(request.user):
            task = cast(TrackedTask, perform).using(**options)
            result = task.enqueue(wire.to_json(replay.visit_of(self, request)))
        subject = key or (str(body.get(self.naming_field(), "")) if isinstance(body, dict) else "")
        return accepted(result.id, phrases.accepted(subject))

    def phrases(self) -> Phrases:
        """Return the words for the current action."""
        return phrases_for(str(self.action), self._model())

    def naming_field(self) -> str:
        """Return the field by which messages call a row; empty: there is none."""
        if self.name_field:
            return self.name_field
        names = list(self._serializer().fields)
        is_user = issubclass(self._model(), get_user_model())
        username = get_user_model().USERNAME_FIELD if is_user else ""
        return next((name for name in (username, "name", "title") if name in names), "")

    def _model(self) -> type[Model]:
        return self.get_queryset().model

    def _serializer(self, **options: Any) -> Serializer[Any]:
        return cast("Serializer[Any]", self.get_serializer(**options))

    def _key(self) -> str:
        return str(self.kwargs.get(self.lookup_url_kwarg or self.lookup_field, ""))

    def _checked_body(self, request: Request) -> Any:
        body = plain(request.data)
        serializer = self._serializer(data=body, partial=request.method == "PATCH")
        check(serializer, body, is_whole=self.action == "create", limit=RESULT_LIMIT)
        return body


@task(takes_context=True, retries=5, retry_delay=timedelta(seconds=0.5))  # type: ignore[arg-type]
def perform(context: TaskContext, visit: dict[str, Any]) -> Any:
    """Do in the worker what a tracked view set accepted; tried again when the database or worker was lost.

    Raises:
        Refused: the caller may not, the row is not there, or the database refuses the values.
    """
    run = context.run
    if run.attempt > 1 and run.result is not None:
        return run.result
    try:
        return _perform(context, visit)
    except (FailWithoutRetry, Skip):
        raise
    except Exception as error:
        return Outcome(failure=replace(describe(error), retry=is_away(error)))


def _perform(context: TaskContext, visit: dict[str, Any]) -> dict[str, Any]:
    run = context.run
    view: Any = replay.rebuild(visit, run.input_data, run.owner_id)
    phrases: Phrases = view.phrases()
    body = run.input_data if isinstance(run.input_data, dict) else {}
    subject = run.related_id or str(body.get(view.naming_field(), ""))
    with explained(phrases.failed(subject), hide=partial(scrub, run)):
        view.check_permissions(view.request)
        return DEEDS[view.action](view, context, phrases)
