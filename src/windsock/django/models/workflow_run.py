"""Airflow's Dag runs, mirrored."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from windsock.django.models.keys import uuid7
from windsock.django.models.workflow import Workflow
from windsock.run import Status as RunStatus


class WorkflowRun(models.Model):
    """One run of a workflow: requested here, or begun by Airflow's schedule or UI and seen there."""

    class Status(models.TextChoices):
        """The statuses that a run can have."""

        PENDING = RunStatus.PENDING
        PROCESSING = RunStatus.PROCESSING
        DONE = RunStatus.DONE
        FAILED = RunStatus.FAILED
        CANCELLED = RunStatus.CANCELLED

    class Origin(models.TextChoices):
        """Who began it."""

        REQUEST = "request", "requested here"
        SCHEDULE = "schedule", "schedule"
        AIRFLOW = "airflow", "Airflow's UI or API"
        BACKFILL = "backfill", "backfill"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="runs", db_index=False)
    run_id = models.CharField(max_length=250)  #: Airflow's Dag run id
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.REQUEST)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    revision = models.BigIntegerField(null=True, blank=True)  #: the version that it runs
    generation = models.PositiveIntegerField(default=0)  #: grows when the run is cleared
    params = models.JSONField(default=dict, blank=True)
    message = models.TextField(blank=True)  #: why it could not be started
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    logical_date = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    next_send_at = models.DateTimeField(null=True, blank=True)  #: when the relay asks Airflow again
    cancel_requested_at = models.DateTimeField(null=True, blank=True)  #: its failure is a cancellation then

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=("next_send_at",), name="windsock_run_due", condition=Q(next_send_at__isnull=False)
            ),
            models.Index(fields=("workflow", "-id"), name="windsock_run_of"),
            models.Index(fields=("status", "id"), name="windsock_run_status"),
        )
        constraints = (models.UniqueConstraint(fields=("workflow", "run_id"), name="windsock_run_unique"),)

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.run_id}"
