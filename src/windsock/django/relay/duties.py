"""Everything that the relay does."""

from datetime import timedelta

from windsock.django.orchestrator import Airflow
from windsock.django.relay import deeds, pauses, tasks, upkeep, waiters
from windsock.django.relay.cancels import Canceller
from windsock.django.relay.deeds import Follower
from windsock.django.relay.duty import END_LOST, POLL, SEND_TASKS, Duty
from windsock.django.relay.pauses import Pauser
from windsock.django.relay.retention import EVERY, Pruner
from windsock.django.relay.runs import Starter
from windsock.django.relay.states import SELDOM, Watcher
from windsock.django.relay.workflows import Publisher


def all_duties() -> tuple[Duty, ...]:
    """Return the duties of a relay."""
    airflow = Airflow.from_settings()
    return (
        Duty(name=SEND_TASKS, every=POLL, run=tasks.send_due),
        Duty(name=END_LOST, every=POLL, run=tasks.end_lost),
        Duty(name="waiters", every=POLL, run=waiters.give_up),
        # What wakes them may get lost with its process; the next round repairs that.
        Duty(name="publish", every=timedelta(seconds=2), run=Publisher(airflow).run),
        Duty(name="runs", every=POLL, run=Starter(airflow).run),
        Duty(name="states", every=SELDOM, run=Watcher(airflow).run),
        Duty(name="cancels", every=POLL, run=Canceller(airflow).run),
        Duty(name="pauses", every=pauses.EVERY, run=Pauser(airflow).run),
        Duty(name="deeds", every=deeds.EVERY, run=Follower(airflow).run),
        Duty(name="sweep", every=upkeep.EVERY, run=upkeep.publish_all),
        Duty(name="compare", every=upkeep.EVERY, run=upkeep.Comparer(airflow).run),
        Duty(name="prune", every=EVERY, run=Pruner().run),
    )
