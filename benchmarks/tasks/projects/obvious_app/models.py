"""The record that a project would write by itself."""

import uuid

from django.db import models


class Job(models.Model):
    """One task, its status and its result."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    status = models.CharField(max_length=20, default="PENDING", db_index=True)
    task_name = models.CharField(max_length=100, db_index=True)
    input_data = models.JSONField(null=True)
    result = models.JSONField(null=True)
    progress = models.IntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "obvious_app"

    def __str__(self) -> str:
        return f"{self.task_name} {self.status}"
