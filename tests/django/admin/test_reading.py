from typing import Any

import pytest
from django.contrib import admin
from django.test import RequestFactory

from windsock.django.admin.reading import BoundedPaginator, ReadOnlyAdmin, link_to
from windsock.django.models import TaskRun, Workflow, WorkflowRun, WorkflowVersion


@pytest.mark.parametrize("model", [TaskRun, Workflow, WorkflowRun, WorkflowVersion])
def test_the_record_is_looked_at_only(model: type, rf: RequestFactory) -> None:
    found: Any = admin.site.get_model_admin(model)
    request = rf.get("/")
    assert isinstance(found, ReadOnlyAdmin)
    assert not found.has_add_permission(request)
    assert not found.has_change_permission(request)
    assert not found.has_delete_permission(request)


def test_a_link_leads_to_a_page_and_is_escaped() -> None:
    assert link_to("workflow", "a.b", "<Open>") == '<a href="/windsock/workflows/a.b/">&lt;Open&gt;</a>'


@pytest.mark.django_db
def test_pages_are_counted_no_further_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedPaginator, "bound", 3)
    for _ in range(5):
        TaskRun.objects.create(task="a.b", name="b")
    assert BoundedPaginator(TaskRun.objects.all(), 2).count == 3
    assert BoundedPaginator([1, 2], 2).count == 2
