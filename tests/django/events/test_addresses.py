import pytest
from pytest_django import Settings

from windsock.django.events.addresses import redis_url


@pytest.mark.parametrize(
    ("broker", "url"),
    [
        ("redis://:secret@host:6380/2", "redis://:secret@host:6380/2"),
        ("redis+socket:///run/valkey%20a.sock?virtual_host=3", "unix:///run/valkey%20a.sock?db=3"),
        ("redis+socket:///run/v.sock?virtual_host=/3&password=x", "unix:///run/v.sock?db=3&password=x"),
        ("unix:///run/v.sock", "unix:///run/v.sock?db=0"),
        ("rediss://host/0?ssl_cert_reqs=CERT_REQUIRED", "rediss://host/0?ssl_cert_reqs=required"),
        ("redis://first/0;redis://second/0", "redis://first/0"),
        (["redis://first/0", "redis://second/0"], "redis://first/0"),
        ("amqp://guest@host//", None),
        ("sentinel://host:26379/0", None),
        ("memory://", None),
        (None, None),
        ([], None),
    ],
)
def test_the_broker_wakes_streams_if_it_is_a_redis(
    broker: object, url: str | None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    settings.CELERY_BROKER_URL = broker
    assert redis_url() == url


def test_the_environment_and_then_the_own_setting_win(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CELERY_BROKER_URL = "redis://settings/0"
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://environment/0")
    assert redis_url() == "redis://environment/0"
    settings.WINDSOCK = {"EVENTS_URL": "redis://events/0"}
    assert redis_url() == "redis://events/0"
