"""Task runs and workflow runs."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from windsock.django.admin.reading import ReadOnlyAdmin, link_to
from windsock.django.models import TaskRun, WorkflowRun


@admin.register(TaskRun)
class TaskRunAdmin(ReadOnlyAdmin):
    """Every execution of a task."""

    list_display = ("name", "status", "bar", "operation", "related_table", "owner", "created_at", "page")
    list_filter = ("status", "operation", "queue_name", "created_at")
    list_select_related = ("owner",)
    search_fields = ("=id", "name__startswith", "task__startswith", "=related_id")
    long_texts = ("args", "kwargs", "input_data", "result", "traceback", "message")

    @admin.display(description="progress", ordering="progress")
    def bar(self, run: TaskRun) -> SafeString:
        """Show the progress as a bar and a number."""
        return format_html('<progress max="100" value="{0}"></progress> {0} %', run.progress)

    @admin.display(description="page")
    def page(self, run: TaskRun) -> SafeString:
        """Link to the live page."""
        return link_to("task", run.pk, "Open")


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
