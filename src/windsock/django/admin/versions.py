"""Published versions: read, compared, gone back to."""

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from windsock.django.actions import versions
from windsock.django.actions.definitions import SOURCE
from windsock.django.admin.reading import ReadOnlyAdmin
from windsock.django.models import WorkflowVersion
from windsock.errors import InvalidWorkflow, NotEditable

#: Who may go back to a version.
ROLL_BACK = "windsock.change_workflow"
OFFERED = 50  #: versions that one can be compared with


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(ReadOnlyAdmin):
    """What was published, when, and by whom; the latest version first."""

    list_display = ("__str__", "comment", "author", "created_at", "live_at", "refusal", "compare")
    list_select_related = ("author", "workflow")
    search_fields = ("=workflow__id", "=digest")
    long_texts = ("document",)
    change_form_template = "windsock/admin_version.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the document laid out for reading."""
        names = super().get_fields(request, obj)
        return [*(name for name in names if name != "document"), "laid_out"]

    @admin.display(description="document")
    def laid_out(self, version: WorkflowVersion) -> SafeString:
        """Show the document as it was published; none: it retired the workflow."""
        text = _json(version.document) if version.document else "retired"
        return format_html('<pre class="document">{}</pre>', text)

    @admin.display(description="difference")
    def compare(self, version: WorkflowVersion) -> SafeString:
        """Link to what this version changed."""
        address = reverse("admin:windsock_workflowversion_difference", args=(version.pk,))
        return format_html('<a href="{}">Compare</a>', address)

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the difference and of the button."""
        guard = self.admin_site.admin_view
        return [
            path("<int:pk>/difference/", guard(self.difference), name="windsock_workflowversion_difference"),
            path("<int:pk>/rollback/", guard(self.rollback), name="windsock_workflowversion_rollback"),
            *super().get_urls(),
        ]

    def difference(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what changed up to a version, since the one before or since another one (``?from=``)."""
        version = get_object_or_404(WorkflowVersion.objects.select_related("author", "workflow"), pk=pk)
        if not self.has_view_permission(request, version):
            raise PermissionDenied
        others = _others(version)
        chosen = request.GET.get("from", "")
        older = others.filter(pk=chosen).first() if chosen.isdecimal() and len(chosen) < 19 else None
        older = older or others.filter(pk__lt=pk).first()
        context = self.admin_site.each_context(request) | {
            "title": f"What {version} changed",
            "opts": self.opts,
            "original": version,
            "older": older,
            "others": others.defer("document")[:OFFERED],
            "changes": [_line(change) for change in (versions.difference(older, version) if older else ())],
            "can_roll_back": _can_roll_back(request, version),
        }
        return TemplateResponse(request, "windsock/admin_difference.html", context)

    def rollback(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Put a version back in force and return to the versions of its workflow."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        version = get_object_or_404(WorkflowVersion.objects.select_related("workflow"), pk=pk)
        if not (request.user.has_perm(ROLL_BACK) and self.has_view_permission(request, version)):
            raise PermissionDenied
        try:
            versions.rollback(version.workflow, version.revision or 0, user=request.user)
        except (InvalidWorkflow, NotEditable) as error:
            self.message_user(request, f"Nothing was changed. {error}", messages.ERROR)
        else:
            self.log_change(request, version, "Rolled back to")
            told = f"{version.workflow} is what it was at revision {version.revision}."
            self.message_user(request, told, messages.SUCCESS)
        address = reverse("admin:windsock_workflowversion_changelist")
        return HttpResponseRedirect(f"{address}?workflow__id__exact={version.workflow_id}")

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """Offer the button where it would do something."""
        version = kwargs.get("obj")
        if version is not None:
            context |= {"can_roll_back": _can_roll_back(request, version)}
        return super().render_change_form(request, context, *args, **kwargs)


def _others(version: WorkflowVersion) -> QuerySet[WorkflowVersion]:
    versions_of_it = WorkflowVersion.objects.filter(workflow=version.workflow_id)
    return versions_of_it.exclude(pk=version.pk).select_related("author").order_by("-pk")


def _can_roll_back(request: HttpRequest, version: WorkflowVersion) -> bool:
    """Whether the button would do something: not for the version that is the newest anyway."""
    if version.document is None or version.revision is None or version.workflow.source != SOURCE:
        return False
    return request.user.has_perm(ROLL_BACK) and _others(version).filter(pk__gt=version.pk).exists()


def _line(change: versions.Change) -> tuple[str, str, str]:
    """Return the path and both values as texts; empty where there is nothing."""
    before = "" if change.kind == "added" else _json(change.before)
    return change.path, before, "" if change.kind == "removed" else _json(change.after)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
