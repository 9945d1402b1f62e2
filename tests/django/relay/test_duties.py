from datetime import timedelta

from windsock.django.relay.duties import all_duties
from windsock.django.relay.duty import SEND_TASKS


def test_every_duty_has_a_name_of_its_own_and_a_pause() -> None:
    duties = all_duties()

    assert len({duty.name for duty in duties}) == len(duties)
    assert all(timedelta(0) < duty.every <= timedelta(hours=1) for duty in duties)


def test_tasks_are_sent_and_lost_ones_are_ended() -> None:
    assert {SEND_TASKS, "tasks.lost"} <= {duty.name for duty in all_duties()}
