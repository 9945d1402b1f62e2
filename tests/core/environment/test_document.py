from pathlib import Path
from typing import Any

import pytest

from windsock.environment import (
    Environment,
    InProcess,
    Interpreter,
    Poetry,
    Uv,
    Venv,
    from_json,
    to_json,
)
from windsock.errors import WireError


@pytest.mark.parametrize(
    ("environment", "document"),
    [
        (InProcess(), {"in_process": True}),
        (Interpreter("/usr/bin/python3"), {"python": "/usr/bin/python3"}),
        (Venv("/srv/shop/.venv"), {"venv": "/srv/shop/.venv"}),
        (Poetry("/srv/shop"), {"poetry": "/srv/shop"}),
        (Poetry("/srv/shop", install=True), {"poetry": "/srv/shop", "install": True}),
        (
            Poetry("/srv/shop", install=True, install_poetry=True),
            {"poetry": "/srv/shop", "install": True, "install_poetry": True},
        ),
        (Uv("/srv/shop"), {"uv": "/srv/shop"}),
        (Uv("/srv/shop", install=True), {"uv": "/srv/shop", "install": True}),
    ],
)
def test_each_environment_has_a_json_form_both_ways(
    environment: Environment, document: dict[str, Any]
) -> None:
    assert to_json(environment) == document
    assert from_json(document) == environment


def test_an_option_may_be_said_to_be_off() -> None:
    assert from_json({"uv": "/srv/shop", "install": False}) == Uv("/srv/shop")


def test_a_path_object_becomes_text() -> None:
    assert to_json(Venv(Path("/srv/shop/.venv"))) == {"venv": "/srv/shop/.venv"}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "name one of in_process, python, venv, poetry, uv"),
        ({"in_process": False}, "name one of in_process"),
        ({"in_process": True, "install": True}, "name one of in_process"),
        ({"venv": "/a", "poetry": "/b"}, "name one of"),
        ({"conda": "/a"}, "name one of"),
        ({"venv": 3}, "environment.venv: expected a path"),
        ({"poetry": ""}, "environment.poetry: expected a path"),
        ({"poetry": "/a", "install": "yes"}, "environment.install: expected true or false"),
        ({"venv": "/a", "install": True}, "environment.install: is not known for venv"),
        ({"uv": "/a", "install_poetry": True}, "environment.install_poetry: is not known for uv"),
        ("/srv/shop", "expected an object such as .*not str"),
    ],
)
def test_what_names_no_environment_is_refused_by_its_place(document: Any, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        from_json(document)


def test_an_environment_of_somebody_elses_has_no_json_form() -> None:
    class Other:
        def python(self) -> Path:
            return Path("/usr/bin/python3")

    with pytest.raises(TypeError, match="Other has no JSON form"):
        to_json(Other())
