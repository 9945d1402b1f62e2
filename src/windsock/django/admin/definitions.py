"""Editable workflows: one page for a workflow, its schedule and its steps, saved and published as a whole."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from windsock.django.actions import definitions
from windsock.django.admin import preview
from windsock.django.admin.definition_form import WorkflowForm
from windsock.django.admin.step_forms import RARE, USUAL, StepForm, StepFormSet
from windsock.django.definition_rows import value_of
from windsock.django.models import StepDefinition, Workflow, WorkflowDefinition
from windsock.errors import InvalidWorkflow
from windsock.workflow import STEP_LIMIT

SCHEDULE = ("schedule", "cron", "every", "start", "end", "timezone", "catchup")
_ABOUT = ("owner", "tags", "notify", "max_active_runs")
#: Form fields of one step, its id, its workflow and its deletion among them; and of all else, at most.
_OF_STEP, _OF_ALL_ELSE = len(USUAL) + len(RARE) + 3, 40


def room() -> int:
    """Return how many steps one form can carry: Django refuses a form with more fields than it shall take."""
    limit = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
    return STEP_LIMIT if limit is None else min(max((limit - _OF_ALL_ELSE) // _OF_STEP, 1), STEP_LIMIT)


class StepInline(admin.TabularInline):  # type: ignore[type-arg]
    """The steps as a table; who may change the workflow may change them."""

    model = StepDefinition
    form = StepForm
    formset = StepFormSet
    template = "windsock/admin_steps.html"
    usual = USUAL
    fieldsets = ((None, {"fields": USUAL}), ("More", {"classes": ("collapse",), "fields": RARE}))

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        """Offer an empty row where there is none yet."""
        return 0 if obj else 1

    def get_max_num(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        """Offer no more rows than can be saved."""
        return room()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether steps may be added."""
        return self._may(request, "change" if obj else "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether steps may be changed."""
        return self._may(request, "change" if obj else "add")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether steps may be taken out."""
        return self._may(request, "change" if obj else "add")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether steps may be looked at."""
        return self._may(request, "view") or self.has_change_permission(request, obj)

    def _may(self, request: HttpRequest, deed: str) -> bool:
        return request.user.has_perm(f"windsock.{deed}_workflowdefinition")


@admin.register(WorkflowDefinition)
class WorkflowDefinitionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What is refused is told at its field, and the last good version stays in force."""

    form = WorkflowForm
    inlines = (StepInline,)
    list_display = ("id", "title", "schedule", "owner", "updated_at", "updated_by", "page")
    list_filter = ("schedule", "owner")
    list_select_related = ("updated_by",)
    search_fields = ("id", "title")
    change_form_template = "windsock/admin_definition.html"
    delete_confirmation_template = "windsock/admin_definition_delete.html"
    actions = None  # Each is retired on its own page, which says what that means.

    class Media:
        css = {"all": ("windsock/definition.css",)}  # noqa: RUF012
        js = ("windsock/definition.js",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Group the fields; what was seen is compared when it is saved."""
        seen = ("seen",) if obj and self.has_change_permission(request, obj) else ()
        state = ("state",) if obj else ()
        return (
            (None, {"fields": ("id", "title", "description", *state, *seen)}),
            ("Schedule", {"fields": (*SCHEDULE, "next_times")}),
            ("Params", {"fields": ("params",)}),
            ("About", {"fields": _ABOUT, "classes": ("collapse",)}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The id stays what it was when the workflow was made."""
        return ("next_times", "state", "id") if obj else ("next_times",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether it may be changed: here only if one form can carry it."""
        return super().has_change_permission(request, obj) and (obj is None or obj.steps.count() <= room())

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """Say why somebody who may change it cannot do so here."""
        row = kwargs.get("obj")
        if row and super().has_change_permission(request, row) and row.steps.count() > room():
            told = f"More than {room()} steps are too many for one form; change this workflow over REST."
            self.message_user(request, told, messages.WARNING)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="page")
    def page(self, row: WorkflowDefinition) -> SafeString:
        """Link to the live page."""
        return format_html('<a href="{}">Open</a>', reverse("windsock:workflow", args=(row.pk,)))

    @admin.display(description="in force")
    def state(self, row: WorkflowDefinition) -> str:
        """Tell what Airflow serves, and why that is not the newest version if it is not."""
        known = Workflow.objects.filter(pk=row.pk).first()
        if known is None:
            return "not published yet"
        revision = f"revision {known.live_revision}" if known.live_revision else "nothing yet"
        return f"{revision}. {known.problem}" if known.problem else revision

    @admin.display(description="next ten times")
    def next_times(self, row: WorkflowDefinition) -> SafeString:
        """Show when the workflow runs next; the page's script asks again while the schedule is edited."""
        address = reverse("admin:windsock_workflowdefinition_preview")
        shown = preview.render(row, preview.problems(row)) if row.schedule else ""
        return format_html(
            '<div id="schedule-preview" data-url="{}" data-workflow="{}" data-fields="{}" aria-live="polite">'
            "{}</div>",
            address,
            row.pk,
            " ".join(SCHEDULE),
            shown,
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the preview."""
        guarded = self.admin_site.admin_view(self.show_preview)
        return [
            path("preview/", guarded, name="windsock_workflowdefinition_preview"),
            *super().get_urls(),
        ]

    def show_preview(self, request: HttpRequest) -> HttpResponse:
        """Answer with the next times of the schedule in the query, or with what is wrong with it."""
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        if not (self.has_view_permission(request) or self.has_add_permission(request)):
            raise PermissionDenied
        form = self.get_form(request, None, fields=SCHEDULE)(request.GET)
        problems = [str(message) for name in SCHEDULE for message in form.errors.get(name, ())]
        form.instance.pk = request.GET.get("workflow", "").replace("\x00", "")
        return HttpResponse(preview.render(form.instance, problems))

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Tell what stood in the way only when it was saved: somebody took the id at the same moment."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except InvalidWorkflow as error:
            self.message_user(request, f"Nothing was saved. {error}", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: WorkflowDefinition, form: Any, change: bool) -> None:
        """Nothing is saved before the steps are known, see ``save_related``."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the workflow with its steps and publish it, all or nothing."""
        [steps] = formsets
        steps.save(commit=False)  # for the admin's log: what was added, changed, deleted
        value = value_of(form.instance, steps.steps())
        if change:
            definitions.update(value.id, value, user=request.user)
        else:
            definitions.create(value, user=request.user)

    def delete_model(self, request: HttpRequest, obj: WorkflowDefinition) -> None:
        """Retire it."""
        definitions.delete(obj.pk, user=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[WorkflowDefinition]) -> None:
        """Retire them, should a project bring the action back."""
        for key in queryset.values_list("pk", flat=True):
            definitions.delete(key, user=request.user)
