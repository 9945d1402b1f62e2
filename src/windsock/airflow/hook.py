"""The Airflow side's one door to Django: the feed of published workflows."""

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

import httpx
from airflow.configuration import conf

from windsock.errors import SignatureError, WindsockError, WireError
from windsock.signing import sign
from windsock.wire import PROTOCOL, check_protocol, from_json, to_json

#: Seconds. The dag-processor waits for the feed in its only thread: far below its heartbeat's limit.
TIMEOUT = httpx.Timeout(5.0, connect=2.0, read=10.0)
#: Of Airflow's configuration.
SECTION = "windsock"
#: Asks for the newest version: larger than any revision, the largest that a database's BIGINT holds.
NEWEST = 2**63 - 1


class FeedUnavailable(WindsockError):
    """Django's feed of workflows could not be read; another try may succeed."""


class NotPublished(WindsockError):
    """The feed holds no version of this workflow at this revision."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One version of one workflow, as the feed publishes it."""

    workflow: str
    revision: int  #: from 1, numbered through all workflows
    document: Mapping[str, Any] | None = None  #: JSON of a ``Workflow``; None: the workflow was retired
    refused: bool = False  #: Airflow refused it; an older version is in force, or none


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Why Airflow refused a version."""

    workflow: str
    revision: int
    message: str  #: empty: Airflow takes it now


class Feed:
    """A client of the feed; each call is one request.

    Args:
        url: the feed's address; by default ``url`` of the section in Airflow's configuration.
        key: the signing key; by default its ``feed_key``.
        bundle: name of the bundle that asks, for Django's log.
        section: of the configuration.
    """

    def __init__(
        self, *, url: str = "", key: str = "", bundle: str = "windsock", section: str = SECTION
    ) -> None:
        self._section = section
        self._url = (url or conf.get(section, "url", fallback="") or "").rstrip("/") + "/"
        # A key out of a command (``feed_key_cmd``) comes with the end of its line.
        self._key = (key or conf.get(section, "feed_key", fallback="") or "").strip()
        self._bundle = bundle
        # A proxy of the environment cannot reach this host's own addresses.
        self._uses_proxy = not self._url.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]"))

    def changes(self, after: int) -> tuple[int, tuple[Entry, ...]]:
        """Return the highest revision that exists and what was published after revision ``after``.

        Raises:
            FeedUnavailable: Django does not answer, or refuses.
            WireError: the answer cannot be read here.
        """
        answer = self._ask("GET", "", params={"after": after})
        entries, revision = answer.get("entries"), answer.get("revision")
        if not isinstance(entries, list) or not isinstance(revision, int):
            raise WireError("entries: expected a list, and a number as revision")
        return revision, tuple(
            from_json(Entry, entry, path=f"entries.{index}") for index, entry in enumerate(entries)
        )

    def workflow(self, workflow: str, revision: int = NEWEST) -> Entry:
        """Return the newest version of a workflow that is not newer than ``revision``.

        Raises:
            FeedUnavailable: Django does not answer, or refuses.
            NotPublished: there is none.
            WireError: the answer cannot be read here.
        """
        answer = self._ask("GET", f"{quote(workflow, safe='')}/", params={"revision": revision})
        return from_json(Entry, answer.get("entry"), path="entry")

    def report(self, problems: Iterable[Problem]) -> None:
        """Tell Django what Airflow refused.

        Raises:
            FeedUnavailable: Django does not answer, or refuses.
        """
        # A cleared problem is an empty message, so no field may be left out here.
        body = [{"message": "", **to_json(problem)} for problem in problems]
        self._ask("POST", "problems/", json={"protocol": PROTOCOL, "problems": body})

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        if self._url == "/":
            raise FeedUnavailable(
                f"set [{self._section}] url in Airflow's configuration to the address of the feed"
            )
        try:
            token = sign(self._key, "feed", lifetime=60.0, bundle=self._bundle)
            response = httpx.request(
                method,
                self._url + path,
                headers={"Authorization": f"Bearer {token}"},
                timeout=TIMEOUT,
                verify=_authorities(),
                trust_env=self._uses_proxy,
                **request,
            )
            return _read(response)
        except SignatureError as error:
            raise FeedUnavailable(f"[{self._section}] feed_key: {error}") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FeedUnavailable(f"{self._url}: {type(error).__name__}: {error}") from None


@cache
def _authorities() -> ssl.SSLContext:
    """Return the trusted certificate authorities; reading them takes longer than a request."""
    return httpx.create_ssl_context()


def _read(response: httpx.Response) -> dict[str, Any]:
    where = response.request.url
    if response.status_code == httpx.codes.NO_CONTENT:
        return {}
    if response.status_code == httpx.codes.NOT_FOUND:
        raise NotPublished(f"{where}: not found")
    if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise FeedUnavailable(f"{where}: refused; is [windsock] feed_key the same on both sides?")
    if response.status_code != httpx.codes.OK:
        raise FeedUnavailable(f"{where}: answered {response.status_code}")
    try:
        answer = response.json()
    except ValueError:
        raise WireError(f"{where}: expected JSON") from None
    if not isinstance(answer, dict):
        raise WireError(f"{where}: expected an object")
    check_protocol(answer)
    return answer
