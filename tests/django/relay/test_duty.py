from datetime import timedelta

import psycopg
import pytest
from django.db import connection, transaction

from windsock.django.relay import Duty, wake
from windsock.django.relay.duty import CHANNEL


def test_a_duty_is_a_name_a_pause_and_what_to_do() -> None:
    assert Duty(name="x", every=timedelta(seconds=1), run=lambda: None).run() is None


@pytest.mark.django_db(transaction=True)
def test_the_relay_is_woken_when_the_transaction_is_committed_and_not_before() -> None:
    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory", None)
    parameters.pop("context", None)
    with psycopg.connect(**parameters, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        with transaction.atomic():
            wake("tasks.send")
            assert list(listener.notifies(timeout=0.05)) == []
        heard = [each.payload for each in listener.notifies(timeout=5, stop_after=1)]

    assert heard == ["tasks.send"]
