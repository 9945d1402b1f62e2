"""Django's feed as the contract says, over real HTTP, with documents in memory."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from windsock.errors import SignatureError
from windsock.signing import verify
from windsock.wire import to_json
from windsock.workflow import Workflow

KEY = "a key of the feed for tests"


class FakeFeed:
    """Publishes what a test gives it, and remembers what it was asked and told."""

    def __init__(self) -> None:
        self.versions: list[dict[str, Any]] = []
        self.problems: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.claims: list[dict[str, Any]] = []
        self.protocol = 1
        self.down = False
        self.url = ""

    @property
    def revision(self) -> int:
        return max((version["revision"] for version in self.versions), default=0)

    def publish(self, *workflows: Workflow) -> int:
        for workflow in workflows:
            self._number(workflow.id, to_json(workflow))
        return self.revision

    def retire(self, workflow: str) -> int:
        self._number(workflow, None)
        return self.revision

    def _number(self, workflow: str, document: Any) -> None:
        self.versions.append(
            {"workflow": workflow, "revision": self.revision + 1, "document": document},
        )

    def report(self, problems: list[dict[str, Any]]) -> None:
        """Pass over what is refused, and publish anew what is taken at last, as Django does."""
        self.problems += problems
        for problem in problems:
            for version in [item for item in self.versions if item["revision"] == problem["revision"]]:
                if problem["message"]:
                    version["refused"] = True
                elif version.get("refused"):
                    self._number(version["workflow"], version["document"])

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if path == "/feed/":
            taken = {item["workflow"]: item for item in self.versions if not item.get("refused")}
            newest = {item["workflow"]: item for item in self.versions}
            told = {item["revision"]: item for item in (*taken.values(), *newest.values())}
            entries = [told[number] for number in sorted(told) if number > int(query["after"][0])]
            return 200, {"protocol": self.protocol, "revision": self.revision, "entries": entries}
        found = re.fullmatch(r"/feed/([^/]+)/", path)
        revision = int(query.get("revision", ["0"])[0])
        for version in reversed(self.versions):
            is_wanted = found and version["workflow"] == found[1] and version["revision"] <= revision
            if is_wanted and not version.get("refused"):
                return 200, {"protocol": self.protocol, "entry": version}
        return 404, {}


class Handler(BaseHTTPRequestHandler):
    feed: FakeFeed

    def do_GET(self) -> None:
        if self.is_refused():
            return
        url = urlsplit(self.path)
        self.reply(*self.feed.answer(url.path, parse_qs(url.query)))

    def do_POST(self) -> None:
        if self.is_refused():
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert body["protocol"] == 1
        self.feed.report(body["problems"])
        self.reply(204, None)

    def is_refused(self) -> bool:
        self.feed.asked.append(self.path)
        if self.feed.down:
            self.reply(503, None)
            return True
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        try:
            assert scheme == "Bearer"
            self.feed.claims.append(verify(token, KEY, "feed"))
        except SignatureError:
            self.reply(401, None)
            return True
        return False

    def reply(self, status: int, body: Any) -> None:
        self.send_response(status)
        content = b"" if body is None else json.dumps(body).encode()
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[FakeFeed]:
    feed = FakeFeed()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"feed": feed}))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    feed.url = f"http://127.0.0.1:{server.server_port}/feed/"
    try:
        yield feed
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
