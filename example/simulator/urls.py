"""The simulators' address."""

from django.urls import path

from simulator.views import KpiView

urlpatterns = [path("kpi/", KpiView.as_view(), name="simulator-kpi")]
