"""Which Python interpreter runs a project, and what its process inherits.

An ``Environment`` names a place where a project's packages are installed; ``python()`` gives the interpreter.
``Poetry`` and ``Uv`` find it from the project's folder, and may install what the lock says before.
"""

from windsock.environment.document import from_json, to_json
from windsock.environment.interpreter import Environment, InProcess, Interpreter, Venv
from windsock.environment.poetry import Poetry
from windsock.environment.uv import Uv
from windsock.environment.variables import child_variables

__all__ = [
    "Environment",
    "InProcess",
    "Interpreter",
    "Poetry",
    "Uv",
    "Venv",
    "child_variables",
    "from_json",
    "to_json",
]
