"""Reports; each row is a workflow of one step."""

from django.db import models


class Report(models.Model):
    title = models.CharField(max_length=100)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.title
