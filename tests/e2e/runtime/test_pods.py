"""Steps run where KubernetesExecutor runs tasks: each in a process that gets its workload as JSON."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.runtime.survival import ends, log, once_more, unruly
from tests.e2e.stack.running import ROOT, copy_of_example, running
from tests.e2e.workflows.site import PROJECTS, Run, Site, note, opened, variables

from windsock.workflow import Step, Workflow

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]
PODS = Path(__file__).parent / "pods"
FALLBACK = "No coordinator takes tasks of the queue 'plain'"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A stack where the queue of the steps has a coordinator, and the queue ``plain`` has none."""
    folder = copy_of_example(tmp_path_factory.mktemp("pods"))
    given = variables() | {
        "PYTHONPATH": os.pathsep.join(map(str, (*PROJECTS, PODS))),
        "AIRFLOW__CORE__EXECUTOR": "pods.PodExecutor",
        "AIRFLOW__WINDSOCK__DIRECTORY": str(folder),
        "AIRFLOW__WINDSOCK__ENVIRONMENT": json.dumps({"venv": str(ROOT / ".venv")}),
        "AIRFLOW__WINDSOCK__SETTINGS": "windsock_local_settings",
    }
    with running(folder, given) as stack, opened(stack) as site:
        yield site


def started(site: Site, step: Step) -> Run:
    id = site.name("pod")
    site.publish(Workflow(id=id, steps=(step,)))
    return site.start(id)


def test_a_coordinator_runs_the_step(site: Site) -> None:
    run = started(site, note("only", word="here"))
    ends(site, run, "success")
    assert "Running rules.tasks.note in process" in log(site, run)
    assert FALLBACK not in log(site, run)


def test_without_one_the_step_runs_all_the_same(site: Site) -> None:
    run = started(site, note("only", word="there", queue="plain"))
    ends(site, run, "success")
    assert FALLBACK in log(site, run)


@pytest.mark.parametrize("queue", ["windsock", "plain"])
def test_a_step_that_dies_is_tried_again(site: Site, queue: str) -> None:
    step = unruly("leave_hard", kwargs={"status": 3}, retry=once_more(), queue=queue)
    assert "ended with exit status 3" in ends(site, started(site, step), "failed", attempt=2)
