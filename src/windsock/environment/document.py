"""An environment as JSON, as a connection or a setting holds it.

``{"in_process": true}``, ``{"python": path}``, ``{"venv": folder}``, ``{"poetry": folder, "install": true,
"install_poetry": true}`` or ``{"uv": folder, "install": true}``.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from windsock.environment.interpreter import Environment, InProcess, Interpreter, Venv
from windsock.environment.poetry import Poetry
from windsock.environment.uv import Uv
from windsock.errors import WireError

_KINDS: dict[str, Callable[..., Environment]] = {
    "python": Interpreter,
    "venv": Venv,
    "poetry": Poetry,
    "uv": Uv,
}
_EXAMPLE = '{"venv": "/srv/shop/.venv"}'
_OPTIONS = {"poetry": frozenset({"install", "install_poetry"}), "uv": frozenset({"install"})}


def from_json(data: Mapping[str, Any]) -> Environment:
    """Read an environment.

    Raises:
        WireError: it names none, or more than one, or an option that is not known; the message names it.
    """
    if not isinstance(data, Mapping):
        raise WireError(f"environment: expected an object such as {_EXAMPLE}, not {type(data).__name__}")
    if dict(data) == {"in_process": True}:
        return InProcess()
    kinds = [kind for kind in _KINDS if kind in data]
    if len(kinds) != 1:
        raise WireError(f"environment: name one of in_process, {', '.join(_KINDS)}, such as {_EXAMPLE}")
    kind = kinds[0]
    path, options = data[kind], {name: value for name, value in data.items() if name != kind}
    if not isinstance(path, str) or not path:
        raise WireError(f"environment.{kind}: expected a path")
    for name, value in options.items():
        if name not in _OPTIONS.get(kind, ()):
            raise WireError(f"environment.{name}: is not known for {kind}")
        if not isinstance(value, bool):
            raise WireError(f"environment.{name}: expected true or false")
    return _KINDS[kind](path, **options)


def to_json(environment: Environment) -> dict[str, Any]:
    """Return the JSON object of an environment.

    Raises:
        TypeError: it is none of Windsock's own.
    """
    match environment:
        case InProcess():
            return {"in_process": True}
        case Interpreter(path):
            return {"python": os.fspath(path)}
        case Venv(path):
            return {"venv": os.fspath(path)}
        case Poetry(path, install, install_poetry):
            return {"poetry": os.fspath(path)} | _set(install=install, install_poetry=install_poetry)
        case Uv(path, install):
            return {"uv": os.fspath(path)} | _set(install=install)
    raise TypeError(f"{type(environment).__name__} has no JSON form; use Interpreter, Venv, Poetry or Uv")


def _set(**options: bool) -> dict[str, bool]:
    return {name: True for name, value in options.items() if value}
