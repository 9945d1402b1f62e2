"""The example with an application whose rows are whole workflows."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as APPS_OF_THE_EXAMPLE

INSTALLED_APPS = [*APPS_OF_THE_EXAMPLE, "rules", "unruly"]
