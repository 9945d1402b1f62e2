"""Short-lived signed tokens that the two sides give each other.

A token is ``<claims>.<mac>``: base64url JSON and its HMAC-SHA256. The audience keeps a token of one door
from opening another.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from typing import Any

from windsock.errors import SignatureError


def sign(key: str, audience: str, *, lifetime: float = 60.0, **claims: Any) -> str:
    """Return a token for ``audience`` that is good for ``lifetime`` seconds.

    Raises:
        SignatureError: the key is shorter than 16 characters.
    """
    body = _encode(json.dumps({**claims, "aud": audience, "exp": time.time() + lifetime}).encode())
    return f"{body}.{_encode(_mac(key, body))}"


def verify(token: str, key: str, audience: str) -> dict[str, Any]:
    """Return the claims of a token.

    Raises:
        SignatureError: the token is malformed, forged, expired or meant for another audience.
    """
    body, _, mac = token.partition(".")
    if not hmac.compare_digest(_encode(_mac(key, body)).encode(), mac.encode()):
        raise SignatureError("the token's signature does not fit")
    try:
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError):
        raise SignatureError("the token cannot be read") from None
    if claims.get("aud") != audience:
        raise SignatureError(f"the token is not meant for {audience!r}")
    if claims.get("exp", 0) < time.time():
        raise SignatureError("the token has expired")
    return claims


def _mac(key: str, body: str) -> bytes:
    if len(key) < 16:
        raise SignatureError("the signing key needs at least 16 characters")
    return hmac.new(key.encode(), body.encode(), hashlib.sha256).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
