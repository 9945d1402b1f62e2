"""The rules' settings under a name of their own, so that they can be broken."""

from rules_settings import *  # noqa: F403
