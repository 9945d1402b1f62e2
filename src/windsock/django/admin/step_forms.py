"""The table of an editable workflow's steps; each problem is told at its row."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.formsets import DELETION_FIELD_NAME
from django.forms.models import BaseInlineFormSet

from windsock.django import tasks
from windsock.django.actions import definitions
from windsock.django.admin.fields import JsonField, WordsField, within
from windsock.django.definition_rows import STEP_FIELDS, field_of, value_of
from windsock.django.models import StepDefinition
from windsock.errors import InvalidWorkflow
from windsock.workflow import Param, Problem, Workflow

#: Fields of a step that have a column; the others stand under "More".
USUAL = ("name", "task", "args", "kwargs", "after")
RARE = (
    "retries",
    "retry_delay",
    "retry_backoff",
    "retry_max_delay",
    "timeout",
    "trigger_rule",
    "group",
    "pool",
    "priority",
    "queue",
    "depends_on_past",
    "teardown",
)
_DURATION = "hours:minutes:seconds, such as 0:05:00"


class StepForm(forms.ModelForm):  # type: ignore[type-arg]
    """One step."""

    task = forms.ChoiceField(label="Task")
    args = JsonField(kind=list, label="Arguments", help_text='A list: ["a", "{{ params.day }}"]')
    kwargs = JsonField(
        kind=dict, label="Keyword arguments", help_text='An object: {"rows": "{{ results.fetch }}"}'
    )
    after = WordsField(label="After", help_text="Names of the steps that come before, with spaces between.")

    class Meta:
        model = StepDefinition
        fields = (*USUAL, *RARE)
        help_texts = {  # noqa: RUF012
            "retries": "Further tries after the first.",
            "retry_delay": _DURATION,
            "retry_backoff": "Double the delay at each further try.",
            "retry_max_delay": _DURATION,
            "timeout": f"Of one try; {_DURATION}.",
            "group": 'Where graphs draw it: "load" or "load.files".',
            "queue": "Empty: the project's own.",
            "depends_on_past": "Wait for the same step of the run before.",
            "teardown": "Runs also when steps before it failed.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "task" in self.fields:
            self.fields["task"].choices = _tasks(self.instance.task)  # type: ignore[attr-defined]
        for name in USUAL:
            if name in self.fields:
                self.fields[name].widget.attrs["aria-label"] = self.fields[name].label

    def clean(self) -> None:
        """Leave what concerns several steps, such as their names, to the formset."""

    @property
    def rare(self) -> str:
        """What this step says beside its columns, in short."""
        fields = {field.name: field for field in StepDefinition._meta.fields}
        differing = [name for name in RARE if getattr(self.instance, name) != fields[name].get_default()]
        return ", ".join(
            _told(str(fields[name].verbose_name), getattr(self.instance, name)) for name in differing
        )


class StepFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    """The table of steps, checked as a whole."""

    def lines(self) -> list[Any]:
        """Return the forms of the steps that shall be there, in their order."""
        kept = (form for form in self.forms if not form.cleaned_data.get(DELETION_FIELD_NAME))
        return [form for form in kept if form.instance.pk or form.has_changed()]

    def steps(self) -> list[StepDefinition]:
        """Return the steps of the forms."""
        return [form.instance for form in self.lines()]

    def clean(self) -> None:
        """Tell each problem at its step.

        Raises:
            ValidationError: what concerns no single step: there is none, or they run in a circle.
        """
        lines, general = self.lines(), []
        for path, message in self._problems():
            _, _, rest = path.partition(".")
            index, _, place = rest.partition(".")
            if not index:
                general.append(message)
                continue
            form = lines[int(index)]
            field, inner = field_of(place, STEP_FIELDS)
            if field not in form.errors:
                form.add_error(field or None, within(inner, message))
        if general:
            raise ValidationError(general)

    def _problems(self) -> Sequence[Problem]:
        try:
            whole = value_of(self.instance, self.steps())
        except InvalidWorkflow:
            return ()  # The params could not be read: it is told there, and no template can be judged.
        # The schedule has its own form; here it would keep the problems of templates from being found.
        params = {name: Param() for name in whole.params}
        found = definitions.problems(Workflow(id="steps", steps=whole.steps, params=params))
        return [problem for problem in found if problem[0].partition(".")[0] == "steps"]


def _told(label: str, value: Any) -> str:
    return label if value is True else f"{label} {value}"


def _tasks(current: str) -> list[tuple[str, Any]]:
    """Return the registered tasks by their modules, and the one that is chosen though it is gone."""
    paths = sorted(path.rpartition(".")[::2] for path in tasks.registered())
    groups = [
        (module, [(f"{module}.{name}", name) for _, name in names])
        for module, names in groupby(paths, key=lambda path: path[0])
    ]
    gone = [(current, f"{current} (not registered)")] if current and current not in tasks.registered() else []
    return [("", "---------"), *gone, *groups]
