"""How drf-spectacular sees a view: Windsock's own, a tracked view set's, any other of a project."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, get_view_model

from windsock.django.api.authentication import BearerAuthentication
from windsock.django.api.phrases import VERBS, phrases_for
from windsock.django.api.schema.components import Schema, ref
from windsock.django.api.schema.endpoints import endpoint_of
from windsock.django.api.schema.operations import (
    IDEMPOTENCY_KEY,
    ONCE,
    SECURITY,
    WRITING,
    answer,
    refused,
    security_schemes,
)
from windsock.django.api.signed_in import SignedIn
from windsock.django.api.tracked import TrackedModelViewSet


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """What Windsock's tokens are called where a project's own views take them."""

    target_class = BearerAuthentication
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: AutoSchema) -> Schema:
        """Return the scheme."""
        return security_schemes()["bearerAuth"]


class Described(AutoSchema):
    """A view of Windsock, as ``endpoints`` describes it."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> Schema | None:
        """Return the operation object."""
        endpoint = endpoint_of(self.view)
        return endpoint.operation(path) if endpoint else None


class Keyed(AutoSchema):
    """An action on rows, whose key is as the model says."""

    view: Any

    def _resolve_path_parameters(self, variables: list[str]) -> list[Schema]:
        # The default expression says nothing of the key; drf-spectacular asks the model when it sees its own.
        self.path_regex = self.path_regex.replace(SignedIn.lookup_value_regex, "[^/.]+")
        return list(super()._resolve_path_parameters(variables))  # type: ignore[no-untyped-call]


class Tracked(Keyed):
    """An action of a tracked view set: the body of its serializer; the answer is 202 and a task."""

    def get_operation_id(self) -> str:
        """Return a name that no other view set has."""
        return f"{self.view.basename}_{self.view.action}".replace("-", "_")

    def get_summary(self) -> str:
        """Return what the task does."""
        phrases = phrases_for(self.view.action, self._model())
        return f"Start a task: {phrases.verb.infinitive} {phrases.noun}"

    def get_tags(self) -> list[str]:
        """Return the rows' name."""
        return [phrases_for("list", self._model()).noun]

    def _model(self) -> Any:
        model = get_view_model(self.view, emit_warnings=False)  # type: ignore[no-untyped-call]
        return model or self.view.get_serializer().Meta.model

    def get_auth(self) -> list[Schema]:
        """Return the ways to sign in."""
        return list(SECURITY)

    def _get_response_bodies(self, direction: Any = "response") -> Schema:
        verb = VERBS[self.view.action]
        codes = (*WRITING, *ONCE) if self.method == "POST" else WRITING if verb.writes else (403,)
        accepted = answer(ref("AcceptedTask"), "The task was created.")
        return {"202": accepted, **refused(*codes, 404, 429)}

    def _get_parameters(self) -> list[Schema]:
        parameters = super()._get_parameters()
        return [*parameters, IDEMPOTENCY_KEY] if self.method == "POST" else parameters


def inspector_for(view: Any) -> AutoSchema:
    """Return what describes a view; what a project says with ``extend_schema`` wins."""
    ours: type[AutoSchema] = AutoSchema
    if endpoint_of(view):
        ours = Described
    elif isinstance(view, TrackedModelViewSet):
        ours = Tracked if view.action in VERBS else Keyed
    said = view.schema.__class__
    if issubclass(said, AutoSchema) and not issubclass(ours, said):
        ours = type(said.__name__, (said, ours), {})
    return ours()
