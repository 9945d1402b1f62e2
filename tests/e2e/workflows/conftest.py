"""The stack of this session and a large one of the rules' own."""

from collections.abc import Iterator

import pytest
from tests.e2e.faults.conftest import tell as tell
from tests.e2e.faults.servers import Postgres
from tests.e2e.stack.running import Stack, copy_of_example, running
from tests.e2e.workflows.site import Site, note, opened, variables

from windsock.wire import to_json
from windsock.workflow import Workflow

MANY = 1_000
#: How often Airflow looks for what nobody goes on with; how long it waits for a sign of life is its own.
IMPATIENT = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
}


@pytest.fixture(scope="session")
def site(stack: Stack) -> Iterator[Site]:
    with opened(stack) as site:
        yield site


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A stack with 1,000 workflows, whose project has a database server of its own."""
    folder = tmp_path_factory.mktemp("large")
    postgres = Postgres(folder)
    postgres.start()
    postgres.server.create_database("rules")
    given = variables() | IMPATIENT | {"DATABASE_URL": postgres.server.url("rules")}
    try:
        with running(copy_of_example(folder), given) as stack, opened(stack, postgres) as site:
            fill(site)
            yield site
    finally:
        postgres.forget()


def fill(site: Site) -> None:
    ids = [f"many_{number}" for number in range(MANY)]
    documents = [to_json(Workflow(id=id, steps=(note("only"),))) for id in ids]
    assert site.call("load", documents=documents) == MANY
    site.until_known(*ids, seconds=300)
    served = site.airflow("SELECT count(*) FROM dag WHERE dag_id LIKE 'many_%%' AND NOT is_stale")
    assert served == [(MANY,)]
    site.until_live(ids[0], ids[-1])
