import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from rest_framework.test import APIClient

from windsock.django.api.throttling import StartRate
from windsock.django.models import TaskRun

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.django.api.project")]
ADA = {"username": "ada"}


@pytest.fixture(autouse=True)
def _two_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDSOCK_THROTTLE_RATE", "2/min")
    cache.clear()


def test_who_starts_too_much_has_to_wait(api: APIClient) -> None:
    assert api.post("/api/users/", ADA).status_code == 202
    assert api.get("/api/groups/").status_code == 202

    response = api.post("/api/users/", ADA)

    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 60
    assert response["Cache-Control"] == "no-store"
    assert TaskRun.objects.count() == 2


def test_each_user_has_a_limit_of_their_own(api: APIClient) -> None:
    for _ in range(3):
        api.get("/api/users/")
    api.force_authenticate(User.objects.create_superuser("root"))

    assert api.get("/api/users/").status_code == 202


def test_reading_is_not_limited(api: APIClient, caller: User) -> None:
    run = TaskRun.objects.create(name="a", owner=caller, status="PROCESSING")
    for _ in range(4):
        assert api.get("/api/tasks/").status_code == 200
        assert api.get(f"/api/tasks/{run.pk}/status/").status_code == 200
        assert api.head("/api/users/").status_code == 200
        assert api.options("/api/users/").status_code == 200
        assert api.post(f"/api/tasks/{run.pk}/cancel/").status_code == 202
    assert api.get("/api/users/").status_code == 202


def test_to_retry_is_to_start(api: APIClient, caller: User) -> None:
    run = TaskRun.objects.create(name="a", owner=caller, status="PROCESSING")
    address = f"/api/tasks/{run.pk}/retry/"

    assert [api.post(address).status_code for _ in range(3)] == [409, 409, 429]


def test_an_empty_rate_is_no_limit(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDSOCK_THROTTLE_RATE", "")

    assert {api.get("/api/users/").status_code for _ in range(4)} == {202}


@pytest.mark.parametrize("rate", ["600", "600/", "many/min", "6/year"])
def test_a_rate_that_cannot_be_read_is_named(rate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDSOCK_THROTTLE_RATE", rate)

    with pytest.raises(ImproperlyConfigured, match="600/min"):
        StartRate()


def test_while_the_cache_is_away_all_may_pass(
    api: APIClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Away:
        def get(self, *args: object) -> None:
            raise ConnectionError

    monkeypatch.setattr(StartRate, "cache", Away())

    assert {api.get("/api/users/").status_code for _ in range(4)} == {202}
    assert "not counted" in caplog.text
