"""Where workflows come from: any model, whose rows a ``WorkflowSource`` turns into values, or code.

Put a subclass into the module ``workflows`` of an app and decorate it with ``register``; that is all. Saving
or deleting a row publishes in the same transaction. What bypasses signals, such as ``bulk_create`` or
``queryset.update()``, is caught by ``manage.py workflows publish``, which also publishes what is declared in
code with ``declare``.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Generic, TypeVar

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.signals import post_delete, post_save
from django.utils.module_loading import autodiscover_modules

from windsock.django import compiler, declared
from windsock.django.actions import workflows as actions
from windsock.django.actions.workflows import Plan
from windsock.errors import InvalidWorkflow
from windsock.workflow import NAME, Problem, Workflow

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=Model)
declare = declared.declare
_BATCH = 500
#: Rows by their keys, as they were read and with the plans that were made of them, if any was.
Planned = Mapping[Any, tuple[M, Plan] | None]
_UID = "windsock.sources"
_sources: dict[str, "WorkflowSource[Any]"] = {}


class WorkflowSource(Generic[M]):
    """How each row of a model becomes a workflow.

    Attributes:
        model: The model; rows of its proxies and children count too.
        name: Unique among all sources; by default the model's label, ``"shop.Report"``.
        fields: Which field of the model a part of the workflow comes from, such as
            ``{"schedule.cron": "cron"}``, so that its problems are told there.
    """

    model: type[M]
    name: ClassVar[str] = ""
    fields: ClassVar[Mapping[str, str]] = {}

    def workflow(self, row: M) -> Workflow | None:
        """Return the workflow of ``row``, or None when it shall have none."""
        raise NotImplementedError

    def queryset(self) -> QuerySet[M]:
        """Return the rows that may have workflows; a row that is not among them has none."""
        return self.model._default_manager.all()

    def problems(self, row: M) -> tuple[Problem, ...]:
        """Return why ``row``, saved or not, cannot be published; empty when it can."""
        plan = self.plan(row)
        if plan.definition is None:
            return plan.problems
        return actions.conflicts(plan)

    def plan(self, row: M) -> Plan:
        """Return what shall be published for ``row``; its own mistakes become problems."""
        key, workflow = str(row.pk), None
        try:
            workflow = self.workflow(row)
            definition = None if workflow is None else compiler.compile_workflow(workflow)
            id = workflow.id if workflow else ""
            return Plan(source=self.name, key=key, id=id, definition=definition)
        except InvalidWorkflow as error:
            id = workflow.id if workflow and NAME.match(workflow.id) else ""
            return Plan(source=self.name, key=key, id=id, problems=error.problems)
        except DatabaseError:
            raise
        except Exception as error:
            logger.exception("The source %s cannot read %r", self.name, row)
            problem = ("", f"{type(error).__name__}: {error}")
            return Plan(source=self.name, key=key, id="", problems=(problem,))

    def field_of(self, path: str) -> str:
        """Return the model's field for a path in the workflow; empty when none is named."""
        parts = path.split(".")
        candidates = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((self.fields[name] for name in candidates if name in self.fields), "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What publishing everything came to."""

    rows: int = 0  #: that were looked at
    versions: int = 0  #: that were written
    retired: int = 0  #: workflows whose rows are gone
    refused: tuple[tuple[str, str], ...] = ()  #: (row, its problems)


def register(source: type[WorkflowSource[M]]) -> type[WorkflowSource[M]]:
    """Publish the rows of a source from now on; usable as a decorator.

    Raises:
        ValueError: another source has the same name.
    """
    source.name = source.name or source.model._meta.label
    known = _sources.get(source.name)
    if source.name == declared.SOURCE or (known is not None and type(known) is not source):
        raise ValueError(f"two workflow sources are called {source.name!r}; give one of them another name")
    _sources[source.name] = source()
    return source


def sources() -> Mapping[str, WorkflowSource[Any]]:
    """Return every registered source by its name."""
    return dict(_sources)


def known_names() -> list[str]:
    """Return the name of every registered source, and of the one of workflows in code."""
    return sorted({*_sources, declared.SOURCE})


def autodiscover() -> None:
    """Import the module ``workflows`` of every installed app, and listen to the rows of its sources."""
    autodiscover_modules("workflows")
    listen()


def listen() -> None:
    """Publish rows of sources that are saved from now on, and retire those that are deleted."""
    post_save.connect(_on_save, dispatch_uid=_UID)
    post_delete.connect(_on_delete, dispatch_uid=_UID)


def validate_row(row: Model) -> None:
    """Refuse a row that cannot be published; call it in the model's ``clean()``.

    Raises:
        ValidationError: what is wrong, at the fields that the source names.
    """
    errors: dict[str, list[str]] = {}
    for source in _of(type(row)):
        for path, message in source.problems(row):
            field = source.field_of(path)
            text = message if field or not path else f"{path}: {message}"
            errors.setdefault(field or NON_FIELD_ERRORS, []).append(text)
    if errors:
        raise ValidationError(errors)


def publish_row(row: Model) -> None:
    """Publish what the database holds of ``row`` now, in the caller's transaction."""
    for source in _of(type(row)):
        _publish(source, {row.pk: None})


def publish_all(names: Iterable[str] = ()) -> Summary:
    """Publish every row of the named sources, or of all; rows that did not change cost no lock."""
    wanted = list(names) or known_names()
    parts = [
        _publish_declared() if name == declared.SOURCE else _publish_source(_sources[name]) for name in wanted
    ]
    return Summary(
        rows=sum(part.rows for part in parts),
        versions=sum(part.versions for part in parts),
        retired=sum(part.retired for part in parts),
        refused=tuple(problem for part in parts for problem in part.refused),
    )


def _publish_declared() -> Summary:
    plans = list(declared.plans())
    versions = actions.publish(actions.outdated(plans))
    retired = actions.retire(declared.SOURCE, actions.keys_of(declared.SOURCE) - declared.ids())
    refused = tuple(declared.refusals(plans))
    return Summary(rows=len(plans), versions=versions, retired=retired, refused=refused)


def _publish_source(source: WorkflowSource[M]) -> Summary:
    seen, versions = set[str](), 0
    refused: list[tuple[str, str]] = []
    for rows in _batches(source.queryset().iterator(chunk_size=_BATCH)):
        planned = [(row, source.plan(row)) for row in rows]
        plans = [plan for _, plan in planned]
        seen.update(plan.key for plan in plans)
        refused += [(f"{source.name} {plan.key}", plan.problem) for plan in plans if plan.problems]
        outdated = {plan.key for plan in actions.outdated(plans)}
        versions += _publish(source, {row.pk: (row, plan) for row, plan in planned if plan.key in outdated})
    gone = actions.keys_of(source.name) - seen
    return Summary(
        rows=len(seen), versions=versions, retired=_retire_gone(source, gone), refused=tuple(refused)
    )


def _publish(source: WorkflowSource[M], planned: Planned[M]) -> int:
    """Publish rows as the database holds them now, by their keys.

    The value that was saved may not be the value that is kept: a text in a date field, an F expression. A
    locked row cannot change between being read and being published.
    """
    if not planned:
        return 0
    with transaction.atomic():
        locked = source.model._base_manager.select_for_update(of=("self",)).filter(pk__in=planned)
        list(locked.order_by("pk").values_list("pk"))
        rows = source.queryset().in_bulk(list(planned))
        plans = [_plan(source, row, planned[key]) for key, row in rows.items()]
        plans += [Plan(source=source.name, key=str(key), id="") for key in planned if key not in rows]
        return actions.publish(plans)


def _plan(source: WorkflowSource[M], row: M, planned: tuple[M, Plan] | None) -> Plan:
    """Return the plan of a row: the one that was made, while the row is what it was then."""
    if planned is not None and _values(planned[0]) == _values(row):
        return planned[1]
    return source.plan(row)


def _values(row: Model) -> dict[str, Any]:
    names = {field.attname for field in row._meta.concrete_fields}
    return {name: value for name, value in vars(row).items() if name in names}


def _retire_gone(source: WorkflowSource[M], keys: set[str]) -> int:
    """Retire rows that are gone, but not those that came after the rows were listed."""
    if not keys:
        return 0
    with transaction.atomic():
        parse = source.model._meta.pk.to_python
        rows = source.queryset().filter(pk__in=[parse(key) for key in keys])
        return actions.retire(source.name, keys - {str(pk) for pk in rows.values_list("pk", flat=True)})


def _batches(rows: Iterator[M]) -> Iterator[list[M]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch


def _of(model: type[Model]) -> list[WorkflowSource[Any]]:
    """Return the sources of a model, also when it is a proxy or a child of theirs."""
    concrete = {model._meta.concrete_model, *model._meta.all_parents}
    return [source for source in _sources.values() if source.model._meta.concrete_model in concrete]


def _on_save(sender: type[Model], instance: Model, **_: Any) -> None:
    publish_row(instance)


def _on_delete(sender: type[Model], instance: Model, **_: Any) -> None:
    for source in _of(sender):
        actions.retire(source.name, [str(instance.pk)])
