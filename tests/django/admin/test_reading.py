from typing import Any

import pytest
from django.contrib import admin
from django.test import RequestFactory

from windsock.django.admin.reading import ReadOnlyAdmin, link_to
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
