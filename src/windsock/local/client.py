"""The project's REST API, as far as the first run needs it."""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from windsock.local.errors import LocalError

_PATIENCE = 15.0


class Client:
    """Speaks JSON with one project.

    Args:
        url: The project's address.
        token: The API token.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    def get(self, path: str) -> Any:
        """The answer to a GET.

        Raises:
            LocalError: No answer, or one with a status of 400 or more.
        """
        return self._ask("GET", path)

    def post(self, path: str) -> Any:
        """The answer to a POST of an empty object; raises as `get` does."""
        return self._ask("POST", path)

    def _ask(self, method: str, path: str) -> Any:
        request = urllib.request.Request(  # noqa: S310
            f"{self._url}{path}",
            method=method,
            data=b"{}" if method == "POST" else None,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")[:300]
            raise LocalError(f"{method} {path} was answered with {error.code}: {text}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise LocalError(f"{method} {path} failed: {error}") from error


def results(body: Any) -> list[dict[str, Any]]:
    """The rows of a list answer, with or without pages."""
    rows = body.get("results", []) if isinstance(body, dict) else body
    return [each for each in rows if isinstance(each, dict)]
