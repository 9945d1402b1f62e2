"""Server-sent events: what changed in the record, told to whoever may see it."""

from windsock.django.events.announcing import announce

__all__ = ["announce"]
