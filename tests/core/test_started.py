"""A worker that is forked later has the variables of the process that forks it, since then."""

import os

from windsock import started
from windsock.warm.origin import Variables


def test_who_is_forked_has_had_its_variables_as_long_as_its_parent() -> None:
    if (pid := os.fork()) == 0:
        os._exit(Variables.of({}).since != started.SINCE)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
