"""Workflows: they are made by their sources, so here they are only read."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from windsock.django.actions.definitions import SOURCE
from windsock.django.admin.reading import ReadOnlyAdmin, link_to
from windsock.django.models import Workflow


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyAdmin):
    """Workflows, retired ones too."""

    list_display = (
        "id",
        "title",
        "source",
        "is_paused",
        "live_revision",
        "problem",
        "retired_at",
        "page",
        "versions",
        "edit",
    )
    list_filter = ("source", "is_paused", ("retired_at", admin.EmptyFieldListFilter))
    search_fields = ("id", "title")

    @admin.display(description="page")
    def page(self, workflow: Workflow) -> SafeString | str:
        """Link to the live page, which a retired workflow does not have."""
        return "" if workflow.retired_at else link_to("workflow", workflow.pk, "Open")

    @admin.display(description="versions")
    def versions(self, workflow: Workflow) -> SafeString:
        """Link to the versions, which a retired workflow keeps."""
        address = reverse("admin:windsock_workflowversion_changelist")
        return format_html('<a href="{}?workflow__id__exact={}">Versions</a>', address, workflow.pk)

    @admin.display(description="edit")
    def edit(self, workflow: Workflow) -> SafeString | str:
        """Link to where an editable workflow is edited."""
        if workflow.source != SOURCE or workflow.retired_at:
            return ""
        address = reverse("admin:windsock_workflowdefinition_change", args=(workflow.pk,))
        return format_html('<a href="{}">Edit</a>', address)
