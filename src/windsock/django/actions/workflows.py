"""Publish and retire: the only writers of workflows and their versions.

A version is written in the caller's own transaction and has no revision yet, see ``revisions``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from windsock import wire
from windsock.django import authorship
from windsock.django.actions.revisions import TOMBSTONE, announce, newest_digest
from windsock.django.compiler import document_of
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.run import FINISHED
from windsock.workflow import Problem
from windsock.workflow import Workflow as Definition

#: How the text of ``Workflow.problem`` begins when it is not the definition's own problem.
REFUSED = "Airflow: "
STUCK = "Not live yet: "


@dataclass(frozen=True, kw_only=True, slots=True)
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


@dataclass(slots=True)
class _Stored:
    """What the database knows of the workflows that some plans are about."""

    workflows: dict[str, Workflow]
    digests: dict[str, str | None]  #: of the newest version
    created: list[Workflow] = field(default_factory=list)  #: not written yet

    @classmethod
    def of(cls, plans: Iterable[Plan], *, lock: bool) -> "_Stored":
        plans = list(plans)
        mine = Q(source__in={plan.source for plan in plans}, source_key__in={plan.key for plan in plans})
        query = Workflow.objects.filter(Q(id__in={plan.id for plan in plans}) | mine).order_by("id")
        if lock:
            query = query.select_for_update(no_key=True)
        workflows = {workflow.id: workflow for workflow in query}
        # A second statement, because only it sees what was committed while the lock was waited for.
        digests = Workflow.objects.filter(id__in=workflows).values_list("id", newest_digest())
        return cls(workflows=workflows, digests=dict(digests))

    def others(self, plan: Plan) -> list[Workflow]:
        """The live workflows of the plan's row under another id, or all when it has none any more."""
        kept = plan.id if plan.definition or plan.problems else ""
        return [
            workflow
            for workflow in self.workflows.values()
            if (workflow.source, workflow.source_key) == plan.key_pair
            and workflow.id != kept
            and workflow.retired_at is None
            and not (plan.problems and not plan.id)
        ]


def publish(plans: Sequence[Plan], *, author: Any = None, comment: str = "") -> int:
    """Write what changed: new versions, problems, retirements; return how many versions were written.

    A plan with problems leaves the last good version in force. Joins the caller's transaction.

    Args:
        plans: what the sources say.
        author: a user; None: whoever ``authorship.author()`` names.
        comment: is kept with each version that is written.
    """
    versions: list[WorkflowVersion] = []
    said: dict[str, Any] = {
        "author_id": getattr(author, "pk", None) or authorship.author(),
        "comment": comment,
    }
    with transaction.atomic():
        stored = _Stored.of(plans, lock=True)
        for plan in plans:
            plan = _checked(plan, stored)
            _retire(stored.others(plan))
            document = document_of(plan.definition) if plan.definition else None
            digest = wire.digest(document)
            is_new = document is not None and stored.digests.get(plan.id) != digest
            workflow = _write(plan, stored, is_new=is_new)
            if workflow is not None and is_new:
                stored.digests[workflow.id] = digest
                versions.append(WorkflowVersion(workflow=workflow, digest=digest, document=document, **said))
        Workflow.objects.bulk_create(stored.created, batch_size=500)
        WorkflowVersion.objects.bulk_create(versions, batch_size=500)
        if versions:
            announce()
    return len(versions)


def outdated(plans: Sequence[Plan]) -> list[Plan]:
    """Return those plans that ``publish`` would write something for; takes no lock."""
    stored = _Stored.of(plans, lock=False)
    return [plan for plan in plans if not _is_current(_checked(plan, stored), stored)]


def conflicts(plan: Plan) -> tuple[Problem, ...]:
    """Return why the plan's id cannot be taken; empty when it can."""
    return _checked(plan, _Stored.of([plan], lock=False)).problems


def keys_of(source: str) -> set[str]:
    """Return the keys of the rows that have a workflow in force."""
    return set(Workflow.objects.filter(source=source, retired_at=None).values_list("source_key", flat=True))


def report(workflow: str, revision: int, message: str) -> None:
    """Note what Airflow's side says about the newest revision of a workflow; an empty message clears it."""
    newer = WorkflowVersion.objects.filter(workflow=OuterRef("pk"), revision__gt=revision)
    about = Workflow.objects.filter(~Exists(newer), id=workflow)
    if message:
        about.update(problem=REFUSED + message)
    else:
        about.filter(problem__startswith=REFUSED).update(problem="")


