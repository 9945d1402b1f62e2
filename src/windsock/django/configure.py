"""Fill in what a project's settings lack, so that Windsock runs in any project, a bare one too."""

import os
from collections.abc import MutableMapping, Sequence
from copy import deepcopy
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

POSTGRESQL = "django.db.backends.postgresql"
APPS = (
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "rest_framework",
    "windsock.django",
)
MIDDLEWARE = (
    "windsock.django.middleware.DatabaseAway",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "windsock.django.authorship.SignedInAuthor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
)
TEMPLATES = "django.template.backends.django.DjangoTemplates"
CONTEXT_PROCESSORS = (
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
)
HOSTS = ("127.0.0.1", "localhost")
URLCONF = "windsock.django.project_urls"

Namespace = MutableMapping[str, Any]


def configure(namespace: Namespace) -> None:
    """Fill in what is missing in the ``globals()`` of a settings module; what stands there stays.

    Only two things are replaced: the default database, when ``DATABASE_URL`` is set, and the root URL
    configuration, which then begins with the project's own.

    Raises:
        ImproperlyConfigured: ``DATABASE_URL`` does not name a PostgreSQL database.
    """
    _databases(namespace)
    _apps(namespace)
    namespace["MIDDLEWARE"] = _in_order(namespace.get("MIDDLEWARE", ()), MIDDLEWARE)
    _templates(namespace)
    _urls(namespace)
    namespace.setdefault("USE_TZ", True)
    namespace.setdefault("ASGI_APPLICATION", "windsock.django.asgi.application")
    namespace["STATIC_URL"] = namespace.get("STATIC_URL") or "static/"
    hosts = namespace.get("ALLOWED_HOSTS", ())
    namespace["ALLOWED_HOSTS"] = [*hosts, *(host for host in HOSTS if host not in hosts)]
    backend = {"BACKEND": "windsock.django.celery.CeleryBackend"}
    namespace["TASKS"] = {"default": backend, **namespace.get("TASKS", {})}


def database_from_url(url: str) -> dict[str, Any]:
    """Return the entry of ``DATABASES`` for ``postgresql://user:password@host:port/name?host=/folder&...``.

    ``host`` in the query is the folder of a unix socket; other query values become connection options.

    Raises:
        ImproperlyConfigured: the URL does not name a PostgreSQL database.
    """
    parts = urlsplit(url)
    name = unquote(parts.path.lstrip("/"))
    if parts.scheme not in {"postgresql", "postgres"} or not name:
        raise ImproperlyConfigured("DATABASE_URL must look like postgresql://user:password@host:5432/name")
    options = dict(parse_qsl(parts.query))
    entry: dict[str, Any] = {
        "ENGINE": POSTGRESQL,
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": options.pop("port", str(parts.port or "")),
    }
    return entry | ({"OPTIONS": options} if options else {})


def _databases(namespace: Namespace) -> None:
    url = os.environ.get("DATABASE_URL")
    if url:
        databases = namespace.get("DATABASES", {})
        kept = {
            name: value
            for name, value in databases.get("default", {}).items()
            if name in {"ATOMIC_REQUESTS", "CONN_HEALTH_CHECKS", "CONN_MAX_AGE"}
        }
        namespace["DATABASES"] = {**databases, "default": kept | database_from_url(url)}


def _apps(namespace: Namespace) -> None:
    installed = list(namespace.get("INSTALLED_APPS", ()))
    names = {_app_name(entry) for entry in installed}
    namespace["INSTALLED_APPS"] = [*installed, *(app for app in APPS if app not in names)]


def _app_name(entry: str) -> str:
    """Return the app that an entry of INSTALLED_APPS stands for: it may name an AppConfig."""
    if not entry.rpartition(".")[2][:1].isupper():
        return entry
    try:
        return str(import_string(entry).name)
    except (ImportError, AttributeError):
        return entry  # Django itself says what is wrong with it, and says it better.


def _in_order(present: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Insert what is missing of ``wanted``, each behind the one that it follows there."""
    result = list(present)
    place = 0
    for name in wanted:
        if name in result:
            place = result.index(name) + 1
        else:
            result.insert(place, name)
            place += 1
    return result


def _templates(namespace: Namespace) -> None:
    engines = deepcopy(list(namespace.get("TEMPLATES", ())))
    engine = next((engine for engine in engines if engine.get("BACKEND") == TEMPLATES), None)
    if engine is None:
        engine = {"BACKEND": TEMPLATES}
        engines.append(engine)
    options = engine.setdefault("OPTIONS", {})
    if "loaders" not in options:
        engine["APP_DIRS"] = True
    processors = options.setdefault("context_processors", [])
    options["context_processors"] = [*processors, *(p for p in CONTEXT_PROCESSORS if p not in processors)]
    namespace["TEMPLATES"] = engines


def _urls(namespace: Namespace) -> None:
    own = namespace.get("ROOT_URLCONF", "")
    if own != URLCONF:
        namespace["WINDSOCK"] = {**namespace.get("WINDSOCK", {}), "PROJECT_URLCONF": own}
        namespace["ROOT_URLCONF"] = URLCONF
