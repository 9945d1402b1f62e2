import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from pytest_django import Settings

from windsock.django.actions import tokens
from windsock.django.management.commands.windsock_bootstrap import TOKEN_NAME
from windsock.django.models import ApiToken

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "root")
    monkeypatch.setenv("DJANGO_SUPERUSER_EMAIL", "root@example.com")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a long password")


def bootstrap() -> dict[str, Any]:
    out = io.StringIO()
    call_command("windsock_bootstrap", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return result


def test_the_last_line_tells_user_token_and_what_was_published() -> None:
    result = bootstrap()
    assert result == {"username": "root", "token": result["token"], "published": 0}
    user = User.objects.get(username="root")
    assert user.is_superuser
    assert user.check_password("a long password")
    row = tokens.find(result["token"])
    assert row is not None
    assert (row.user, row.name) == (user, TOKEN_NAME)


def test_a_second_time_changes_no_user() -> None:
    bootstrap()
    User.objects.update(first_name="Ann")
    bootstrap()
    assert User.objects.get().first_name == "Ann"


def test_a_token_that_is_still_valid_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    token = bootstrap()["token"]
    monkeypatch.setenv("WINDSOCK_API_TOKEN", token)
    assert bootstrap()["token"] == token
    assert ApiToken.objects.count() == 1
    ApiToken.objects.update(expires_at="2020-01-01T00:00Z")
    assert bootstrap()["token"] != token


def test_a_token_of_somebody_else_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    token = tokens.issue(User.objects.create(username="other"))
    monkeypatch.setenv("WINDSOCK_API_TOKEN", token)
    assert bootstrap()["token"] != token


def test_without_a_name_the_first_superuser_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJANGO_SUPERUSER_USERNAME")
    with pytest.raises(CommandError, match="DJANGO_SUPERUSER_USERNAME"):
        bootstrap()
    User.objects.create(username="boss", is_superuser=True)
    assert bootstrap()["username"] == "boss"


@pytest.fixture
def fixture(tmp_path: Path, settings: Settings) -> None:
    rows = [{"model": "auth.group", "pk": 1, "fields": {"name": "pilots"}}]
    (tmp_path / "groups.json").write_text(json.dumps(rows))
    settings.FIXTURE_DIRS = [tmp_path]
    settings.WINDSOCK = {**settings.WINDSOCK, "EXAMPLE_DATA": ["groups"]}


def test_example_data_goes_into_empty_tables_only(fixture: None) -> None:
    bootstrap()
    assert [group.name for group in Group.objects.all()] == ["pilots"]
    Group.objects.update(name="crew")
    bootstrap()
    assert [group.name for group in Group.objects.all()] == ["crew"]


def test_a_fixture_that_is_not_there_is_named(fixture: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDSOCK_EXAMPLE_DATA", "groups,gone")
    with pytest.raises(CommandError, match=r"no fixture gone\.json"):
        bootstrap()
