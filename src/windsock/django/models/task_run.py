"""The record: one row per tracked execution, whichever engine ran it."""

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from windsock.django.models.keys import uuid7
from windsock.run import FINISHED
from windsock.run import Status as RunStatus


class TaskRunQuerySet(models.QuerySet["TaskRun"]):
    """Statuses as words."""

    def pending(self) -> "TaskRunQuerySet":
        """Runs that wait to be claimed."""
        return self.filter(status=RunStatus.PENDING)

    def processing(self) -> "TaskRunQuerySet":
        """Runs that somebody claimed and did not end."""
        return self.filter(status=RunStatus.PROCESSING)

    def finished(self) -> "TaskRunQuerySet":
        """Runs to which nothing happens any more."""
        return self.filter(status__in=FINISHED)


class TaskRun(models.Model):
    """One tracked execution of a task function; a step's execution has ``workflow_run`` set.

    Only ``windsock.django.actions`` writes here, with conditional updates: a finished record never goes back.
    """

    class Status(models.TextChoices):
        """The statuses of ``windsock.run``."""

        PENDING = RunStatus.PENDING
        PROCESSING = RunStatus.PROCESSING
        DONE = RunStatus.DONE
        FAILED = RunStatus.FAILED
        CANCELLED = RunStatus.CANCELLED
        SKIPPED = RunStatus.SKIPPED

    class Operation(models.TextChoices):
        """What the task does to the related row."""

        CREATE = "CREATE"
        READ = "READ"
        UPDATE = "UPDATE"
        DELETE = "DELETE"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.CharField(max_length=500)  #: registered path, "shop.tasks.sync"
    name = models.CharField(max_length=200)  #: what people call it
    backend = models.CharField(max_length=100, default="default")
    queue_name = models.CharField(max_length=100, default="default")
    priority = models.SmallIntegerField(default=0)  #: -100..100
    takes_context = models.BooleanField(default=False)
    args = models.JSONField(default=list, blank=True)
    kwargs = models.JSONField(default=dict, blank=True)
    input_data = models.JSONField(null=True, blank=True)  #: what the caller sent, as sent
    #: Which arguments and fields of ``input_data`` are never shown: names, and indices of ``args``.
    sensitive = models.JSONField(default=list, blank=True)
    #: Digest of the task and the arguments named by ``unique_on``; null: it may run any number of times.
    unique_key = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 -- null is never equal

    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempt = models.PositiveIntegerField(default=0)  #: the last claimed one; 0 before the first
    max_attempts = models.PositiveIntegerField(default=1)
    retry_delay = models.DurationField(default=timedelta(0))
    timeout = models.DurationField(null=True, blank=True)
    progress = models.PositiveSmallIntegerField(default=0)  #: per cent
    result = models.JSONField(null=True, blank=True)
    result_ttl = models.DurationField(null=True, blank=True)  #: null: as long as the record
    result_expires_at = models.DateTimeField(null=True, blank=True)
    exception = models.CharField(max_length=300, blank=True)
    message = models.TextField(blank=True)
    traceback = models.TextField(blank=True)
    #: The last part of what a step wrote and logged, see ``windsock.django.output``; of other tasks nothing.
    output = models.TextField(blank=True, default="", db_default="")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    operation = models.CharField(max_length=6, choices=Operation, blank=True)
    related_table = models.CharField(max_length=100, blank=True)
    related_id = models.CharField(max_length=100, blank=True)
    retry_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="retried_by", db_index=False
    )

    workflow_run = models.ForeignKey(
        "windsock.WorkflowRun", models.CASCADE, null=True, blank=True, related_name="steps", db_index=False
    )
    step = models.CharField(max_length=250, blank=True)
    map_index = models.IntegerField(default=-1)
    generation = models.PositiveIntegerField(default=0)  #: grows when the run is cleared

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    run_after = models.DateTimeField(null=True, blank=True)
    next_send_at = models.DateTimeField(null=True, blank=True)  #: when the relay sends it again; null: never
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=200, blank=True)

    objects = TaskRunQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=("next_send_at",),
                name="windsock_task_due",
                condition=Q(status=RunStatus.PENDING, next_send_at__isnull=False),
            ),
            # Messages that were never sent, so that the relay finds them in a backlog of those that were.
            models.Index(
                fields=("next_send_at",),
                name="windsock_task_unsent",
                condition=Q(status=RunStatus.PENDING, next_send_at=F("run_after")),
            ),
            models.Index(
                fields=("lease_expires_at",),
                name="windsock_task_lease",
                condition=Q(status=RunStatus.PROCESSING, lease_expires_at__isnull=False),
            ),
            models.Index(
                fields=("result_expires_at",),
                name="windsock_task_expiry",
                condition=Q(result_expires_at__isnull=False, result__isnull=False),
            ),
            models.Index(
                fields=("retry_of",), name="windsock_task_retry_of", condition=Q(retry_of__isnull=False)
            ),
            models.Index(fields=("status", "id"), name="windsock_task_status"),
            models.Index(fields=("owner", "id"), include=("status",), name="windsock_task_owner"),
            models.Index(fields=("related_table", "related_id", "id"), name="windsock_task_related"),
            BrinIndex(fields=("updated_at",), autosummarize=True, name="windsock_task_updated"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("workflow_run", "step", "map_index", "generation"),
                name="windsock_task_step",
                condition=Q(workflow_run__isnull=False),
            ),
            models.UniqueConstraint(
                fields=("unique_key",),
                name="windsock_task_unique",
                condition=Q(unique_key__isnull=False, status__in=(RunStatus.PENDING, RunStatus.PROCESSING)),
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.id}"
