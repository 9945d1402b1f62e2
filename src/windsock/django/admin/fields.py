"""Form fields for lists and JSON, which people type as text."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class JsonField(forms.JSONField):
    """JSON of one kind, laid out for reading."""

    def __init__(self, *, kind: type, indent: int | None = None, rows: int = 1, **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": rows, "cols": 24, "spellcheck": "false"})
        super().__init__(required=False, widget=widget, **options)
        self.kind, self.indent = kind, indent

    def prepare_value(self, value: Any) -> Any:
        """Return the text that is edited; nothing for what is empty."""
        if value is None or value == self.kind():
            return ""
        if isinstance(value, self.kind):
            return json.dumps(value, ensure_ascii=False, indent=self.indent)
        return super().prepare_value(value)

    def clean(self, value: Any) -> Any:
        """Return data of the kind; an empty text is an empty list or object."""
        data = super().clean(value.strip() if isinstance(value, str) else value)
        if data is None:
            return self.kind()
        if not isinstance(data, self.kind):
            example = '["a", 1]' if self.kind is list else '{"key": "value"}'
            raise ValidationError(f"Give a JSON {'list' if self.kind is list else 'object'}: {example}")
        return data

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Tell whether the text says something else; an empty text says that there is nothing."""
        return super().has_changed(initial or None, data)


class WordsField(forms.CharField):
    """A list of texts, split at spaces and commas or at the ends of lines."""

    def __init__(self, *, lines: bool = False, **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 2, "cols": 40}) if lines else forms.TextInput()
        super().__init__(required=False, widget=widget, **options)
        self.lines = lines

    def prepare_value(self, value: Any) -> Any:
        """Return the text that is edited."""
        return ("\n" if self.lines else " ").join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return the list."""
        text = super().to_python(value) or ""
        words = text.splitlines() if self.lines else text.replace(",", " ").split()
        return [word.strip() for word in words if word.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Tell whether the list is another one."""
        return bool(self.to_python(data) != (initial or []))


def within(inner: str, message: str) -> str:
    """Name the place within a field in front of what is wrong there, unless it is a mere number in a list."""
    return message if not inner or inner.isdigit() else f"{inner}: {message}"
