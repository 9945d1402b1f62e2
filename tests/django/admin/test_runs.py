from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from windsock.django.models import TaskRun, Workflow, WorkflowRun
from windsock.run import Status


def test_tasks_are_listed_with_filters_and_progress(admin_client: Client) -> None:
    task = TaskRun.objects.create(task="shop.tasks.sync", name="sync", status=Status.PROCESSING, progress=40)
    TaskRun.objects.create(task="shop.tasks.sync", name="other", status=Status.DONE)
    page = admin_client.get("/admin/windsock/taskrun/?status__exact=PROCESSING").content.decode()
    assert '<progress max="100" value="40">' in page
    assert f"/windsock/tasks/{task.pk}/" in page
    assert ">other<" not in page


def test_the_list_does_not_read_the_long_texts(admin_client: Client) -> None:
    TaskRun.objects.create(task="a.b", name="b", traceback="line 1")
    with CaptureQueriesContext(connection) as queries:
        admin_client.get("/admin/windsock/taskrun/")
    assert not [query for query in queries if '"windsock_taskrun"."traceback"' in query["sql"]]


def test_one_task_shows_everything(admin_client: Client) -> None:
    task = TaskRun.objects.create(task="a.b", name="b", traceback="line 1", result={"kept": 3})
    page = admin_client.get(f"/admin/windsock/taskrun/{task.pk}/change/").content.decode()
    assert "line 1" in page
    assert "kept" in page


def test_runs_are_listed_and_lead_to_their_pages(admin_client: Client) -> None:
    workflow = Workflow.objects.create(pk="w", source="shop.Report")
    run = WorkflowRun.objects.create(workflow=workflow, run_id="scheduled__1", status=Status.DONE)
    page = admin_client.get("/admin/windsock/workflowrun/?q=scheduled__1").content.decode()
    assert f"/windsock/runs/{run.pk}/" in page
    assert admin_client.get(f"/admin/windsock/workflowrun/{run.pk}/change/").status_code == 200
