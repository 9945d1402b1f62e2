"""Simulators in the admin: saving a row publishes its workflow."""

from django.contrib import admin
from django.http import HttpRequest

from simulator.models import KpiReading, Simulator


@admin.register(Simulator)
class SimulatorAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "interval", "cron", "kpi_id", "start_date")
    list_filter = ("interval", "kpi_id")
    search_fields = ("name",)


@admin.register(KpiReading)
class KpiReadingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("created_at", "simulator", "kpi_id", "value", "result")
    list_filter = ("kpi_id", "simulator")
    list_select_related = ("simulator",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: KpiReading | None = None) -> bool:
        return False
