import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime
from tests.airflow.fake_site import KEY, FakeSite, serving

from windsock.airflow.connection import DjangoHook
from windsock.airflow.provider import get_provider_info
from windsock.environment import Interpreter
from windsock.errors import EnvironmentNotFound

Connect = Callable[..., DjangoHook]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    def connect(**fields: Any) -> DjangoHook:
        monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "django", **fields}))
        return DjangoHook("shop")

    return connect


@pytest.fixture
def fake() -> Iterator[FakeSite]:
    with serving() as site:
        yield site


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "https://shop.example/"}, "https://shop.example"),
        ({"host": "https://shop.example:8443/sub/"}, "https://shop.example:8443/sub"),
        ({"host": "shop.example", "port": 8000}, "http://shop.example:8000"),
        ({"host": "shop.example", "schema": "https"}, "https://shop.example"),
        ({"host": " http://shop.example:1 ", "port": 2}, "http://shop.example:1"),
        ({"host": "http://[::1]", "port": 8000}, "http://[::1]:8000"),
        ({}, ""),
    ],
)
def test_the_host_is_the_sites_address(connect: Connect, fields: dict[str, Any], url: str) -> None:
    assert connect(**fields).url == url


def test_the_password_is_the_key(connect: Connect) -> None:
    hook = connect(host="https://shop.example", password=f"{KEY}\n")
    assert (hook.client().key, hook.client().url, hook.client().name) == (KEY, "https://shop.example", "shop")
    assert hook.get_conn() == hook.client()


def test_a_connection_may_be_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", "django://:a%20key@shop.example:8000/https")
    hook = DjangoHook("shop")
    assert (hook.url, hook.client().key) == ("https://shop.example:8000", "a key")


def test_async_code_reads_the_same(connect: Connect) -> None:
    connect(host="https://shop.example")
    assert asyncio.run(DjangoHook.afrom("shop")).url == "https://shop.example"


@pytest.mark.parametrize("environment", [{"python": sys.executable}, json.dumps({"python": sys.executable})])
def test_the_extra_says_where_the_code_runs(connect: Connect, environment: Any) -> None:
    hook = connect(extra={"environment": environment, "settings": "shop.settings", "directory": "/srv/shop"})
    assert hook.environment() == Interpreter(sys.executable)
    assert hook.settings == "shop.settings"
    assert hook.directory == Path("/srv/shop")


@pytest.mark.parametrize("extra", [{}, {"environment": None}, {"environment": ""}, {"settings": None}])
def test_the_extra_need_not_say_it(connect: Connect, extra: dict[str, Any]) -> None:
    hook = connect(extra=extra)
    assert hook.environment() is None
    assert hook.settings == ""
    assert hook.directory is None


@pytest.mark.parametrize("environment", ["/srv/shop", {"conda": "x"}, ["x"], {"python": 3}, "{"])
def test_an_environment_that_is_not_understood_is_told_with_the_ways(
    connect: Connect, environment: Any
) -> None:
    hook = connect(extra={"environment": environment})
    with pytest.raises(EnvironmentNotFound, match=r"'shop' is not understood.*\"venv\""):
        hook.environment()
    works, text = hook.test_connection()
    assert not works
    assert "not understood" in text


def test_a_connection_that_says_nothing_does_not_work(connect: Connect) -> None:
    assert connect().test_connection() == (
        False,
        "Name the address of the Django site as host, or an environment in extra.",
    )


def test_both_are_tried(connect: Connect, fake: FakeSite) -> None:
    hook = connect(host=fake.url, password=KEY, extra={"environment": {"python": sys.executable}})
    works, text = hook.test_connection()
    # There is no Django where Airflow's tests run.
    assert not works
    assert "No module named 'django'" in text
    works, text = connect(host=fake.url, password=KEY).test_connection()
    assert works
    assert text == f"{fake.url} answers and takes the key (windsock 1.2.3)."
    works, text = connect(host=fake.url, password="another key, also long").test_connection()
    assert not works
    assert "refused the key" in text


def test_airflow_makes_the_form_without_the_hook() -> None:
    found = ProvidersManagerTaskRuntime().hooks["django"]
    assert found
    assert found.hook_class_name == "windsock.airflow.connection.DjangoHook"
    fields = ProvidersManager().connection_form_widgets
    assert {"extra__django__environment", "extra__django__settings", "extra__django__directory"} <= set(
        fields
    )
    behaviour = ProvidersManager().field_behaviours["django"]
    assert behaviour["relabeling"]["password"] == "Key"
    (described,) = get_provider_info()["connection-types"]
    assert described["connection-type"] == DjangoHook.conn_type


@pytest.mark.filterwarnings("ignore:ProvidersManager.hooks is deprecated")
def test_airflows_own_test_finds_the_hook(connect: Connect, fake: FakeSite) -> None:
    from airflow.models import Connection

    connect()
    connection = Connection(conn_id="shop", conn_type="django", host=fake.url, password=KEY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_SHOP", connection.get_uri())
        works, text = connection.test_connection()
    assert works, text
