import json
import sys
from dataclasses import replace
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from windsock.local import addresses, plan, surroundings
from windsock.local.errors import LocalError
from windsock.local.parts import Plan
from windsock.local.plan import Stack
from windsock.local.project import Project
from windsock.local.state import State
from windsock.local.status import PARTS


def stack(project: Project, state: State, **environ: str) -> Stack:
    return Stack(
        project=project,
        state=state,
        addresses=addresses.choose(state, environ),
        superuser=surroundings.superuser(project, state, environ),
        environ=environ,
    )


def order(made: Plan) -> list[str]:
    graph = {each.name: set(each.after) for each in made.steps}
    graph |= {each.name: set(each.after) for each in made.parts}
    return list(TopologicalSorter(graph).static_order())


def test_all_parts_have_the_names_that_scripts_know(project: Project, state: State) -> None:
    made = plan.build(stack(project, state))
    assert {each.name for each in made.parts} == set(PARTS)
    assert made.external == ()


def test_every_dependency_is_in_the_plan_and_there_is_no_circle(project: Project, state: State) -> None:
    made = plan.build(stack(project, state))
    names = {each.name for each in made.parts} | {each.name for each in made.steps}
    assert set(order(made)) == names


def test_storage_stops_last_and_nothing_else(project: Project, state: State) -> None:
    made = plan.build(stack(project, state))
    assert {each.name for each in made.parts if each.stops_last} == {"postgres", "valkey"}


def test_what_the_caller_brings_is_external(project: Project, state: State) -> None:
    given = {
        "DATABASE_URL": "postgresql://db.example/shop",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://db.example/airflow",
        "CELERY_BROKER_URL": "redis://mq.example/0",
    }
    made = plan.build(stack(project, state, **given))
    assert made.external == ("postgres", "valkey")
    assert not {"postgres", "valkey"} & {each.name for each in made.parts}
    assert not {"cluster", "databases"} & {each.name for each in made.steps}


def test_each_start_of_a_worker_forgets_the_last_ones_mark(project: Project, state: State) -> None:
    made = plan.build(stack(project, state))
    worker = next(each for each in made.parts if each.name == "worker")
    mark = Path(worker.command().environment["WINDSOCK_READY_FILE"])
    mark.touch()
    assert worker.ready(0)
    worker.command()
    assert not worker.ready(0)


def test_airflows_secrets_reach_airflow_only(project: Project, state: State) -> None:
    commands = {each.name: each.command() for each in plan.build(stack(project, state)).parts}
    for name, command in commands.items():
        has = state.secrets()["jwt_secret"] in command.environment.values()
        assert has is name.startswith("airflow"), name


def bootstrapping(project: Project, tmp_path: Path, code: str) -> Project:
    """A project whose interpreter is a script."""
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\nimport json, os\n{code}\n")
    python.chmod(0o755)
    return replace(project, python=python)


def test_the_bootstrap_gets_the_superuser_and_leaves_the_token(
    project: Project, state: State, tmp_path: Path
) -> None:
    code = (
        "print('migrating')\n"
        "print(json.dumps({'token': 'for ' + os.environ['DJANGO_SUPERUSER_USERNAME'], 'published': 1}))"
    )
    plan.bootstrap(stack(bootstrapping(project, tmp_path, code), state))
    assert state.read_text("token") == "for admin"
    assert state.token_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("code", ["print('no object')", "", "print('{}')", f"print({json.dumps('[1]')!r})"])
def test_a_bootstrap_without_its_object_is_an_error(
    project: Project, state: State, tmp_path: Path, code: str
) -> None:
    with pytest.raises(LocalError, match="JSON object"):
        plan.bootstrap(stack(bootstrapping(project, tmp_path, code), state))
