"""Workflows and their versions: they are made by their sources, so here they are only read."""

from django.contrib import admin
from django.utils.safestring import SafeString

from windsock.django.admin.reading import ReadOnlyAdmin, link_to
from windsock.django.models import Workflow, WorkflowVersion


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyAdmin):
    """Workflows, retired ones too."""

    list_display = ("id", "title", "source", "is_paused", "live_revision", "problem", "retired_at", "page")
    list_filter = ("source", "is_paused", ("retired_at", admin.EmptyFieldListFilter))
    search_fields = ("id", "title")

    @admin.display(description="page")
    def page(self, workflow: Workflow) -> SafeString | str:
        """Link to the live page, which a retired workflow does not have."""
        return "" if workflow.retired_at else link_to("workflow", workflow.pk, "Open")


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(ReadOnlyAdmin):
    """Published documents."""

    list_display = ("workflow_id", "revision", "digest", "author", "created_at", "live_at")
    list_select_related = ("author",)
    search_fields = ("=workflow__id", "=digest")
    long_texts = ("document",)
