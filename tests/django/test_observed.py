from dataclasses import FrozenInstanceError

import pytest

from windsock.django.observed import Served


def test_what_was_seen_stays_as_it_was_seen() -> None:
    served = Served(revision=1, digest="", is_stale=False, file_token="x")

    with pytest.raises(FrozenInstanceError):
        served.revision = 2  # type: ignore[misc]
