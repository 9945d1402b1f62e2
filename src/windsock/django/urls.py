"""Windsock's addresses: the pages under ``/windsock/``, the REST API under ``/api/``."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from windsock.django.pages import health

app_name = "windsock"

urlpatterns = [
    path("windsock/health/", health.health, name="health"),
    path(
        "windsock/login/",
        LoginView.as_view(template_name="windsock/login.html", next_page="windsock:overview"),
        name="login",
    ),
    path("windsock/logout/", LogoutView.as_view(next_page="windsock:login"), name="logout"),
]
