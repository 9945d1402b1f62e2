import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from windsock.django.configure import APPS, MIDDLEWARE, URLCONF, configure, database_from_url
from windsock.local.postgres import Server

OVERLAY = """
from bare.settings import *
from windsock.django.configure import configure
configure(globals())
"""
OWN_URL = """
from django.http import HttpResponse
urlpatterns += [path("own/", lambda request: HttpResponse("own page"))]
"""
VISIT = """
import django
django.setup()
from django.contrib.auth import get_user_model
from django.test import Client
client = Client(SERVER_NAME="127.0.0.1")
print(client.get("/windsock/health/").json(), client.get("/admin/login/").status_code)
client.force_login(get_user_model().objects.get(username="root"))
print(client.get("/windsock/").status_code, client.get("/api/").status_code)
print(client.get("/own/").content.decode())
"""


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


def configured(**settings: Any) -> dict[str, Any]:
    configure(settings)
    return settings


def test_an_empty_namespace_becomes_a_project() -> None:
    settings = configured()
    assert settings["INSTALLED_APPS"] == list(APPS)
    assert settings["MIDDLEWARE"] == list(MIDDLEWARE)
    assert settings["ROOT_URLCONF"] == URLCONF
    assert settings["ALLOWED_HOSTS"] == ["127.0.0.1", "localhost"]
    assert settings["TASKS"]["default"]["BACKEND"] == "windsock.django.celery.CeleryBackend"
    assert settings["TEMPLATES"][0]["APP_DIRS"] is True
    assert settings["STATIC_URL"] == "static/"
    assert "DATABASES" not in settings


def test_what_stands_there_stays() -> None:
    own = {"BACKEND": "shop.tasks.Backend"}
    settings = configured(
        INSTALLED_APPS=["shop", "windsock.django.apps.WindsockConfig", "django.contrib.auth"],
        ALLOWED_HOSTS=["shop.test"],
        TASKS={"default": own, "slow": own},
        STATIC_URL="/assets/",
        USE_TZ=False,
        DATABASES={"default": {"ENGINE": "x"}},
    )
    assert settings["INSTALLED_APPS"][:3] == [
        "shop",
        "windsock.django.apps.WindsockConfig",
        "django.contrib.auth",
    ]
    assert "windsock.django" not in settings["INSTALLED_APPS"]
    assert settings["INSTALLED_APPS"].count("django.contrib.auth") == 1
    assert settings["ALLOWED_HOSTS"] == ["shop.test", "127.0.0.1", "localhost"]
    assert settings["TASKS"] == {"default": own, "slow": own}
    assert settings["STATIC_URL"] == "/assets/"
    assert settings["USE_TZ"] is False
    assert settings["DATABASES"] == {"default": {"ENGINE": "x"}}


def test_twice_is_once() -> None:
    once = configured(ROOT_URLCONF="shop.urls")
    twice = configured(**once)
    assert twice == once
    assert twice["WINDSOCK"]["PROJECT_URLCONF"] == "shop.urls"


def test_a_config_that_cannot_be_imported_is_left_to_django() -> None:
    assert "gone.apps.GoneConfig" in configured(INSTALLED_APPS=["gone.apps.GoneConfig"])["INSTALLED_APPS"]


def test_missing_middleware_stands_behind_what_it_needs() -> None:
    own = ["shop.First", "django.contrib.sessions.middleware.SessionMiddleware", "shop.Last"]
    names = configured(MIDDLEWARE=own)["MIDDLEWARE"]
    assert [name for name in names if name in own] == own
    places = [names.index(name) for name in MIDDLEWARE]
    assert places == sorted(places)


def test_templates_of_the_project_are_added_to_not_changed() -> None:
    engine: dict[str, Any] = {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {"loaders": ["shop.Loader"], "context_processors": ["shop.context"]},
    }
    [result] = configured(TEMPLATES=[engine])["TEMPLATES"]
    assert "APP_DIRS" not in result  # Django refuses both together.
    assert result["OPTIONS"]["context_processors"][0] == "shop.context"
    assert len(result["OPTIONS"]["context_processors"]) == 4
    assert engine["OPTIONS"]["context_processors"] == ["shop.context"]


def test_the_environment_names_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres@/windsock?host=/run/here")
    default = {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "ATOMIC_REQUESTS": True}
    databases = configured(DATABASES={"default": default, "other": {}})["DATABASES"]
    assert databases["default"]["ENGINE"] == "django.db.backends.postgresql"
    assert databases["default"]["HOST"] == "/run/here"
    assert databases["default"]["ATOMIC_REQUESTS"] is True
    assert "other" in databases


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://me:p%40ss@db.test:5433/shop?sslmode=require",
            ("shop", "me", "p@ss", "db.test", "5433", {"sslmode": "require"}),
        ),
        ("postgres://db.test/shop", ("shop", "", "", "db.test", "", None)),
        ("postgresql://postgres@/windsock?host=/a%20b", ("windsock", "postgres", "", "/a b", "", None)),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: tuple[object, ...]) -> None:
    entry = database_from_url(url)
    names = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
    assert tuple(entry.get(name) for name in names) == expected


@pytest.mark.parametrize("url", ["mysql://db.test/shop", "postgresql://db.test", "sqlite:///x", "nonsense"])
def test_another_database_is_refused_with_advice(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="postgresql://user:password@host:5432/name"):
        database_from_url(url)


def test_a_bare_startproject_works(postgres_server: Server, tmp_path: Path) -> None:
    postgres_server.create_database("bare")
    django_admin = [sys.executable, "-m", "django", "startproject", "bare", str(tmp_path)]
    subprocess.run(django_admin, check=True, env=os.environ | {"DJANGO_SETTINGS_MODULE": ""})
    urls = tmp_path / "bare" / "urls.py"
    urls.write_text(urls.read_text() + OWN_URL)
    (tmp_path / "overlay.py").write_text(OVERLAY)
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "overlay",
        "PYTHONPATH": str(tmp_path),
        "DATABASE_URL": postgres_server.url("bare"),
        "CELERY_BROKER_URL": "redis+socket:///nowhere.sock",
        "DJANGO_SUPERUSER_USERNAME": "root",
        "DJANGO_SUPERUSER_EMAIL": "root@example.com",
        "DJANGO_SUPERUSER_PASSWORD": "a long password",
    }

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert '"username": "root"' in python("-m", "django", "windsock_bootstrap").splitlines()[-1]
    assert python("-c", VISIT).splitlines() == ["{'status': 'ok'} 200", "200 200", "own page"]
