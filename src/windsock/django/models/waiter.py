"""Who waits for a record in Airflow."""

from django.db import models
from django.db.models import Q

from windsock.django.models.task_run import TaskRun


class Waiter(models.Model):
    """The task instance in Airflow that started a record and waits for its end.

    There is no constraint in the database: records are deleted in bulk, and a waiter without one is nobody's.
    """

    record = models.OneToOneField(
        TaskRun, models.CASCADE, primary_key=True, db_constraint=False, related_name="waiter"
    )
    dag_id = models.CharField(max_length=250)
    run_id = models.CharField(max_length=250)
    task_id = models.CharField(max_length=250)
    map_index = models.IntegerField(default=-1)
    try_number = models.PositiveIntegerField(default=1)
    expires_at = models.DateTimeField(null=True, blank=True)  #: when it stops waiting; null: never, or it did

    class Meta:
        indexes = (
            models.Index(fields=("dag_id", "run_id", "task_id"), name="windsock_waiter_key"),
            models.Index(
                fields=("expires_at",), name="windsock_waiter_expiry", condition=Q(expires_at__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"{self.dag_id} {self.run_id} {self.task_id}"
