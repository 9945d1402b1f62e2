"""Orders for the process that saves rows."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class SavingFailed(Exception):
    """The process that saves rows could not do what it was told."""


@dataclass(slots=True)
class Client:
    """Starts a script when it is first needed.

    Args:
        python: the project's interpreter.
        environment: the project's variables.
        directory: the folder of manage.py.
        log: for what it says.
        script: obeys; ``saving.py`` or one that speaks as it does.
    """

    python: Path
    environment: Mapping[str, str]
    directory: Path
    log: Path
    script: Path = HERE / "saving.py"
    _process: "subprocess.Popen[str] | None" = None
    _orders: int = 0

    def order(self, do: str, **values: Any) -> Any:
        """Have something done and return what came of it.

        Raises:
            SavingFailed: it could not be done, or the process has died.
        """
        process = self._process = self._process or self._start()
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self._orders += 1
        process.stdin.write(json.dumps({"do": do, "order": self._orders, "values": values}) + "\n")
        process.stdin.flush()
        # An answer that nobody waited for any more may come first.
        answer: dict[str, Any] = {}
        while answer.get("order") != self._orders:
            line = process.stdout.readline()
            if not line:
                raise SavingFailed(f"{do}: the process died:\n{self.log.read_text()[-2000:]}")
            answer = json.loads(line)
        if "error" in answer:
            raise SavingFailed(f"{do}: {answer['error']}")
        return answer["answer"]

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start(self) -> "subprocess.Popen[str]":
        path = f"{self.directory}:{self.environment.get('PYTHONPATH', '')}"
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(self.python), str(self.script)],
                env={**self.environment, "PYTHONPATH": path},
                cwd=self.directory,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
