"""What the published Poetry operator does at every run: lock, install, run a script, exchange pickles.

It is written anew and repaired as far as that is needed to run at all: Poetry is there already, its
environment file is not read, the function's value is returned, a command that fails fails the task.
"""

import os
import pickle
import uuid
from pathlib import Path
from typing import Any

from airflow.exceptions import AirflowException
from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import DAG, BaseOperator

SCRIPT = """\
import pickle
import sys

import django

django.setup()

from {module} import {function}

with open(sys.argv[1], "rb") as given:
    arguments = pickle.load(given)
value = {function}(*arguments["args"], **arguments["kwargs"])
with open(sys.argv[2], "wb") as result:
    pickle.dump(value, result)
"""


class PerRunPoetryOperator(BaseOperator):
    """Locks and installs a Poetry project, then calls one of its functions, each time."""

    def __init__(
        self, *, project: Path, module: str, function: str, op_kwargs: dict[str, Any], **rest: Any
    ) -> None:
        super().__init__(**rest)
        self.project = project
        self.module = module
        self.function = function
        self.op_kwargs = op_kwargs

    def execute(self, context: Any) -> Any:
        """Write the files, run the commands, read the result, remove the files."""
        given, result, script = (
            self.project / f"{uuid.uuid4()}.{ending}" for ending in ("in", "out", "script.py")
        )
        given.write_bytes(pickle.dumps({"args": [], "kwargs": self.op_kwargs}))
        script.write_text(SCRIPT.format(module=self.module, function=self.function))
        self._run("poetry --help")
        self._run(
            f"cd {self.project} && poetry lock && poetry install && "
            f"poetry run python3 {script} {given} {result}"
        )
        value = pickle.loads(result.read_bytes())
        for file in (given, result, script):
            file.unlink()
        return value

    def _run(self, command: str) -> None:
        done = SubprocessHook().run_command(["bash", "-c", command], env=os.environ.copy())
        if done.exit_code:
            raise AirflowException(f"{command!r} ended with code {done.exit_code}")


with DAG("published", schedule=None, max_active_runs=500, is_paused_upon_creation=False) as dag:
    PerRunPoetryOperator(
        task_id="read",
        project=Path(os.environ["BENCH_PROJECTS"], "published"),
        module="shop.reading",
        function="read",
        op_kwargs={"key": 1},
    )
