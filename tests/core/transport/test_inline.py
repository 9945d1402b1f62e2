from datetime import timedelta

import pytest

from windsock.call import Call
from windsock.errors import TransportError
from windsock.testing import TransportSuite
from windsock.transport import Inline, Transport


class TestInline(TransportSuite):
    def make_transport(self) -> Transport:
        return Inline()

    def test_it_refuses_a_time_limit_that_it_cannot_hold(self) -> None:
        with pytest.raises(TransportError, match="use Subprocess or Warm"):
            Inline().send(Call(function="builtins.print"), timeout=timedelta(seconds=1))
