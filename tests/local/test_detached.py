import io
from dataclasses import replace

from windsock.local import detached
from windsock.local.console import Screen, Terminal
from windsock.local.project import Project
from windsock.local.state import State


def test_a_start_that_fails_in_the_background_is_told_in_the_foreground(
    project: Project, state: State, clean_environ: None
) -> None:
    output = io.StringIO()
    screen = Screen(Terminal(file=output, width=100, soft_wrap=True, highlight=False))
    nowhere = replace(project, state=state.folder, airflow_environment=project.root / "no" / "such" / "env")
    broken = replace(nowhere, python=project.root / "no-python")
    assert detached.start(broken, state, screen) == 1
    assert "windsock up failed" in output.getvalue()
