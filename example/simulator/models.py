"""Simulators and what they measured."""

from datetime import date

from django.db import models
from django.utils import timezone

from simulator.kpi import DEFAULT_KPI, KPIS
from windsock.django.sources import validate_row


def today() -> date:
    return timezone.now().date()


class Simulator(models.Model):
    """A source of measurements; each row becomes the workflow ``simulator_dag_<id>``."""

    class Interval(models.TextChoices):
        HOURLY = "hourly", "every hour"
        DAILY = "daily", "every day"
        WEEKLY = "weekly", "every week"
        CRON = "cron", "by cron expression"

    name = models.CharField(max_length=100)
    start_date = models.DateField(default=today, help_text="No run before this day (UTC).")
    interval = models.CharField(max_length=10, choices=Interval, default=Interval.HOURLY)
    cron = models.CharField(
        "cron expression",
        max_length=100,
        blank=True,
        help_text='Minute, hour, day, month, weekday; for example "*/15 * * * *". '
        "Read only when the interval says so.",
    )
    kpi_id = models.PositiveIntegerField(
        "KPI", choices={key: f"{key} {kpi.name}" for key, kpi in KPIS.items()}, default=DEFAULT_KPI
    )

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what could not be published, such as a bad cron expression."""
        validate_row(self)

    @property
    def expression(self) -> str:
        """The cron expression or preset of the schedule."""
        return self.cron if self.interval == self.Interval.CRON else f"@{self.interval}"


class KpiReading(models.Model):
    """One answer of the KPI endpoint, kept."""

    simulator = models.ForeignKey(Simulator, models.CASCADE, related_name="readings")
    kpi_id = models.PositiveIntegerField("KPI")
    value = models.FloatField(help_text="Wind speed in metres a second.")
    result = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"KPI {self.kpi_id} of {self.value}: {self.result}"
