"""The words of tracked model actions: task names, messages and result keys."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.utils import translation

from windsock.django.models import TaskRun

Operation = TaskRun.Operation


@dataclass(frozen=True, kw_only=True, slots=True)
class Verb:
    """What an action of a view set is called."""

    infinitive: str  #: "create"
    participle: str  #: "created"
    operation: TaskRun.Operation
    writes: bool = False  #: whether it has a body
    many: bool = False


_UPDATE = Verb(infinitive="update", participle="updated", operation=Operation.UPDATE, writes=True)
VERBS = {
    "list": Verb(infinitive="list", participle="listed", operation=Operation.READ, many=True),
    "retrieve": Verb(infinitive="get", participle="retrieved", operation=Operation.READ),
    "create": Verb(infinitive="create", participle="created", operation=Operation.CREATE, writes=True),
    "update": _UPDATE,
    "partial_update": _UPDATE,
    "destroy": Verb(infinitive="delete", participle="deleted", operation=Operation.DELETE),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrases:
    """The words for one action on one model."""

    verb: Verb
    noun: str  #: "user", or "users" for a list

    @property
    def key(self) -> str:
        """The noun as a part of names, "order_line"."""
        return self.noun.replace(" ", "_")

    @property
    def task_name(self) -> str:
        """The record's name, "create_user"."""
        return f"{self.verb.infinitive}_{self.key}"

    def accepted(self, subject: str) -> str:
        """Return "Task created to create user user1"."""
        return f"Task created to {self.verb.infinitive} {self.noun} {subject}".rstrip()

    def succeeded(self, subject: str) -> str:
        """Return "Successfully created user user1"."""
        return f"Successfully {self.verb.participle} {self.noun} {subject}".rstrip()

    def failed(self, subject: str) -> str:
        """Return "Failed to create user user1"."""
        return f"Failed to {self.verb.infinitive} {self.noun} {subject}".rstrip()


def phrases_for(action: str, model: type[Model]) -> Phrases:
    """Return the words for an action of a view set; they never depend on the request's language."""
    verb = VERBS[action]
    with translation.override(None):
        noun: Any = model._meta.verbose_name_plural if verb.many else model._meta.verbose_name
        return Phrases(verb=verb, noun=str(noun).lower())
