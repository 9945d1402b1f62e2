import base64
import json
import time

import pytest

from windsock import signing
from windsock.errors import SignatureError
from windsock.signing import sign, verify

KEY = "0123456789abcdef"


def test_claims_come_back() -> None:
    assert verify(sign(KEY, "feed", bundle="windsock"), KEY, "feed")["bundle"] == "windsock"


def test_a_token_of_one_audience_opens_no_other_door() -> None:
    with pytest.raises(SignatureError, match="not meant for 'login'"):
        verify(sign(KEY, "feed"), KEY, "login")


def test_a_token_of_another_key_is_forged() -> None:
    with pytest.raises(SignatureError, match="does not fit"):
        verify(sign(KEY, "feed"), KEY[::-1], "feed")


def test_a_token_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    token = sign(KEY, "feed", lifetime=60)
    now = time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now + 59)
    verify(token, KEY, "feed")
    monkeypatch.setattr(signing.time, "time", lambda: now + 61)
    with pytest.raises(SignatureError, match="expired"):
        verify(token, KEY, "feed")


@pytest.mark.parametrize("field", ["aud", "exp"])
def test_a_changed_claim_breaks_the_signature(field: str) -> None:
    body, _, mac = sign(KEY, "feed").partition(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = base64.urlsafe_b64encode(json.dumps(claims | {field: 9e12}).encode()).rstrip(b"=").decode()
    with pytest.raises(SignatureError):
        verify(f"{changed}.{mac}", KEY, "feed")


@pytest.mark.parametrize("token", ["", ".", "a.b", "ü.ü", "a" * 10_000])
def test_nonsense_is_refused(token: str) -> None:
    with pytest.raises(SignatureError):
        verify(token, KEY, "feed")


def test_the_own_claims_cannot_replace_audience_and_expiry() -> None:
    token = sign(KEY, "feed", aud="login", exp=0)
    assert verify(token, KEY, "feed")["aud"] == "feed"


@pytest.mark.parametrize("key", ["", "short", KEY[:-1]])
def test_a_short_key_is_refused_on_both_sides(key: str) -> None:
    with pytest.raises(SignatureError, match="at least 16"):
        sign(key, "feed")
    with pytest.raises(SignatureError, match="at least 16"):
        verify("a.b", key, "feed")
