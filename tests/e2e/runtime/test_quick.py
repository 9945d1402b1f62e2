"""Four of the cases on the stack that this session runs anyway; all of them are in test_survival."""

import pytest
from tests.e2e.runtime.survival import begun, ends, once_more, unruly, until_bred, warm_of
from tests.e2e.workflows.site import Site

pytestmark = pytest.mark.timeout(300)


def test_what_a_step_leaves_ends_with_it(site: Site) -> None:
    run = begun(site, unruly("breed"))
    ends(site, run, "success")


def test_a_killed_child_is_tried_again(site: Site) -> None:
    run = begun(site, unruly("leave_hard", kwargs={"status": 3}, retry=once_more()))
    log = ends(site, run, "failed", attempt=2)
    assert log.count("ended with exit status 3") >= 2


def test_a_killed_warm_process_loses_its_steps_and_is_replaced(site: Site) -> None:
    run = begun(site, unruly("breed", kwargs={"hang": True}))
    warm = warm_of(until_bred(site, run))
    warm.kill()
    log = ends(site, run, "failed")
    assert "the warm process went away" in log
    ends(site, begun(site, unruly("breed")), "success")


def test_a_result_of_50_megabytes_is_refused_with_advice(site: Site) -> None:
    log = ends(site, begun(site, unruly("weigh", kwargs={"megabytes": 50})), "failed")
    assert "put it into a table or a file and return its key" in log
