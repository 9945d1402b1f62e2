"""A version on its way into force, and when to look or ask for it again."""

from dataclasses import dataclass

from windsock.django.actions.liveness import Open

FIRST_LOOK = 0.3  #: seconds after asking; Airflow never was quicker
LOOK = 0.15  #: seconds between two looks at a version that was published just now
SLOWEST_LOOK = 5.0  #: seconds, for what has waited long
ASK_AGAIN = 2.0  #: seconds without news after which Airflow is asked again
SLOWEST_ASK = 60.0  #: seconds
STUCK_AFTER = 10.0  #: seconds
STUCK_TOMBSTONE = 180.0  #: seconds; Airflow drops a DAG only when it cleans up
MANY = 100  #: versions that came together, above which the list of all DAGs is read for them
EACH = 0.03  #: seconds that each of them may take Airflow
LOST_AFTER = 30.0  #: seconds; a dag-processor that begins anew parses everything by itself


@dataclass(slots=True)
class Waiting:
    """A version that nobody has seen in force yet. Times are seconds of the publisher's clock."""

    version: Open
    since: float
    look_at: float
    crowd: int = 1  #: how many came together
    is_found: bool = False  #: the list of all DAGs shows it
    asked_at: float | None = None
    told: str = ""  #: what keeps it, as written on the workflow

    def age(self, now: float) -> float:
        """Return for how long it has waited."""
        return now - self.since

    @property
    def patience(self) -> float:
        """How long it may wait before that is told."""
        return (STUCK_TOMBSTONE if self.version.is_tombstone else STUCK_AFTER) + self.delay

    @property
    def delay(self) -> float:
        """How long it may take Airflow for the sake of those that came with it."""
        return self.crowd * EACH if self.crowd > MANY else 0.0

    @property
    def is_in_crowd(self) -> bool:
        """Whether it is looked for in the list of all DAGs rather than alone."""
        return self.crowd > MANY and not self.is_found

    def is_due(self, now: float) -> bool:
        """Whether to look at it: it was asked for, or may have been parsed all the same."""
        return self.look_at <= now and (self.asked_at is not None or self.age(now) > ASK_AGAIN)

    def look_again(self, now: float) -> None:
        """Put the next look off; the longer it has waited the longer."""
        slowest = 1.0 if self.version.is_tombstone else LOOK
        self.look_at = now + max(slowest, min(SLOWEST_LOOK, self.age(now) / 20))

    def is_in_flight(self, now: float) -> bool:
        """Whether what was asked for is still on its way."""
        asked = self.asked_at is not None and now - self.asked_at < ASK_AGAIN
        return asked and not self.version.is_tombstone

    def is_gone(self, now: float) -> bool:
        """Whether a DAG that was there may be taken for deleted when Airflow does not know it."""
        return self.version.is_lost and self.age(now) >= LOST_AFTER

    def should_ask(self, now: float, news_at: float) -> bool:
        """Whether to ask for a parse; ``news_at`` is when something came into force last."""
        if self.asked_at is None:
            return True
        least = self.delay + (SLOWEST_ASK / 2 if self.version.is_tombstone else ASK_AGAIN)
        return now - max(self.asked_at, news_at) >= max(least, min(SLOWEST_ASK, self.age(now) / 4))
