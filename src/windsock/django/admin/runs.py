"""Workflow runs."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from windsock.django.actions.versions import used_by
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

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show which version the run used."""
        return [*super().get_fields(request, obj), "version"]

    @admin.display(description="version")
    def version(self, run: WorkflowRun) -> SafeString | str:
        """Link to the version with which the run began."""
        version = used_by(run)
        if version is None:
            return "not known yet"
        address = reverse("admin:windsock_workflowversion_change", args=(version.pk,))
        return format_html('<a href="{}">{}</a>', address, version)

    @admin.display(description="page")
    def page(self, run: WorkflowRun) -> SafeString:
        """Link to the live page."""
        return link_to("run", run.pk, "Open")
