"""What a Django site offers to Airflow, over real HTTP, with tasks in memory."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

from windsock.errors import SignatureError
from windsock.signing import verify

KEY = "a key of the service for tests"
ROOT = "/windsock/service/"


class FakeSite:
    """Tasks that a test moves on, and checks that it answers; it remembers what it was asked."""

    def __init__(self) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}
        self.enqueued: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.asked_to_cancel: list[str] = []
        self.follows: list[dict[str, Any]] = []
        self.checks: list[list[Any]] = []
        self.results: dict[str, dict[str, Any]] = {}  #: by check or model
        self.down = False
        self.holds = True  #: whether questions wait, as under ASGI
        self.key = KEY
        self.url = ""
        self.changed = Condition()

    def set(self, **state: Any) -> None:
        """Change every task."""
        with self.changed:
            for task in self.tasks.values():
                task.update(state)
                task["mark"] = f"{task['status']}.{task['attempt']}.{task['progress']}"
            self.changed.notify_all()

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        if path == "":
            return 200, {"windsock": "1.2.3"}
        if path == "tasks/":
            return self.enqueue(body)
        if path == "tasks/follow/":
            return self.follow(body)
        if path == "checks/":
            self.checks.append(body["checks"])
            told = [each.get("check") or each.get("model") for each in body["checks"]]
            return 200, {"results": [self.results.get(name, {"met": False, "value": None}) for name in told]}
        found = re.fullmatch("tasks/([^/]+)/cancel/", path)
        if found:
            self.asked_to_cancel.append(found[1])
        if found and found[1] in self.tasks:
            self.cancelled.append(found[1])
            self.set(status="CANCELLED")
            return 200, {"task": self.tasks[found[1]]}
        return 404, {"detail": "There is no such thing."}

    def enqueue(self, body: Any) -> tuple[int, Any]:
        if body["task"] == "unknown":
            return 400, {"detail": "...", "errors": {"task": "No task is registered as 'unknown'."}}
        with self.changed:
            self.enqueued.append(body)
            state = {"id": body["id"], "mark": "PENDING.0.0", "status": "PENDING", "attempt": 0}
            state |= {"max_attempts": 1, "progress": 0}
            return 201, {"task": self.tasks.setdefault(body["id"], state)}

    def follow(self, body: Any) -> tuple[int, Any]:
        with self.changed:
            self.follows.append(body)
            if self.holds:
                self.changed.wait_for(lambda: self.down or self.news(body), body["wait_seconds"])
            return 200, {"tasks": self.news(body)[:100]}

    def news(self, body: Any) -> list[Any]:
        gone = {"mark": "-", "status": ""}
        found = [self.tasks.get(key, gone | {"id": key}) for key in body["tasks"]]
        return [task for task in found if task["mark"] != body["tasks"][task["id"]]]


class Handler(BaseHTTPRequestHandler):
    site: FakeSite
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.serve(None)

    def do_POST(self) -> None:
        self.serve(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def serve(self, body: Any) -> None:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if self.site.down:
            return self.reply(503, {"detail": "away"})
        try:
            assert scheme == "Bearer"
            verify(token, self.site.key, "service")
        except SignatureError:
            return self.reply(401, {"detail": "no"})
        if not self.path.startswith(ROOT):
            return self.reply(404, {})
        assert body is None or body["protocol"] == 1
        status, content = self.site.answer(self.path.removeprefix(ROOT), body)
        if self.site.down:
            status, content = 503, {}
        return self.reply(status, content if "detail" in content else {"protocol": 1, **content})

    def reply(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True  # who asked has gone away

    def log_message(self, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 600

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[FakeSite]:
    site = FakeSite()
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"site": site}))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        site.down = True
        site.set()
        server.shutdown()
        thread.join()
        server.server_close()
