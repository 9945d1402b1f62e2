"""Where the Redis is that wakes open event streams."""

import os
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from django.conf import settings as django_settings

from windsock.django.conf import settings

#: What all processes of all projects say "some record changed" on; a wrong wake costs one query.
CHANNEL = "windsock.events"


def redis_url() -> str | None:
    """Return the Redis of ``EVENTS_URL``, else the broker's; None when that is no Redis."""
    # Celery itself lets the environment's CELERY_BROKER_URL win.
    broker = os.environ.get("CELERY_BROKER_URL") or getattr(django_settings, "CELERY_BROKER_URL", None)
    url = settings.EVENTS_URL or broker
    if isinstance(url, list | tuple):
        url = url[0] if url else None
    # Celery takes several addresses with ";" between them; waking needs one.
    return _as_redis_client_wants(str(url).split(";")[0]) if url else None


def _as_redis_client_wants(url: str) -> str | None:
    """Translate kombu's ways of writing an address.

    Source: kombu/transport/redis.py, Channel._connparams.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if parts.scheme in {"redis+socket", "unix"}:
        options = {"db": query.get("virtual_host", query.get("db", "0")).strip("/")}
        options |= {"password": query["password"]} if "password" in query else {}
        return f"unix://{quote(unquote(parts.path))}?{urlencode(options)}"
    if parts.scheme not in {"redis", "rediss"}:
        return None
    strictness = query.get("ssl_cert_reqs", "")
    if strictness.startswith("CERT_"):
        query["ssl_cert_reqs"] = strictness.removeprefix("CERT_").lower()
    return parts._replace(query=urlencode(query)).geturl()
