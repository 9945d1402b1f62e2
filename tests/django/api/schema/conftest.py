from typing import Any

import pytest

from windsock.django.api.schema import document


@pytest.fixture
def made() -> Any:
    """The document of the library's own addresses."""
    return document.document()


@pytest.fixture
def made_of_project(settings: Any) -> Any:
    """The document of a project with views of its own."""
    settings.ROOT_URLCONF = "tests.django.api.schema.project"
    return document.document()
