"""The stack of this session for what is quick, and one whose project can be broken."""

import os
import shutil
from collections.abc import Iterator

import pytest
from tests.e2e.runtime.survival import PROJECT
from tests.e2e.stack.running import copy_of_example, running
from tests.e2e.workflows.conftest import IMPATIENT
from tests.e2e.workflows.conftest import site as site
from tests.e2e.workflows.site import HERE, Site, opened, variables

RULES = HERE / "project"


@pytest.fixture(scope="session")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A stack of its own, with a copy of the project that can be edited and broken."""
    folder = copy_of_example(tmp_path_factory.mktemp("fragile"))
    shutil.copytree(PROJECT, folder / "unruly_project", ignore=shutil.ignore_patterns("__pycache__"))
    path = os.pathsep.join(map(str, (folder / "unruly_project", RULES)))
    given = variables() | IMPATIENT | {"PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "unruly_settings"}
    with running(folder, given) as stack, opened(stack) as site:
        yield site
