"""Any model's CRUD as tracked tasks, in four lines.

    class UserViewSet(TrackedModelViewSet[User]):
        queryset = User.objects.all()
        serializer_class = UserSerializer

Every action answers 202 with a task. The worker rebuilds the view set with the stored user and repeats
activity, permissions, ``get_queryset``, object permissions and the serializer.
"""

from typing import Any, TypeVar, cast

from django.contrib.auth import get_user_model
from django.db.models import Model
from django.http import Http404
from django.urls import NoReverseMatch, reverse
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.permissions import DjangoModelPermissions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.status import HTTP_202_ACCEPTED
from rest_framework.viewsets import ModelViewSet

from windsock import wire
from windsock.django.api import replay
from windsock.django.api.deeds import DEEDS, explained
from windsock.django.api.phrases import Phrases, phrases_for
from windsock.django.api.signed_in import SignedIn
from windsock.django.api.tasks import Pages
from windsock.django.compat import task
from windsock.django.context import TaskContext
from windsock.django.execution import RESULT_LIMIT
from windsock.django.storable import json_problem
from windsock.django.tasks import Label, TrackedTask, acting_as

M = TypeVar("M", bound=Model)


class ModelPermissions(DjangoModelPermissions):
    """Django's model permissions, of which reading needs ``view``."""

    perms_map = {  # noqa: RUF012
        **DjangoModelPermissions.perms_map,
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }


class TrackedModelViewSet(SignedIn, ModelViewSet[M]):
    """A view set whose five actions are tasks; hooks such as ``perform_create`` run in the worker."""

    permission_classes = (ModelPermissions,)  # type: ignore[assignment]
    parser_classes = (JSONParser, FormParser)
    pagination_class = Pages
    #: The field by which messages call a row; empty: the user name, a name or a title, else the first text.
    name_field = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        replay.register(cls)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create the task that lists the rows."""
        return self._accept(request)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create the task that reads a row."""
        return self._accept(request)

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
        key = self._key()
        body = self._checked_body(request) if phrases.verb.writes else None
        label = Label(
            name=phrases.task_name,
            operation=phrases.verb.operation,
            related_table=self._model()._meta.db_table,
            related_id=key,
            input_data=body,
        )
        with acting_as(request.user):
            labelled = cast(TrackedTask, perform).using(label=label)
            result = labelled.enqueue(wire.to_json(replay.visit_of(self, request)))
        subject = key or (str(body.get(self.naming_field(), "")) if isinstance(body, dict) else "")
        return Response(
            {
                "task_id": result.id,
                "message": phrases.accepted(subject),
                "status_endpoint": _status_endpoint(result.id),
            },
            status=HTTP_202_ACCEPTED,
        )

    def phrases(self) -> Phrases:
        """Return the words for the current action."""
        return phrases_for(str(self.action), self._model())

    def naming_field(self) -> str:
        """Return the field by which messages call a row; empty: there is none."""
        if self.name_field:
            return self.name_field
        names = list(cast("Serializer[Any]", self.get_serializer()).fields)
        is_user = issubclass(self._model(), get_user_model())
        username = get_user_model().USERNAME_FIELD if is_user else ""
        return next((name for name in (username, "name", "title") if name in names), "")

    def _model(self) -> type[Model]:
        return self.get_queryset().model

    def _key(self) -> str:
        """The row's key in the URL; a key that no column could hold belongs to no row."""
        key = str(self.kwargs.get(self.lookup_url_kwarg or self.lookup_field, ""))
        if len(key) > 100 or json_problem(key, limit=RESULT_LIMIT):
            raise Http404
        return key

    def _checked_body(self, request: Request) -> Any:
        """Refuse at once what the serializer can tell without the database."""
        partial = request.method == "PATCH"
        serializer = cast("Serializer[Any]", self.get_serializer(data=request.data, partial=partial))
        _forget_database(serializer)
        if self.action == "create":
            serializer.is_valid(raise_exception=True)
        else:
            # There is no row yet that ``validate`` could compare with.
            serializer.to_internal_value(request.data)
        body = _plain(request.data)
        if problem := json_problem(body, limit=RESULT_LIMIT):
            raise ValidationError({"non_field_errors": [f"The body cannot be kept: {problem}."]})
        return body


@task(takes_context=True)  # type: ignore[arg-type]
def perform(context: TaskContext, visit: dict[str, Any]) -> dict[str, Any]:
    """Do in the worker what a tracked view set accepted.

    Raises:
        Refused: the caller may not, the row is not there, or the database refuses the values.
    """
    run = context.run
    view: Any = replay.rebuild(visit, run.input_data, run.owner_id)
    phrases: Phrases = view.phrases()
    body = run.input_data if isinstance(run.input_data, dict) else {}
    subject = run.related_id or str(body.get(view.naming_field(), ""))
    with explained(phrases.failed(subject)):
        view.check_permissions(view.request)
        return DEEDS[view.action](view, context, phrases)


def _forget_database(serializer: Serializer[Any]) -> None:
    for part in (serializer, *serializer.fields.values()):
        part.validators = [each for each in part.validators if not hasattr(each, "queryset")]


def _status_endpoint(task_id: str) -> str:
    try:
        return reverse("windsock:api-task-status", args=(task_id,))
    except NoReverseMatch:
        return f"/api/tasks/{task_id}/status/"


def _plain(data: Any) -> Any:
    """A form as the JSON that it stands for."""
    if not hasattr(data, "lists"):
        return data
    return {name: values if len(values) > 1 else values[-1] for name, values in data.lists()}
