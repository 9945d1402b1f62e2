"""The processes of one way: the client that enqueues and the workers."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import peers
from servers import Servers
from ways import Way

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Effect:
    """One execution, as the task wrote it."""

    number: int
    pid: int
    monotonic: float
    wall_ns: int


@dataclass(slots=True)
class Runner:
    """Starts what belongs to a way, in the way's environment."""

    servers: Servers
    folder: Path
    clients: "dict[str, subprocess.Popen[str]]" = field(default_factory=dict)

    @property
    def effects_file(self) -> Path:
        return self.folder / "effects"

    def environment(self, way: Way) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TZ")}
        return kept | {
            "PYTHONPATH": str(HERE),
            "PYTHONWARNINGS": "ignore",
            "DJANGO_SETTINGS_MODULE": "projects.settings",
            "BENCH_PROJECT": way.project,
            "BENCH_POSTGRES": str(self.servers.server.socket_folder),
            "BENCH_BROKER": self.servers.broker.url,
            "BENCH_EFFECTS": str(self.effects_file),
            **way.environment,
        }

    def python(self, way: Way) -> str:
        return sys.executable if way.project == "windsock" else str(peers.python(HERE))

    def order(self, way: Way, do: str, **values: Any) -> Any:
        """Have the way's client do something; it is started when first asked."""
        client = self.clients.get(way.project)
        if client is None:
            client = self.clients[way.project] = self._start_client(way)
        if client.stdin is None or client.stdout is None:
            raise RuntimeError("the client has no pipes")
        client.stdin.write(json.dumps({"do": do, **values}) + "\n")
        client.stdin.flush()
        answer = client.stdout.readline()
        if not answer:
            log = (self.folder / f"{way.project}-client.log").read_text()
            raise SystemExit(f"{way.name}: the client died:\n{log[-3000:]}")
        return json.loads(answer)

    def _start_client(self, way: Way) -> "subprocess.Popen[str]":
        with (self.folder / f"{way.project}-client.log").open("ab") as log:
            return subprocess.Popen(
                [self.python(way), str(HERE / "client.py")],
                env=self.environment(way),
                cwd=HERE,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    @contextlib.contextmanager
    def workers(self, way: Way) -> Iterator[None]:
        """Run the way's workers while the block lasts; they end warmly."""
        with (self.folder / f"{way.project}-worker.log").open("ab") as log:
            processes = [
                subprocess.Popen(
                    [self.python(way), "-m", *command],
                    env=self.environment(way),
                    cwd=HERE,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
                for command in way.workers
            ]
        try:
            yield
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                _end(process)

    def close(self) -> None:
        for client in self.clients.values():
            if client.stdin:
                client.stdin.close()
            client.wait(timeout=20)

    def forget_effects(self) -> None:
        self.effects_file.write_bytes(b"")

    def effects(self) -> list[Effect]:
        lines = (line.split() for line in self.effects_file.read_bytes().split(b"\n") if line)
        return [Effect(int(n), int(pid), int(mono) / 1e9, int(wall)) for n, pid, mono, wall in lines]

    def wait_for_effects(self, count: int, seconds: float) -> list[Effect]:
        """Wait until ``count`` tasks were done, or the time is over; then a moment for doubled ones."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.effects_file.read_bytes().count(b"\n") >= count:
                time.sleep(0.3)
                break
            time.sleep(0.1)
        return self.effects()


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
