"""Task runs: looked at, cancelled, retried."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from windsock.django import steering
from windsock.django.admin.reading import ReadOnlyAdmin, link_to
from windsock.django.models import TaskRun
from windsock.django.models.keys import first_key
from windsock.django.sensitive import shown_args, shown_input, shown_kwargs
from windsock.errors import WrongStatus

AT_ONCE = 1000  #: tasks that one action of the list takes
SEARCHED = 50_000  #: the newest tasks, among which is looked for what no index knows
TOLD = 5  #: refusals that are told one by one

_CALL = ("task", "backend", "queue_name", "priority", "arguments", "keywords", "input")
_ABOUT = ("owner", "operation", "related_table", "related_id", "retried", "workflow_run", "step", "id")
_LIMITS = ("attempt", "max_attempts", "retry_delay", "timeout", "result_ttl", "worker")
_TIMES = ("created_at", "run_after", "started_at", "finished_at", "cancel_requested_at", "result_expires_at")


def newest(runs: QuerySet[TaskRun]) -> QuerySet[TaskRun]:
    """Return those of ``runs`` that are among the newest, so that a search has an end."""
    floor = TaskRun.objects.order_by("-id").values_list("pk", flat=True)[SEARCHED : SEARCHED + 1].first()
    return runs if floor is None else runs.filter(pk__gt=floor)


class CreatedFilter(admin.SimpleListFilter):
    """By age, told by the time-ordered key."""

    title = "created"
    parameter_name = "created"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the choices: days."""
        return (("1", "Past 24 hours"), ("7", "Past 7 days"), ("30", "Past 30 days"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[TaskRun]) -> QuerySet[TaskRun]:
        """Return the younger ones."""
        days = self.value()
        if days is None or not days.isdecimal() or len(days) > 4:
            return queryset
        return queryset.filter(pk__gte=first_key(timezone.now() - timedelta(days=int(days))))


class OperationFilter(admin.ChoicesFieldListFilter):
    """By operation, among the newest."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return those with the chosen operation."""
        chosen = super().queryset(request, queryset)
        return queryset if chosen is None or not self.used_parameters else newest(chosen)


@admin.register(TaskRun)
class TaskRunAdmin(ReadOnlyAdmin):
    """Every execution of a task."""

    list_display = ("name", "status", "bar", "operation", "related_table", "owner", "created_at", "page")
    list_filter = ("status", CreatedFilter, ("operation", OperationFilter))
    list_select_related = ("owner",)
    ordering = ("-id",)
    # Everything else would have the whole table sorted or counted.
    sortable_by = ()
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("name",)
    search_help_text = (
        f"An id, or how a name, a path or a related id begins; of the newest {SEARCHED:,} tasks."
    )
    long_texts = ("args", "kwargs", "input_data", "result", "traceback", "message", "output")
    actions = ("cancel", "retry")
    change_form_template = "windsock/admin_task.html"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[TaskRun], search_term: str
    ) -> tuple[QuerySet[TaskRun], bool]:
        """Find by id in the whole table, by name, path or related id among the newest."""
        if not (term := search_term.strip()):
            return queryset, False
        try:
            return queryset.filter(pk=UUID(term)), False
        except ValueError:
            begins = queryset.filter(name__startswith=term) | queryset.filter(task__startswith=term)
            return newest(begins | queryset.filter(related_id=term)), False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Group the fields; traceback and output are for holders of ``view_taskrun``."""
        sees_all = request.user.has_perm("windsock.view_taskrun")
        outcome = ("shown_result", "exception", "message", *(("stack", "written") if sees_all else ()))
        return (
            (None, {"fields": ("name", "status", "bar", "page")}),
            ("Outcome", {"fields": outcome}),
            ("Call", {"fields": _CALL}),
            ("About", {"fields": _ABOUT}),
            ("Tries and limits", {"fields": _LIMITS}),
            ("Times", {"fields": _TIMES}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Nothing is edited."""
        return [name for _, group in self.get_fieldsets(request, obj) for name in group["fields"]]

    @admin.display(description="progress")
    def bar(self, run: TaskRun) -> SafeString:
        """Show the progress as a bar and a number."""
        return format_html('<progress max="100" value="{0}"></progress> {0} %', run.progress)

    @admin.display(description="page")
    def page(self, run: TaskRun) -> SafeString:
        """Link to the live page."""
        return link_to("task", run.pk, "Open")

    @admin.display(description="arguments")
    def arguments(self, run: TaskRun) -> SafeString | str:
        """Show the positional arguments, sensitive ones masked."""
        return _json(shown_args(run))

    @admin.display(description="keyword arguments")
    def keywords(self, run: TaskRun) -> SafeString | str:
        """Show the keyword arguments, sensitive ones masked."""
        return _json(shown_kwargs(run))

    @admin.display(description="input")
    def input(self, run: TaskRun) -> SafeString | str:
        """Show what the caller sent, sensitive fields masked."""
        return _json(shown_input(run))

    @admin.display(description="result")
    def shown_result(self, run: TaskRun) -> SafeString | str:
        """Show the result while it may be shown."""
        if run.result_expires_at is not None and run.result_expires_at <= timezone.now():
            return "expired"
        return _json(run.result)

    @admin.display(description="traceback")
    def stack(self, run: TaskRun) -> SafeString:
        """Show the traceback as it was printed."""
        return format_html("<pre>{}</pre>", run.traceback or "-")

    @admin.display(description="output")
    def written(self, run: TaskRun) -> SafeString:
        """Show the last part of what a step wrote and logged."""
        return format_html("<pre>{}</pre>", run.output or "-")

    @admin.display(description="retry of")
    def retried(self, run: TaskRun) -> SafeString | str:
        """Link to what this one tries again."""
        return link_to("task", run.retry_of_id, str(run.retry_of_id)) if run.retry_of_id else ""

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Whether the list offers to cancel and retry whatever is chosen."""
        return request.user.has_perm(steering.PERMISSION)

    @admin.action(description="Cancel the selected tasks", permissions=["steer"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[TaskRun]) -> None:
        """Cancel what waits, ask what runs to stop, and say what could not be cancelled."""
        self._each(request, queryset, steering.cancel, "cancelled", "Cancelled")

    @admin.action(description="Retry the selected tasks", permissions=["steer"])
    def retry(self, request: HttpRequest, queryset: QuerySet[TaskRun]) -> None:
        """Start the same calls as new tasks, and say what could not be retried."""
        self._each(request, queryset, steering.retry, "started again", "Retried")

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[TaskRun],
        deed: Callable[[TaskRun], Any],
        done: str,
        entry: str,
    ) -> None:
        runs = list(queryset.select_related(None).defer(None).order_by("-id")[: AT_ONCE + 1])
        refused: list[str] = []
        for run in runs[:AT_ONCE]:
            try:
                deed(run)
            except WrongStatus as why:
                refused.append(f"{run}: {why}")
            else:
                self.log_change(request, run, entry)
        if accepted := min(len(runs), AT_ONCE) - len(refused):
            tasks = "task was" if accepted == 1 else "tasks were"
            self.message_user(request, f"{accepted} {tasks} {done}.", messages.SUCCESS)
        for line in refused[:TOLD]:
            self.message_user(request, line, messages.WARNING)
        for reason, number in Counter(line.partition(": ")[2] for line in refused[TOLD:]).items():
            self.message_user(request, f"{number} more: {reason}", messages.WARNING)
        if len(runs) > AT_ONCE:
            self.message_user(request, f"Only the newest {AT_ONCE} were taken.", messages.WARNING)

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the buttons."""
        guard = self.admin_site.admin_view
        return [
            path("<uuid:pk>/cancel/", guard(self.cancel_one), name="windsock_taskrun_cancel"),
            path("<uuid:pk>/retry/", guard(self.retry_one), name="windsock_taskrun_retry"),
            *super().get_urls(),
        ]

    def cancel_one(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Cancel one and return to its page."""
        return self._one(request, pk, steering.cancel, "Cancelled", "It is cancelled, or was asked to stop.")

    def retry_one(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Retry one and go to the new one's page."""
        return self._one(request, pk, steering.retry, "Retried", "This is the new task.")

    def _one(
        self, request: HttpRequest, pk: UUID, deed: Callable[[TaskRun], TaskRun | None], entry: str, told: str
    ) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        run = get_object_or_404(TaskRun, pk=pk)
        if not (self.has_view_permission(request, run) and steering.may_change(request.user, run)):
            raise PermissionDenied
        target = run
        try:
            target = deed(run) or run
        except WrongStatus as why:
            self.message_user(request, str(why), messages.ERROR)
        else:
            self.log_change(request, run, entry)
            self.message_user(request, told, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:windsock_taskrun_change", args=(target.pk,)))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """Offer the buttons that would do something."""
        run = kwargs.get("obj")
        if run is not None and steering.may_change(request.user, run):
            context |= {"can_cancel": steering.can_cancel(run), "can_retry": steering.can_retry(run)}
        return super().render_change_form(request, context, *args, **kwargs)


def _json(value: Any) -> SafeString:
    text = "-" if value is None else json.dumps(value, indent=2, ensure_ascii=False)
    return format_html("<pre>{}</pre>", text)
