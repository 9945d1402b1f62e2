"""What a task returns, raises and reports, however unfit it is."""

from collections.abc import Iterator

import psutil
import pytest
from tests.e2e.faults.conftest import Tell
from tests.e2e.faults.processes import Process, waited
from tests.e2e.faults.site import Site

pytestmark = pytest.mark.usefixtures("worker", "relay")


@pytest.fixture(scope="module")
def worker(site: Site) -> Iterator[Process]:
    with site.worker(1) as process:
        yield process


def test_progress_of_a_long_transaction_is_seen_and_stays(site: Site, tell: Tell) -> None:
    with site.lock(2):
        (task,) = site.enqueue("fail_in_its_transaction", lock=2)
        meanwhile = waited(lambda: (said := site.task(task))["progress"] == 30 and said)
        assert meanwhile["status"] == "PROCESSING"
        assert site.traces([task]) == []
    site.ended([task])

    said = site.task(task)
    tell(
        progress_meanwhile=meanwhile["progress"], progress_at_the_end=said["progress"], status=said["status"]
    )
    assert (said["status"], said["progress"]) == ("FAILED", 70)
    assert said["result"] == {"success": False, "message": "rolled back", "errors": {}, "progress": 70}
    assert site.traces([task]) == []


@pytest.mark.parametrize(
    ("task", "kwargs", "words"),
    [
        ("return_an_object", {}, ("cannot be kept as JSON", "timedelta")),
        ("return_nan", {}, ("cannot be kept as JSON",)),
        ("raise_the_unpicklable", {}, ("it holds a function",)),
        ("return_much", {"megabytes": 30}, ("the limit", "262144", "return its key")),
        pytest.param(
            "return_much",
            {"megabytes": 300},
            ("the limit", "262144", "return its key"),
            marks=pytest.mark.full,
        ),
    ],
)
def test_what_cannot_be_kept_fails_clearly_and_the_worker_lives_on(
    site: Site, worker: Process, tell: Tell, task: str, kwargs: dict[str, int], words: tuple[str, ...]
) -> None:
    ids = [*site.enqueue(task, **kwargs), *site.enqueue("note")]
    ends = site.ended(ids)
    memory = sum(each.memory_info().rss for each in psutil.Process(worker.pid).children(recursive=True))

    said = site.task(ids[0])
    traces = site.traces(ids)
    tell(message=said["result"]["message"], worker_megabytes_afterwards=memory >> 20)
    assert ends == {"FAILED": 1, "DONE": 1}
    assert said["result"]["success"] is False
    assert all(word in said["result"]["message"] for word in words)
    assert [task for task, _, _ in traces] == ids
    assert len({pid for _, _, pid in traces}) == 1
