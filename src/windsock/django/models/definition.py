"""Workflows that people edit here; ``definition_rows`` turns them into values and back.

Only ``actions.definitions`` writes them, and publishes in the same transaction.
"""

from datetime import timedelta

from django.conf import settings
from django.db import models

from windsock.workflow import TRIGGER_RULES

_RULES = [(rule, rule.replace("_", " ")) for rule in sorted(TRIGGER_RULES)]


class WorkflowDefinition(models.Model):
    """What the next version of a workflow is made of."""

    class Kind(models.TextChoices):
        """When it runs by itself."""

        MANUAL = "manual", "only when asked"
        CRON = "cron", "by cron"
        EVERY = "every", "at a fixed interval"
        ONCE = "once", "once"

    id = models.CharField("DAG id", primary_key=True, max_length=250)
    title = models.CharField(max_length=250, blank=True)
    description = models.TextField(blank=True)
    owner = models.CharField(max_length=100, default="windsock")
    tags = models.JSONField(default=list, blank=True)  #: texts
    schedule = models.CharField(max_length=10, choices=Kind, default=Kind.MANUAL)
    cron = models.TextField(
        blank=True, help_text='One expression or preset a line: "30 6 * * 1-5", "@daily".'
    )
    every = models.DurationField(null=True, blank=True)  #: >= 1 second
    start = models.DateTimeField(null=True, blank=True)
    end = models.DateTimeField(null=True, blank=True)
    timezone = models.CharField("time zone", max_length=100, default="UTC")
    catchup = models.BooleanField("catch up", default=False)
    max_active_runs = models.PositiveIntegerField(default=16)  #: 1..1000
    #: ``workflow.Param`` in wire form by name: {"day": {"default": "today", "schema": {"type": "string"}}}
    params = models.JSONField(default=dict, blank=True)
    notify = models.JSONField(default=list, blank=True)  #: e-mail addresses
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )

    class Meta:
        ordering = ("id",)
        verbose_name = "editable workflow"

    def __str__(self) -> str:
        return self.title or self.id


class StepDefinition(models.Model):
    """One line of the table of steps."""

    workflow = models.ForeignKey(WorkflowDefinition, models.CASCADE, related_name="steps", db_index=False)
    position = models.PositiveIntegerField(default=0)
    name = models.CharField(max_length=250)
    task = models.CharField(max_length=500)  #: path of a registered task
    args = models.JSONField(default=list, blank=True)
    kwargs = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=list, blank=True)  #: names of steps
    group = models.CharField(max_length=250, blank=True)
    trigger_rule = models.CharField(max_length=50, choices=_RULES, default="all_success")
    retries = models.PositiveIntegerField(default=0)  #: 0..100
    retry_delay = models.DurationField(default=timedelta(seconds=30))
    retry_backoff = models.BooleanField(default=False)
    retry_max_delay = models.DurationField(null=True, blank=True)
    timeout = models.DurationField(null=True, blank=True)
    pool = models.CharField(max_length=256, default="default_pool")
    priority = models.IntegerField(default=1)
    queue = models.CharField(max_length=256, blank=True)
    depends_on_past = models.BooleanField(default=False)
    teardown = models.BooleanField(default=False)

    class Meta:
        ordering = ("position", "id")
        verbose_name = "step"
        constraints = (models.UniqueConstraint(fields=("workflow", "name"), name="windsock_step_name"),)

    def __str__(self) -> str:
        return self.name
