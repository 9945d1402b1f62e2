import io
from pathlib import Path

import pytest
from tests.local.conftest import until
from tests.local.project_api import FakeProject

from windsock.local import addresses, up
from windsock.local.console import Screen, Terminal
from windsock.local.project import Project
from windsock.local.state import State
from windsock.local.status import Phase, Progress, Status


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def screen(output: io.StringIO) -> Screen:
    return Screen(Terminal(file=output, width=100, soft_wrap=True, highlight=False))


def test_the_person_sees_progress_the_first_run_the_table_and_the_logs(
    project: Project, state: State, screen: Screen, output: io.StringIO, api: FakeProject
) -> None:
    addresses.choose(state, {})
    state.write_text("token", "t0k3n\n")
    view = up.Onlooker(project, state, screen, follow=True)
    ready = Status(
        state=Phase.READY,
        web_url=api.url,
        parts={"web": Progress(state=Phase.READY, pid=1, since=0.0, seconds=1.0)},
    )
    view(ready)
    until(lambda: view.shown)
    view(ready)
    state.log("web").write_text("GET /\n")
    view(ready)
    view(Status(state=Phase.STOPPED))
    shown = output.getvalue()
    expected = [
        "web                   ready",
        "No workflow yet",
        "Windsock is up",
        "t0k3n",
        "curl",
        "| GET /",
        "Stop",
    ]
    positions = [shown.index(text) for text in expected[:-1]]
    assert positions == sorted(positions)
    assert "Stopping" in shown


def test_a_failure_is_told_once(project: Project, state: State, screen: Screen, output: io.StringIO) -> None:
    view = up.Onlooker(project, state, screen, follow=True)
    for _ in range(2):
        view(Status(state=Phase.FAILED, message="cluster: no disk"))
    assert output.getvalue().count("cluster: no disk") == 1


def test_surprises_are_other_ports_and_another_place(state: State) -> None:
    chosen = addresses.choose(state, {})
    usual = {"web_port": 8000, "airflow_port": 8080, "database_folder": str(state.folder / "postgres")}
    fields = {name: getattr(chosen, name) for name in chosen.__dataclass_fields__} | usual
    assert up.surprises(state, addresses.Addresses(**fields), {}) == []
    moved = fields | {"web_port": 8001, "database_folder": "/var/tmp/elsewhere/postgres"}
    told = up.surprises(state, addresses.Addresses(**moved), {})
    assert "answers on 8001" in told[0]
    assert "/var/tmp/elsewhere" in told[1]


def test_a_password_of_the_projects_own_is_not_shown(project: Project, state: State) -> None:
    (project.root / ".env").write_text("DJANGO_SUPERUSER_PASSWORD=enigma\n")
    rows = up.summary(project, state, addresses.choose(state, {}))
    assert "enigma" not in str(rows)
    assert rows["Password file"] == str(state.password_file)


def test_what_cannot_be_prepared_is_a_failure_with_a_message(
    project: Project, state: State, screen: Screen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(addresses, "choose", full)
    seen: list[Status] = []
    assert up.supervise(project, state, screen, seen.append, ()) == 1
    assert seen[-1].state is Phase.FAILED
    assert seen[-1].message == "no space left"
