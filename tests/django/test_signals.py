from django.dispatch import Signal

from windsock.django import signals


def test_two_signals_tell_of_runs() -> None:
    found = {name for name, value in vars(signals).items() if isinstance(value, Signal)}

    assert found == {"workflow_run_finished", "workflow_run_failed"}
