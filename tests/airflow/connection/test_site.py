import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from tests.airflow.fake_site import KEY, FakeSite, serving

from windsock.airflow.connection import Site, SiteAway, SiteRefused
from windsock.errors import WireError


@pytest.fixture
def fake() -> Iterator[FakeSite]:
    with serving() as site:
        yield site


def site_of(fake: FakeSite, key: str = KEY) -> Site:
    return Site(url=fake.url, key=key, name="shop")


def test_a_request_is_signed_and_its_answer_read(fake: FakeSite) -> None:
    assert site_of(fake).ask("")["windsock"] == "1.2.3"
    assert site_of(fake).ask("checks/", {"checks": []})["results"] == []


def test_async_code_asks_the_same(fake: FakeSite) -> None:
    async def ask() -> Any:
        site = site_of(fake)
        async with await site.async_client() as client:
            return await site.aask(client, "")

    assert asyncio.run(ask())["windsock"] == "1.2.3"


def test_another_key_is_refused_with_advice(fake: FakeSite) -> None:
    with pytest.raises(SiteRefused, match=r"password the same as WINDSOCK\['FEED_KEY'\]") as refused:
        site_of(fake, "another key, also long enough").ask("")
    assert refused.value.status == 401


def test_a_key_that_is_too_short_is_refused_here(fake: FakeSite) -> None:
    with pytest.raises(SiteRefused, match=r"password of the connection 'shop': .*16 characters"):
        site_of(fake, "short").ask("")


def test_a_refusal_names_the_field(fake: FakeSite) -> None:
    with pytest.raises(SiteRefused, match="task: No task is registered as 'unknown'") as refused:
        site_of(fake).ask("tasks/", {"task": "unknown"})
    assert refused.value.status == 400


def test_what_is_not_there_is_refused(fake: FakeSite) -> None:
    with pytest.raises(SiteRefused, match="no such thing") as refused:
        site_of(fake).ask("nothing/")
    assert refused.value.status == 404


def test_a_site_in_trouble_may_answer_later(fake: FakeSite) -> None:
    fake.down = True
    with pytest.raises(SiteAway, match="answered 503"):
        site_of(fake).ask("")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[::1]:1"])
def test_nobody_at_the_address(url: str) -> None:
    with pytest.raises(SiteAway, match="does not answer"):
        Site(url=url, key=KEY).ask("")


@pytest.mark.parametrize("url", ["", "shop.example", "ftp://shop.example", "http://[::bad"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(SiteRefused, match="shop"):
        Site(url=url, key=KEY, name="shop").ask("")


def test_an_answer_of_another_form_is_refused(fake: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake, "answer", lambda *_: (200, {"protocol": 99, "detail": ""}))
    with pytest.raises(WireError, match="protocol 99"):
        site_of(fake).ask("")


def test_no_message_shows_the_key(fake: FakeSite) -> None:
    assert KEY not in repr(site_of(fake))


def test_a_proxy_does_not_stand_between_two_parts_of_one_host(
    fake: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert site_of(fake).ask("")
    assert Site(url="https://shop.example", key=KEY).uses_proxy
