"""The form of an editable workflow, all but its steps; problems are told at their fields."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError

from windsock.django import tasks
from windsock.django.actions import definitions
from windsock.django.admin.fields import JsonField, WordsField, within
from windsock.django.definition_rows import FIELDS, field_of, value_of
from windsock.django.models import WorkflowDefinition
from windsock.errors import InvalidWorkflow
from windsock.workflow import Problem, Step


class WorkflowForm(forms.ModelForm):  # type: ignore[type-arg]
    """All of a workflow but its steps."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    timezone = forms.ChoiceField(label="Time zone", help_text="In which cron expressions are read.")
    tags = WordsField(lines=True, help_text="One a line.")
    notify = WordsField(lines=True, help_text="E-mail addresses that are told when a run fails, one a line.")
    params = JsonField(
        kind=dict,
        indent=2,
        rows=6,
        help_text="What a run may be given, with its JSON schema: "
        '{"day": {"default": "today", "schema": {"type": "string"}, "description": "Which day"}}',
    )

    class Meta:
        model = WorkflowDefinition
        fields = "__all__"  # noqa: DJ007 -- the admin names them
        widgets = {  # noqa: RUF012
            "cron": forms.Textarea(attrs={"rows": 2, "cols": 40, "spellcheck": "false"}),
            "description": forms.Textarea(attrs={"rows": 2, "cols": 60}),
        }
        help_texts = {  # noqa: RUF012
            "id": "Letters, digits, dots, dashes and underscores. It cannot be changed later.",
            "every": "days hours:minutes:seconds, such as 0:15:00 or 1 00:00:00",
            "start": "No run before it; needed by all that run by themselves. In the server's time zone.",
            "catchup": "Also run what lies between the start and now.",
            "max_active_runs": "1 to 1000; further runs wait.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.instance if self.instance.pk and not self.instance._state.adding else None
        self.stored_at = stored.updated_at.isoformat() if stored else ""
        if "seen" in self.fields:
            self.fields["seen"].initial = self.stored_at
        if "timezone" in self.fields:
            self.fields["timezone"].initial = self.instance.timezone
            self.fields["timezone"].choices = [(zone, zone) for zone in _zones(self.instance.timezone)]  # type: ignore[attr-defined]

    def clean_description(self) -> str:
        """Return the text with the ends of lines that it has elsewhere; browsers send others."""
        return str(self.cleaned_data["description"]).replace("\r\n", "\n")

    def clean_seen(self) -> str:
        """Refuse to overwrite what somebody else saved meanwhile."""
        seen = str(self.cleaned_data["seen"])
        if seen and seen != self.stored_at:
            who = self.instance.updated_by or "Somebody"
            raise ValidationError(
                f"{who} changed this workflow meanwhile. Open it once more and repeat your change there."
            )
        return seen

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if "params" in self.errors:
            self.instance.params = None
        for path, message in self._problems():
            field, inner = field_of(path, FIELDS)
            if field in self.fields and field not in self.errors:
                self.add_error(field, within(inner, message))
            elif not path.startswith("steps") and not field:
                self.add_error(None, f"{path}: {message}")

    def _problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with all but the steps, for which a sound one stands in."""
        step = Step(name="step", task=next(iter(tasks.registered()), ""))
        try:
            workflow = value_of(self.instance, ())
        except InvalidWorkflow as error:
            return error.problems
        taken = definitions.id_problems(workflow.id) if self.instance._state.adding else ()
        return (*taken, *definitions.problems(replace(workflow, steps=(step,))))


@cache
def _all_zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def _zones(current: str) -> Iterable[str]:
    return _all_zones() if current in _all_zones() else (current, *_all_zones())
