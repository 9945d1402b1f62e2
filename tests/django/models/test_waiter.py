import pytest

from windsock.django.models import TaskRun, Waiter


@pytest.mark.django_db
def test_a_waiter_has_the_key_of_its_record() -> None:
    run = TaskRun.objects.create(task="a.b", name="b")
    waiter = Waiter.objects.create(record=run, dag_id="d", run_id="r", task_id="t")
    assert waiter.pk == run.pk
    assert (waiter.map_index, waiter.try_number, waiter.expires_at) == (-1, 1, None)
    run.delete()
    assert not Waiter.objects.exists()
