"""A client of what a Django site offers to Airflow under ``/windsock/service/``."""

import asyncio
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from windsock.errors import SignatureError, WindsockError, WireError
from windsock.signing import sign
from windsock.wire import PROTOCOL, check_protocol

AUDIENCE = "service"
PATH = "/windsock/service/"
#: Seconds. What waits for news adds its own patience to the time to read.
CONNECT, READ = 5.0, 20.0


class SiteAway(WindsockError):
    """The Django site does not answer, or not now; another try may succeed."""

    def __init__(self, message: str, status: int = 0) -> None:
        self.status = status  #: of HTTP; 0: there was no answer
        super().__init__(message)


class SiteRefused(WindsockError):
    """The Django site refuses this request, and would refuse it again."""

    def __init__(self, message: str, status: int) -> None:
        self.status = status  #: of HTTP
        super().__init__(message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A Django site and the key that signs requests to it; each call is one request."""

    url: str  #: "https://shop.example"
    key: str = field(repr=False)
    name: str = ""  #: of the connection, for messages

    def ask(self, path: str, body: dict[str, Any] | None = None, *, patience: float = 0) -> dict[str, Any]:
        """Send one request, and return the JSON object that answers it.

        Args:
            path: below ``/windsock/service/``.
            body: sent with POST; None: asked with GET.
            patience: seconds that the site may take on purpose.

        Raises:
            SiteAway: it does not answer, or not now.
            SiteRefused: it refuses; the message says what.
            WireError: the answer cannot be read here.
        """
        request = self._request(path, body, patience)
        try:
            with httpx.Client(verify=authorities(), trust_env=self.uses_proxy) as client:
                return _read(client.send(request))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._away(error) from None

    async def aask(
        self,
        client: httpx.AsyncClient,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        patience: float = 0,
    ) -> dict[str, Any]:
        """Do the same in async code, with a client that keeps its connections; see ``async_client``."""
        request = self._request(path, body, patience)
        try:
            return _read(await client.send(request))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._away(error) from None

    async def async_client(self) -> httpx.AsyncClient:
        """Return a client for ``aask``, which its owner closes."""
        trusted = await asyncio.to_thread(authorities)
        return httpx.AsyncClient(verify=trusted, trust_env=self.uses_proxy)

    @property
    def uses_proxy(self) -> bool:
        """Whether the environment's proxy is used; it cannot reach this host's own addresses."""
        return urlsplit(self.url).hostname not in {"127.0.0.1", "localhost", "::1"}

    def _request(self, path: str, body: dict[str, Any] | None, patience: float) -> httpx.Request:
        if not self.url.startswith(("http://", "https://")):
            text = f"The connection {self.name!r} names no site; its host is to be https://... or http://..."
            raise SiteRefused(text, 0)
        try:
            token = sign(self.key, AUDIENCE, lifetime=60.0 + patience)
            return httpx.Request(
                "GET" if body is None else "POST",
                self.url.rstrip("/") + PATH + path,
                json=None if body is None else {"protocol": PROTOCOL, **body},
                headers={"Authorization": f"Bearer {token}"},
                extensions={"timeout": httpx.Timeout(READ + patience, connect=CONNECT).as_dict()},
            )
        except SignatureError as error:
            raise SiteRefused(f"The password of the connection {self.name!r}: {error}", 0) from None
        except httpx.InvalidURL as error:
            raise SiteRefused(f"The host of the connection {self.name!r}, {self.url}: {error}", 0) from None

    def _away(self, error: Exception) -> SiteAway:
        return SiteAway(f"{self.url} does not answer: {type(error).__name__}: {error}".rstrip(": "))


@cache
def authorities() -> Any:
    """Return the trusted certificate authorities; reading them takes longer than a request."""
    return httpx.create_ssl_context()


def _read(response: httpx.Response) -> dict[str, Any]:
    where, status = response.request.url.copy_with(query=None), response.status_code
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        hint = "is the connection's password the same as WINDSOCK['FEED_KEY'] of the Django settings?"
        raise SiteRefused(f"{where}: refused the key; {hint}", status)
    if status >= 500 or status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT):
        raise SiteAway(f"{where}: answered {status}", status)
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if status >= 300:
        raise SiteRefused(_refusal(answer) or f"{where}: answered {status}", status)
    if not isinstance(answer, dict):
        raise WireError(f"{where}: expected an object of JSON; is Windsock in the site's urls.py?")
    check_protocol(answer)
    return answer


def _refusal(answer: Any) -> str:
    """Return what a refusal says: of each field what is wrong with it, else its detail."""
    if not isinstance(answer, dict):
        return ""
    errors = answer.get("errors")
    if isinstance(errors, dict) and errors:
        return "; ".join(f"{name}: {text}" for name, text in errors.items())
    return str(answer.get("detail", ""))
