"""A project's REST API in memory, as far as the first run needs it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


@dataclass
class FakeProject:
    """Answers of a project; a list of answers is used up one by one, its last one stays."""

    url: str = ""
    answers: dict[str, list[Any]] = field(default_factory=lambda: {"/api/workflows/": [{"results": []}]})
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)


@contextmanager
def serve() -> Iterator[FakeProject]:
    """Serves a fake project while the block lasts."""
    fake = FakeProject()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fake.asked.append((self.command, self.path, self.headers["Authorization"]))
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            answers = fake.answers.get(self.path)
            self.send_response(200 if answers else 404)
            self.end_headers()
            body = {"detail": "not here"} if not answers else answers.pop(0) if answers[1:] else answers[0]
            self.wfile.write(json.dumps(body).encode())

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Stays silent."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_port}"
        yield fake
        server.shutdown()
        thread.join()
