import hashlib

from windsock.django.models import ApiToken


def test_only_a_hash_of_the_token_is_kept() -> None:
    assert ApiToken.digest_of("secret") == hashlib.sha256(b"secret").hexdigest()
    assert "secret" not in ApiToken.digest_of("secret")
