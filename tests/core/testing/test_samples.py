import inspect
import json

import pytest

from windsock.errors import FailWithoutRetry, Skip
from windsock.testing import samples


def test_every_sample_says_what_it_does() -> None:
    functions = [item for name, item in inspect.getmembers(samples, inspect.isfunction) if name[0] != "_"]
    assert all(function.__doc__ for function in functions if function.__module__ == samples.__name__)


def test_echo_and_large_give_what_was_asked_for() -> None:
    assert samples.echo(1, a=2) == {"args": [1], "kwargs": {"a": 2}}
    assert len(samples.large(1000)) == 1000


@pytest.mark.parametrize(
    ("sample", "error"),
    [
        (samples.boom, ValueError),
        (samples.fail_for_good, FailWithoutRetry),
        (samples.skip, Skip),
        (samples.broken_set_up, RuntimeError),
    ],
)
def test_what_raises_raises(sample: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        sample()  # type: ignore[operator]


def test_what_json_cannot_hold_it_cannot_hold() -> None:
    with pytest.raises(TypeError):
        json.dumps(samples.unjsonable())
