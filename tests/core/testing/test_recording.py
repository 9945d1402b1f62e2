from datetime import timedelta

from windsock.call import Call
from windsock.testing import Recording
from windsock.transport import Transport


def test_it_remembers_calls_and_limits() -> None:
    transport = Recording()
    call = Call(function="shop.tasks.sync", args=(1,))
    assert transport.send(call, timeout=timedelta(seconds=5)).value is None
    assert (transport.calls, transport.timeouts) == ([call], [timedelta(seconds=5)])


def test_it_answers_with_a_function_that_stands_in() -> None:
    transport = Recording(functions={"shop.tasks.half": lambda a: a / 2})
    assert transport.send(Call(function="shop.tasks.half", args=(3,))).value == 1.5
    failure = transport.send(Call(function="shop.tasks.half", args=("x",))).failure
    assert failure is not None
    assert failure.exception == "builtins.TypeError"


def test_it_is_a_transport() -> None:
    transport: Transport = Recording()
    assert transport
