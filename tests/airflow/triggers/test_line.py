import asyncio
import json

import pytest
from tests.airflow.fake_site import FakeSite
from tests.airflow.triggerer import until

from windsock.airflow.connection import SiteRefused
from windsock.airflow.triggers import line
from windsock.airflow.triggers.line import Pauses, line_to


def test_a_line_is_shared_and_the_last_one_closes_it(site: FakeSite) -> None:
    async def share() -> None:
        async with line_to("django_default") as one:
            async with line_to("django_default") as two:
                assert one is two
            assert (await one.ask("checks/", {"checks": []}))["results"] == []
            assert await one.url_of("x") == f"{site.url}/windsock/tasks/x/"
        async with line_to("django_default") as three:
            assert three is not one

    asyncio.run(share())


def test_a_changed_key_is_read_anew(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    async def change() -> None:
        async with line_to("django_default") as shared:
            await shared.ask("checks/", {"checks": []})
            site.key = "another key of the service"
            connection = {"conn_type": "django", "host": site.url, "password": site.key}
            monkeypatch.setenv("AIRFLOW_CONN_DJANGO_DEFAULT", json.dumps(connection))
            with pytest.raises(SiteRefused):
                await shared.ask("checks/", {"checks": []})
            await shared.renew()
            await shared.ask("checks/", {"checks": []})

    asyncio.run(change())


def test_it_insists_until_the_site_answers(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "SHORTEST_PAUSE", 0.02)
    said: list[str] = []

    async def insist() -> None:
        site.down = True
        async with line_to("django_default") as shared:
            asking = asyncio.create_task(shared.insist("checks/", {"checks": []}, say=said.append))
            await until(lambda: said)
            await asyncio.sleep(0.1)
            site.down = False
            assert (await asking)["results"] == []

    asyncio.run(insist())
    assert len(said) == 1


def test_a_request_at_which_the_site_fails_is_given_up(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "SHORTEST_PAUSE", 0.01)
    monkeypatch.setattr(site, "answer", lambda *_: (500, {}))
    said: list[str] = []

    async def insist() -> None:
        async with line_to("django_default") as shared:
            await shared.insist("checks/", {"checks": []}, say=said.append)

    with pytest.raises(SiteRefused, match="answered 500, 5 times"):
        asyncio.run(insist())
    assert len(said) == 1


def test_pauses_grow_to_a_limit() -> None:
    pauses = Pauses()
    found = [pauses.next() for _ in range(10)]
    assert 0.8 <= found[0] <= 1.2
    assert all(pause <= line.LONGEST_PAUSE * 1.2 for pause in found)
    assert found[-1] >= line.LONGEST_PAUSE * 0.8
