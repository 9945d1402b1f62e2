"""Editing workflows over REST: the body is the definition, as ``windsock.wire`` writes it."""

from dataclasses import replace
from typing import Any

from django.db import transaction
from django.urls import reverse
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from windsock import wire
from windsock.django.actions import definitions
from windsock.django.api import catalogue
from windsock.django.api.documents import name_of, read
from windsock.django.api.idempotency import idempotent
from windsock.django.api.parsing import DocumentBody, FormBody, plain
from windsock.django.api.signed_in import NoForm, SignedIn
from windsock.django.models import Workflow, WorkflowDefinition, WorkflowVersion
from windsock.errors import InvalidWorkflow
from windsock.workflow import Workflow as Definition


class EditedWorkflows(SignedIn, GenericViewSet[Workflow]):
    """Create, replace, change and retire the workflows that are edited here."""

    parser_classes: Any = (DocumentBody, FormBody)
    serializer_class = NoForm

    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Publish a new workflow; 201 and what became of it."""
        made = definitions.create(_read(plain(request.data)), user=request.user)
        headers = {"Location": reverse("windsock:api-workflow-detail", args=[made.pk])}
        return Response(detail_json(_again(made.pk)), status=status.HTTP_201_CREATED, headers=headers)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Publish another definition in place of the present one."""
        workflow = self.get_object()
        self._publish(workflow, _object(request))
        return self._shown(workflow)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Publish the present definition with other values at these of its keys."""
        workflow, given = self.get_object(), _object(request)
        with transaction.atomic():
            # Nobody else shall change it between being read and being written.
            list(WorkflowDefinition.objects.select_for_update().filter(pk=workflow.pk).values_list("pk"))
            self._publish(workflow, wire.to_json(definitions.definition_of(workflow.pk)) | given)
        return self._shown(workflow)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Retire a workflow; its history stays."""
        definitions.delete(self.get_object().pk, user=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _publish(self, workflow: Workflow, data: dict[str, Any]) -> None:
        definition = _read({"id": workflow.pk} | data)
        if definition.id != workflow.pk:
            raise ValidationError({"id": [f"this is {workflow.pk}; an id is never changed"]})
        definitions.update(workflow.pk, definition, user=self.request.user)

    def _shown(self, workflow: Workflow) -> Response:
        return Response(detail_json(_again(workflow.pk)))


def detail_json(workflow: Any) -> dict[str, Any]:
    """Return what REST says about one of ``catalogue.workflows()`` alone: its definition too."""
    is_editable = WorkflowDefinition.objects.filter(pk=workflow.pk).exists()
    definition = _definition(workflow) if is_editable else newest_document(workflow)
    shown = {"editable": is_editable, "retired_at": workflow.retired_at, "definition": definition}
    return catalogue.workflow_json(workflow) | shown


def newest_document(workflow: Workflow) -> Any:
    """Return the newest version's document; None when it is retired or was never sound."""
    newest = WorkflowVersion.objects.filter(workflow=workflow).order_by("-revision", "-id")
    return newest.values_list("document", flat=True).first()


def _definition(workflow: Workflow) -> Any:
    try:
        return wire.to_json(definitions.definition_of(workflow.pk))
    except InvalidWorkflow:
        # Only a hand in the database can have done that; what mends it must still be shown it.
        return newest_document(workflow)


def _again(id: str) -> Workflow:
    return catalogue.workflows().get(pk=id)


def _object(request: Request) -> dict[str, Any]:
    data = plain(request.data)
    if not isinstance(data, dict):
        raise ValidationError({"non_field_errors": [f"expected an object, not {name_of(data)}"]})
    return data


def _read(data: Any) -> Definition:
    """Read a definition; what the compiler adds is passed over, so that a version's document can be sent."""
    definition = read(Definition, data)
    return replace(definition, steps=tuple(replace(step, uses=()) for step in definition.steps))
