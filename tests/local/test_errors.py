import pytest

from windsock.errors import WindsockError
from windsock.local import errors


@pytest.mark.parametrize("kind", errors.LocalError.__subclasses__())
def test_every_error_has_a_message_for_people(kind: type[errors.LocalError]) -> None:
    assert issubclass(kind, WindsockError)
    assert str(kind()) == kind.__doc__
