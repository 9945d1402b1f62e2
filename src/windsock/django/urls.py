"""Windsock's addresses: the pages under ``/windsock/``, the REST API under ``/api/``.

Names: ``windsock:overview``, ``windsock:task``; of the API ``windsock:api-task-detail`` and so on.
"""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from rest_framework.routers import APIRootView, DefaultRouter

from windsock.django import feed
from windsock.django.api.metrics import MetricsView
from windsock.django.api.preview import SchedulePreview
from windsock.django.api.runs import RunViewSet
from windsock.django.api.schema import views as schema
from windsock.django.api.signed_in import SignedIn
from windsock.django.api.tasks import TaskViewSet
from windsock.django.api.versions import VersionViewSet
from windsock.django.api.workflows import WorkflowViewSet
from windsock.django.events import views as streams
from windsock.django.pages.health import health
from windsock.django.pages.overview import overview
from windsock.django.pages.records import record
from windsock.django.pages.runs import run
from windsock.django.pages.tasks import cancel, retry, task, tasks
from windsock.django.pages.workflows import run_now, workflow
from windsock.django.service import views as service

app_name = "windsock"


class ApiRoot(SignedIn, APIRootView):
    """What the API offers."""


router = DefaultRouter()
router.APIRootView = ApiRoot
router.register("tasks", TaskViewSet, basename="api-task")
router.register("workflows", WorkflowViewSet, basename="api-workflow")
router.register("workflows/(?P<id>[^/]+)/versions", VersionViewSet, basename="api-workflow-version")
router.register("runs", RunViewSet, basename="api-run")

login = LoginView.as_view(
    template_name="windsock/login.html", next_page="windsock:overview", redirect_authenticated_user=True
)
pages = [
    path("", overview, name="overview"),
    path("workflows/<str:pk>/", workflow, name="workflow"),
    path("workflows/<str:pk>/run/", run_now, name="run-now"),
    path("runs/<uuid:pk>/", run, name="run"),
    path("tasks/", tasks, name="tasks"),
    path("tasks/<uuid:pk>/", task, name="task"),
    path("tasks/<uuid:pk>/cancel/", cancel, name="cancel-task"),
    path("tasks/<uuid:pk>/retry/", retry, name="retry-task"),
    path("record/", record, name="record"),
    path("login/", login, name="login"),
    path("logout/", LogoutView.as_view(next_page="windsock:login"), name="logout"),
    path("health/", health, name="health"),
]
urlpatterns = [
    path("windsock/feed/", include(feed)),
    path("windsock/service/", include(service)),
    path("windsock/", include(pages)),
    path("api/", include(schema)),
    path("api/", include(streams)),
    path("api/metrics/", MetricsView.as_view(), name="api-metrics"),
    path("api/workflows/preview/", SchedulePreview.as_view(), name="api-workflow-preview"),
    path("api/", include(router.urls)),
]
