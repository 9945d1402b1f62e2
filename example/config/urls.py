"""URLs of the example."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="windsock:overview")),
    path("admin/", admin.site.urls),
    path("", include("users.urls")),
    path("simulator/", include("simulator.urls")),
    path("", include("windsock.django.urls")),
]
