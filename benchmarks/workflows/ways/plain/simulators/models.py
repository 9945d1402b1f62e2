"""The example's simulators and readings: the very rows that Windsock publishes."""

from django.db import models


class Simulator(models.Model):
    name = models.CharField(max_length=100)
    start_date = models.DateField()
    interval = models.CharField(max_length=10)
    cron = models.CharField(max_length=100)
    kpi_id = models.PositiveIntegerField()

    class Meta:
        managed = False
        db_table = "simulator_simulator"
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name

    @property
    def expression(self) -> str:
        return self.cron if self.interval == "cron" else f"@{self.interval}"


class KpiReading(models.Model):
    simulator = models.ForeignKey(Simulator, models.CASCADE)
    kpi_id = models.PositiveIntegerField()
    value = models.FloatField()
    result = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        managed = False
        db_table = "simulator_kpireading"

    def __str__(self) -> str:
        return f"{self.value}: {self.result}"
