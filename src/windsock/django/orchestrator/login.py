"""How Windsock logs in at Airflow."""

import base64
import json
import time
from collections.abc import Generator

import httpx

from windsock.django.orchestrator.connection import check


class AirflowLogin(httpx.Auth):
    """A user's token from Airflow's ``POST /auth/token``, kept until shortly before it expires.

    Another way to log in takes the place of this class.
    """

    requires_response_body = True
    MARGIN = 60.0  #: seconds before its end at which a token is not used any more

    def __init__(self, url: str, username: str, password: str) -> None:
        self._url = f"{url.rstrip('/')}/auth/token"
        self._credentials = {"username": username, "password": password}
        self._token = ""
        self._good_until = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token; get a new one when it is old, or refused."""
        fresh = time.time() >= self._good_until
        if fresh:
            self._take((yield httpx.Request("POST", self._url, json=self._credentials)))
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED and not fresh:
            self._take((yield httpx.Request("POST", self._url, json=self._credentials)))
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _take(self, response: httpx.Response) -> None:
        self._good_until = 0.0
        check(response, "log in")
        self._token = response.json()["access_token"]
        self._good_until = _expiry(self._token) - self.MARGIN


def _expiry(token: str) -> float:
    """Return when a JWT expires, in Unix seconds; 0 when it does not say so."""
    try:
        body = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        return 0.0
