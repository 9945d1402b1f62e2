"""Rows that are workflows, and what their steps left behind."""

from django.db import models


class Plan(models.Model):
    """A workflow as the JSON of its value."""

    id = models.CharField(primary_key=True, max_length=250)
    document = models.JSONField()

    def __str__(self) -> str:
        return self.id


class Trace(models.Model):
    """One execution of a step."""

    workflow = models.CharField(max_length=250)
    run_id = models.CharField(max_length=250, db_index=True)
    step = models.CharField(max_length=250)
    attempt = models.IntegerField()
    pid = models.IntegerField()
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.run_id} {self.step} {self.attempt}"
