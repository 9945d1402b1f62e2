"""The record is there before anything is sent, however slow its INSERT is."""

import pytest
from tests.e2e.faults.conftest import Tell
from tests.e2e.faults.site import Site

SLOW = """
    CREATE FUNCTION take_five() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(0.005); RETURN NEW; END';
    CREATE TRIGGER take_five BEFORE INSERT ON windsock_taskrun FOR EACH ROW EXECUTE FUNCTION take_five()
"""


@pytest.mark.parametrize("requests", [40, pytest.param(200, marks=pytest.mark.full)])
@pytest.mark.usefixtures("worker", "relay")
def test_a_slow_insert_loses_nothing(site: Site, tell: Tell, requests: int) -> None:
    site.sql(SLOW)
    try:
        load = site.create_users(requests)
        answers = load.answers()
        accepted = [answer.task_id for answer in answers if answer.status == 202]
        ends = site.ended(accepted)
    finally:
        site.sql("DROP TRIGGER take_five ON windsock_taskrun; DROP FUNCTION take_five")

    attempts = {row["attempt"] for row in site.rows(accepted).values()}
    tell(requests=requests, accepted=len(accepted), ends=ends, users=load.users(answers))
    assert len(accepted) == requests
    assert ends == {"DONE": requests}
    assert load.users(answers) == requests
    assert attempts == {1}
