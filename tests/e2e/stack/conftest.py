"""Ways to look into the parts of the running stack."""

import os
from collections.abc import Callable

import psutil
import pytest
from tests.e2e.stack.running import ROOT, Stack


@pytest.fixture
def environment_of(stack: Stack) -> Callable[[str], tuple[str, dict[str, str]]]:
    """Return the interpreter and the environment of a running part; its title may hide its command."""

    def look(part: str) -> tuple[str, dict[str, str]]:
        folder = ".venv-airflow" if part.startswith("airflow") else ".venv"
        environment = psutil.Process(stack.status["parts"][part]["pid"]).environ()
        return str(ROOT / folder / "bin/python"), {**environment, "PATH": os.environ["PATH"]}

    return look
