"""Workflows as the database knows them: identity, immutable versions, and where the relay stands."""

from django.conf import settings
from django.db import models


class Workflow(models.Model):
    """One plan, whatever it comes from; its content lives in its versions."""

    id = models.CharField(primary_key=True, max_length=250)  #: Airflow's DAG id
    title = models.CharField(max_length=250, blank=True)
    source = models.CharField(max_length=250)  #: name of the registered source
    source_key = models.CharField(max_length=250, blank=True)  #: the row's key within the source
    owner = models.CharField(max_length=100, default="windsock")
    tags = models.JSONField(default=list, blank=True)
    description = models.TextField(blank=True)
    is_paused = models.BooleanField(default=False)
    pause_due_at = models.DateTimeField(null=True, blank=True)  #: when Airflow is told; null: it knows
    problem = models.TextField(blank=True)  #: why the newest definition is not in force; empty: it is
    live_revision = models.BigIntegerField(null=True, blank=True)  #: what Airflow was last seen to serve
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=("source", "source_key"), name="windsock_workflow_source"),
            models.Index(
                fields=("pause_due_at",),
                name="windsock_pause_due",
                condition=models.Q(pause_due_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return self.title or self.id


class WorkflowVersion(models.Model):
    """A published document; never changed. ``revision`` is given after the commit, in commit order.

    The key comes from a sequence: no clock may decide which of two versions of one workflow is the newer.
    """

    id = models.BigAutoField(primary_key=True)
    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="versions", db_index=False)
    revision = models.BigIntegerField(null=True, unique=True, editable=False)
    digest = models.CharField(max_length=32, editable=False)
    document = models.JSONField(null=True, editable=False)  #: null: the tombstone of a retired workflow
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    live_at = models.DateTimeField(null=True, blank=True)  #: first seen in force in Airflow
    is_settled = models.BooleanField(default=False, editable=False)  #: seen in force, or superseded
    refusal = models.TextField(blank=True, editable=False)  #: why Airflow does not take it
    comment = models.CharField(max_length=200, blank=True, editable=False)  #: "Rolled back to revision 7."

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("workflow", "-revision"), name="windsock_version_of"),
            models.Index(
                fields=("id",), name="windsock_version_new", condition=models.Q(revision__isnull=True)
            ),
            models.Index(
                fields=("workflow",), name="windsock_version_open", condition=models.Q(is_settled=False)
            ),
        )

    def __str__(self) -> str:
        return f"{self.workflow_id} revision {self.revision}"


class RelayState(models.Model):
    """How far one duty of the relay has come."""

    name = models.CharField(primary_key=True, max_length=50)
    cursor = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name
