import pytest
from django.db import IntegrityError, transaction

from windsock.django.models import Workflow, WorkflowVersion

pytestmark = pytest.mark.django_db


def test_a_revision_is_given_once_in_the_whole_database() -> None:
    first, second = (Workflow.objects.create(id=name, source="test") for name in "ab")
    WorkflowVersion.objects.create(workflow=first, digest="0" * 32, revision=1)

    with pytest.raises(IntegrityError), transaction.atomic():
        WorkflowVersion.objects.create(workflow=second, digest="1" * 32, revision=1)


def test_versions_wait_for_their_number() -> None:
    workflow = Workflow.objects.create(id="a", source="test")
    WorkflowVersion.objects.create(workflow=workflow, digest="0" * 32)
    WorkflowVersion.objects.create(workflow=workflow, digest="1" * 32)

    assert WorkflowVersion.objects.filter(revision__isnull=True).count() == 2
