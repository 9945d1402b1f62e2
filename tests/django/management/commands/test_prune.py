from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from windsock.django.models import IdempotencyKey

pytestmark = pytest.mark.django_db


def test_it_says_what_it_deleted() -> None:
    IdempotencyKey.objects.create(digest="old")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(days=2))
    output = StringIO()

    call_command("prune", dry_run=True, stdout=output)
    assert "1 idempotency keys would be deleted\n" in output.getvalue()
    assert IdempotencyKey.objects.exists()

    call_command("prune", days=30, stdout=output)
    assert "1 idempotency keys deleted\n" in output.getvalue()
    assert "0 task records deleted\n" in output.getvalue()
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("options", [{"days": 0}, {"days": -1}, {"batch": 0}])
def test_numbers_that_make_no_sense_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(CommandError, match="above 0"):
        call_command("prune", **options)
