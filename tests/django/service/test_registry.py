from typing import Any

import pytest
from django.contrib.auth.models import User

from windsock.django.service import check, countable, registry
from windsock.django.service.registry import Refused


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_checks", {})
    monkeypatch.setattr(registry, "_countables", {})


def test_a_check_is_called_by_its_path() -> None:
    @check
    def arrived(product: int, *, colour: str = "") -> Any:
        return {"product": product, "colour": colour}

    (path,) = registry._checks
    assert path == f"{__name__}.test_a_check_is_called_by_its_path.<locals>.arrived"
    assert registry.call_check(path, {"product": 3}) == {"product": 3, "colour": ""}


def test_a_check_may_be_async() -> None:
    @check
    async def arrived() -> bool:
        return True

    assert registry.call_check(*registry._checks, {}) is True


@pytest.mark.parametrize("name", ["os.system", "windsock.django.service.registry.check", "", "a"])
def test_nothing_is_called_that_is_not_registered(name: str) -> None:
    with pytest.raises(Refused, match="No check is registered"):
        registry.call_check(name, {})


def test_other_arguments_are_refused() -> None:
    @check
    def arrived(product: int) -> bool:
        return True

    with pytest.raises(Refused, match=r"kwargs: .*'colour'") as refused:
        registry.call_check(*registry._checks, {"product": 1, "colour": "red"})
    assert refused.value.field == "kwargs"


@pytest.mark.django_db
def test_rows_are_counted_by_their_label() -> None:
    User.objects.create_user("ann")
    countable(User, fields=["username"])
    assert registry.count("auth.User", {"username": "ann"}, 1) == 1
    with pytest.raises(Refused, match="filter: email: rows are chosen by other fields: username"):
        registry.count("auth.User", {"email": "x"}, 1)


def test_a_model_that_is_not_registered_is_refused() -> None:
    with pytest.raises(Refused, match=r"model: 'auth.User' is not registered"):
        registry.count("auth.User", {}, 1)


def test_every_apps_checks_are_found() -> None:
    registry.autodiscover()
