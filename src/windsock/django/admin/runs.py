"""Workflow runs."""

from django.contrib import admin
from django.utils.safestring import SafeString

from windsock.django.admin.reading import ReadOnlyAdmin, link_to
from windsock.django.models import WorkflowRun


@admin.register(WorkflowRun)
class WorkflowRunAdmin(ReadOnlyAdmin):
    """Every run of a workflow."""

    list_display = ("run_id", "workflow", "status", "origin", "requested_by", "created_at", "page")
    list_filter = ("status", "origin", "created_at")
    list_select_related = ("workflow", "requested_by")
    search_fields = ("=id", "=run_id", "=workflow__id")
    long_texts = ("params", "message")

    @admin.display(description="page")
    def page(self, run: WorkflowRun) -> SafeString:
        """Link to the live page."""
        return link_to("run", run.pk, "Open")
