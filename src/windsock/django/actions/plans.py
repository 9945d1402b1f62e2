"""What sources say about their rows, beside what the database holds."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from django.db.models import Q

from windsock import wire
from windsock.django.actions.revisions import newest_digest
from windsock.django.compiler import document_of
from windsock.django.models import Workflow
from windsock.workflow import Problem
from windsock.workflow import Workflow as Definition

#: How the text of ``Workflow.problem`` begins when it is not the definition's own problem.
REFUSED = "Airflow: "
STUCK = "Not live yet: "
#: What a plan decides of a workflow's row.
COLUMNS = ("source", "source_key", "title", "owner", "tags", "description", "retired_at", "problem")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a source says about one of its rows."""

    source: str
    key: str
    id: str  #: the workflow's; empty: the source could not even tell that
    definition: Definition | None = None  #: compiled; None: see ``problems``, or there is none any more
    problems: tuple[Problem, ...] = ()

    @property
    def problem(self) -> str:
        """The problems as one text."""
        return "; ".join(f"{field}: {message}" if field else message for field, message in self.problems)

    @property
    def key_pair(self) -> tuple[str, str]:
        """What tells this plan's row from all others."""
        return self.source, self.key

    @cached_property
    def document(self) -> dict[str, Any] | None:
        """What is published; None: nothing."""
        return document_of(self.definition) if self.definition else None

    @cached_property
    def digest(self) -> str:
        """Of the document."""
        return wire.digest(self.document)


@dataclass(slots=True)
class Stored:
    """What the database knows of the workflows that some plans are about."""

    workflows: dict[str, Workflow]
    digests: dict[str, str | None]  #: of the newest version
    created: dict[str, Workflow] = field(default_factory=dict)  #: not written yet
    changed: dict[str, Workflow] = field(default_factory=dict)  #: not written yet
    _of_rows: dict[tuple[str, str], list[Workflow]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, plans: Iterable[Plan], *, lock: bool) -> "Stored":
        """Read what the plans are about; a lock keeps the workflows as they are."""
        plans = list(plans)
        mine = Q(source__in={plan.source for plan in plans}, source_key__in={plan.key for plan in plans})
        query = Workflow.objects.filter(Q(id__in={plan.id for plan in plans}) | mine).order_by("id")
        if lock:
            query = query.select_for_update(no_key=True)
        workflows = {workflow.id: workflow for workflow in query}
        # A second statement, because only it sees what was committed while the lock was waited for.
        digests = Workflow.objects.filter(id__in=workflows).values_list("id", newest_digest())
        stored = cls(workflows=workflows, digests=dict(digests) if workflows else {})
        for workflow in workflows.values():
            stored._of_rows[workflow.source, workflow.source_key].append(workflow)
        return stored

    def create(self, workflow: Workflow) -> None:
        """Add a workflow that is to be written with all others."""
        self.workflows[workflow.id] = workflow
        self._of_rows[workflow.source, workflow.source_key].append(workflow)
        self.created[workflow.id] = workflow

    def change(self, workflow: Workflow, columns: dict[str, Any]) -> None:
        """Change a workflow that is to be written with all others."""
        changed = [name for name, value in columns.items() if getattr(workflow, name) != value]
        for name in changed:
            setattr(workflow, name, columns[name])
        if changed and workflow.id not in self.created:
            self.changed[workflow.id] = workflow

    def write(self) -> None:
        """Write what was created and changed; many by few statements."""
        Workflow.objects.bulk_create(self.created.values(), batch_size=500)
        Workflow.objects.bulk_create(
            self.changed.values(),
            batch_size=500,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[*COLUMNS, "updated_at"],
        )

    def of_row(self, plan: Plan) -> list[Workflow]:
        """Return all workflows of the plan's row: a problem that names none is told on what is in force."""
        return list(self._of_rows.get(plan.key_pair, ()))

    def others(self, plan: Plan) -> list[Workflow]:
        """Return the live workflows of the plan's row under another id, or all when it has none any more."""
        if plan.problems and not plan.id:
            return []
        kept = plan.id if plan.definition or plan.problems else ""
        return [w for w in self.of_row(plan) if w.id != kept and w.retired_at is None]

    def checked(self, plan: Plan) -> Plan:
        """Refuse a plan whose id belongs to another row."""
        owner = self.workflows.get(plan.id)
        if owner is None or owner.retired_at or (owner.source, owner.source_key) == plan.key_pair:
            return plan
        message = f"{plan.id!r} is the workflow of {owner.source} {owner.source_key}"
        return replace(plan, id="", definition=None, problems=(("id", message), *plan.problems))

    def is_current(self, plan: Plan) -> bool:
        """Whether nothing would be written for a plan that was ``checked``."""
        if self.others(plan):
            return False
        if plan.definition is None and not plan.problems:
            return True
        workflow = self.workflows.get(plan.id)
        if workflow is None:
            return not plan.id and all(w.problem == plan.problem for w in self.of_row(plan))
        columns = columns_of(plan, workflow, is_new=False)
        if any(getattr(workflow, name) != value for name, value in columns.items()):
            return False
        return plan.definition is None or self.digests[workflow.id] == plan.digest


def columns_of(plan: Plan, workflow: Workflow | None, *, is_new: bool) -> dict[str, Any]:
    """Return what the plan's workflow row should hold; ``is_new``: its definition becomes a version."""
    if plan.definition is None:
        return {"problem": plan.problem}
    # What Airflow said was about the definition that it has.
    known = workflow.problem if workflow and not is_new else ""
    return {
        "source": plan.source,
        "source_key": plan.key,
        "title": plan.definition.title,
        "owner": plan.definition.owner,
        "tags": list(plan.definition.tags),
        "description": plan.definition.description,
        "retired_at": None,
        "problem": known if known.startswith((REFUSED, STUCK)) else "",
    }
