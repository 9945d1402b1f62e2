"""The relay: the one process that repairs what was not sent, not ended or not seen."""

from windsock.django.relay.duty import Duty, wake

__all__ = ["Duty", "wake"]