def retire(source: str, keys: Iterable[str]) -> int:
    """End the workflows of rows that are gone; their history stays. Return how many there were."""
    with transaction.atomic():
        found = Workflow.objects.filter(source=source, source_key__in=list(keys), retired_at=None)
        return _retire(list(found.select_for_update(no_key=True).order_by("id")))


def bury(workflows: Iterable[str] | None = None) -> int:
    """Write the tombstones of retired workflows whose last run has ended; return how many.

    Args:
        workflows: ids to look at; by default all.
    """
    active = WorkflowRun.objects.filter(workflow=OuterRef("pk")).exclude(status__in=FINISHED)
    with transaction.atomic():
        retired = Workflow.objects.filter(retired_at__isnull=False)
        if workflows is not None:
            retired = retired.filter(id__in=workflows)
        retired = retired.alias(digest=newest_digest()).filter(~Exists(active))
        retired = retired.exclude(digest=TOMBSTONE).exclude(digest=None)
        # Whoever holds the lock may be bringing the workflow back.
        locked = retired.select_for_update(skip_locked=True, no_key=True, of=("self",))
        author = authorship.author()
        tombstones = [
            WorkflowVersion(workflow=workflow, digest=TOMBSTONE, author_id=author) for workflow in locked
        ]
        WorkflowVersion.objects.bulk_create(tombstones)
        if tombstones:
            announce()
    return len(tombstones)


def _checked(plan: Plan, stored: _Stored) -> Plan:
    """Refuse a plan whose id belongs to another row."""
    owner = stored.workflows.get(plan.id)
    if owner is None or owner.retired_at or (owner.source, owner.source_key) == plan.key_pair:
        return plan
    message = f"{plan.id!r} is the workflow of {owner.source} {owner.source_key}"
    return replace(plan, id="", definition=None, problems=(("id", message), *plan.problems))


def _columns(plan: Plan, workflow: Workflow | None, *, is_new: bool) -> dict[str, Any]:
    """Return what the plan's workflow row should hold."""
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


def _write(plan: Plan, stored: _Stored, *, is_new: bool) -> Workflow | None:
    if not plan.definition and not plan.problems:
        return None
    workflow = stored.workflows.get(plan.id)
    columns = _columns(plan, workflow, is_new=is_new)
    if workflow is None and plan.id:
        created = {"source": plan.source, "source_key": plan.key} | columns
        stored.workflows[plan.id] = Workflow(id=plan.id, **created)
        stored.created.append(stored.workflows[plan.id])
        return stored.workflows[plan.id]
    for workflow_of_row in [workflow] if workflow else _of_row(plan, stored):
        _change(workflow_of_row, columns)
    return workflow


def _of_row(plan: Plan, stored: _Stored) -> list[Workflow]:
    """The row's workflows when the plan cannot name one: its problem is told on what is in force."""
    return [w for w in stored.workflows.values() if (w.source, w.source_key) == plan.key_pair]


def _change(workflow: Workflow, columns: dict[str, Any]) -> None:
    changed = [name for name, value in columns.items() if getattr(workflow, name) != value]
    for name in changed:
        setattr(workflow, name, columns[name])
    if changed:
        workflow.save(update_fields=[*changed, "updated_at"])


def _is_current(plan: Plan, stored: _Stored) -> bool:
    if stored.others(plan):
        return False
    if plan.definition is None and not plan.problems:
        return True
    workflow = stored.workflows.get(plan.id)
    if workflow is None:
        return not plan.id and all(w.problem == plan.problem for w in _of_row(plan, stored))
    columns = _columns(plan, workflow, is_new=False)
    if any(getattr(workflow, name) != value for name, value in columns.items()):
        return False
    return plan.definition is None or stored.digests[workflow.id] == wire.digest(document_of(plan.definition))


def _retire(workflows: list[Workflow]) -> int:
    """Refuse new runs at once; the tombstone follows when no run is active, since Airflow would freeze it."""
    for workflow in workflows:
        _change(workflow, {"retired_at": timezone.now(), "problem": ""})
        _stop_schedule(workflow)
    if workflows:
        bury([workflow.id for workflow in workflows])
    return len(workflows)


def _stop_schedule(workflow: Workflow) -> None:
    if not WorkflowRun.objects.filter(workflow=workflow).exclude(status__in=FINISHED).exists():
        return
    version = WorkflowVersion.objects.filter(workflow=workflow).order_by("-revision", "-id").first()
    if version and version.document and "schedule" in version.document:
        document = {name: part for name, part in version.document.items() if name != "schedule"}
        digest = wire.digest(document)
        author = authorship.author()
        WorkflowVersion.objects.create(workflow=workflow, digest=digest, document=document, author_id=author)
        announce()
