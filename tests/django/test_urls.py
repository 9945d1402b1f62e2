import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("overview", "/windsock/"),
        ("tasks", "/windsock/tasks/"),
        ("login", "/windsock/login/"),
        ("health", "/windsock/health/"),
        ("feed", "/windsock/feed/"),
        ("api-root", "/api/"),
        ("api-task-list", "/api/tasks/"),
    ],
)
def test_the_addresses_are_the_documented_ones(name: str, url: str) -> None:
    assert reverse(f"windsock:{name}") == url


@pytest.mark.parametrize("url", ["/api/", "/api/tasks/"])
def test_the_api_needs_a_login(db: None, client: Client, url: str) -> None:
    assert client.get(url).status_code == 401


def test_people_log_in_and_out(db: None, client: Client) -> None:
    User.objects.create_user("ann", password="a long password")
    page = client.get("/windsock/login/?next=/windsock/tasks/")
    assert b'name="next" value="/windsock/tasks/"' in page.content
    wrong = client.post("/windsock/login/", {"username": "ann", "password": "no"})
    assert b'role="alert"' in wrong.content
    right = {"username": "ann", "password": "a long password"}
    assert client.post("/windsock/login/", right)["Location"] == "/windsock/"
    assert client.get("/windsock/login/")["Location"] == "/windsock/"
    assert client.get("/windsock/logout/").status_code == 405
    assert client.post("/windsock/logout/")["Location"] == "/windsock/login/"
    assert client.get("/windsock/").status_code == 302
