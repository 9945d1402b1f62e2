"""Airflow's live processes: none can import Django, and parsing asks nobody for anything."""

import signal
from pathlib import Path

import psutil
import pytest
from tests.e2e.workflows.site import Site, hold, note, shard, waited

from windsock.workflow import Workflow

pytestmark = pytest.mark.timeout(240)

PARTS = ("airflow-api", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
CONTROL = {"event": "socket.connect", "what": "('this very module',)"}


def listens(process: psutil.Process) -> bool:
    """Whether a process has the handler; to any other one the signal would be the end."""
    (caught,) = (
        line.split()[1]
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
        if line.startswith("SigCgt:")
    )
    return bool(int(caught, 16) >> (signal.SIGUSR1 - 1) & 1)


def ask(site: Site, process: psutil.Process) -> dict[str, object]:
    """Have a live process try to import Django where it stands; return what came of it."""
    before = len(site.notes("import").get(process.pid, []))
    process.send_signal(signal.SIGUSR1)
    answers = waited(
        lambda: found if len(found := site.notes("import").get(process.pid, [])) > before else None,
        say=lambda: f"{process} says nothing",
    )
    return dict(answers[-1])


def test_no_live_process_of_airflow_can_import_django(site: Site) -> None:
    with site.held() as held:
        id = site.name("isolated")
        site.publish(Workflow(id=id, steps=(hold("only", held.number),)))
        run = site.start(id)
        site.until_begun(run, "only")
        # A worker of the executor is in the middle of a Django step now.
        parts = site.status()["parts"]
        processes = [psutil.Process(parts[part]["pid"]) for part in PARTS]
        children = [child for process in processes for child in process.children(recursive=True)]
        asked = [*processes, *(child for child in children if listens(child))]
        answers = {process.pid: ask(site, process) for process in asked}
        held.release()

    assert site.until_ended(run) == "DONE", site.say(run)
    workers = [answer for answer in answers.values() if "LocalExecutor" in str(answer["command"])]
    assert [worker for worker in workers if "<idle>" not in str(worker["command"])], workers
    assert [each for each in answers.values() if each["outcome"] != "ModuleNotFoundError"] == []
    assert [each for each in answers.values() if each["loaded"]] == []


def test_parsing_opens_no_connection_and_cannot_import_django(site: Site) -> None:
    id = site.name("parsed")
    site.publish(Workflow(id=id, steps=(note("only"),)))

    parses = [notes for notes in site.notes("parse").values() if notes[0]["what"] == shard(id)]
    assert parses
    for notes in parses:
        assert notes[0] == {"event": "shard", "what": shard(id), "outcome": "ModuleNotFoundError"}
        assert notes[1:] == [CONTROL]  # which shows that a connection would have been noted
