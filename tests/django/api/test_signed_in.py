import subprocess
import sys

from django.contrib.auth.models import User
from django.test import Client

from windsock.django.models import TaskRun, Workflow, WorkflowRun, WorkflowVersion


def test_nobody_gets_in_unknown_and_no_cache_keeps_the_answer(client: Client) -> None:
    answer = client.get("/api/tasks/")

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Cache-Control"] == "no-store"


def test_an_address_that_no_row_has_answers_in_json(db: None, client: Client) -> None:
    client.force_login(User.objects.create_user("ann"))
    for url in ("/api/tasks/a.b/", "/api/tasks/a.b/status/", "/api/runs/a.b/", "/api/workflows/a.b/"):
        answer = client.get(url)
        assert answer.status_code in {403, 404}
        assert answer["Content-Type"] == "application/json"


def test_a_project_may_name_the_authentication_in_its_settings() -> None:
    name = "windsock.django.api.authentication.BearerAuthentication"
    code = (
        "from tests.django import settings as ours; from django.conf import settings; import django;"
        "settings.configure(**{name: getattr(ours, name) for name in dir(ours) if name.isupper()},"
        f" REST_FRAMEWORK={{'DEFAULT_AUTHENTICATION_CLASSES': [{name!r}]}});"
        "django.setup(); from rest_framework.views import APIView; print(APIView.authentication_classes)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert "BearerAuthentication" in done.stdout, done.stderr


def test_a_browser_is_shown_a_page_everywhere(admin_client: Client) -> None:
    workflow = Workflow.objects.create(id="a", source="test")
    WorkflowVersion.objects.create(workflow=workflow, digest="0", document={}, revision=1)
    run = WorkflowRun.objects.create(workflow=workflow, run_id="r")
    task = TaskRun.objects.create(name="t")
    paths = ("workflows/", "workflows/a/", "workflows/a/run/", "workflows/a/versions/1/", f"runs/{run.pk}/")
    for path in (*paths, "workflows/preview/", f"runs/{run.pk}/clear/", f"tasks/{task.pk}/retry/"):
        answer = admin_client.get(f"/api/{path}", headers={"Accept": "text/html"})
        assert answer.status_code in {200, 404, 405}, path
        assert answer["Content-Type"].startswith("text/html")
        assert admin_client.options(f"/api/{path}").status_code == 200, path
