import re
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient


@pytest.fixture
def ann(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_user("ann"))
    return client


@pytest.mark.parametrize("url", ["/api/schema/", "/api/schema/?format=yaml"])
def test_the_schema_is_for_those_who_are_signed_in(db: None, client: Client, url: str) -> None:
    answer = client.get(url)
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Authentication credentials were not provided."}


def test_json_and_yaml_say_the_same(ann: Client) -> None:
    as_json, as_yaml = ann.get("/api/schema/"), ann.get("/api/schema/?format=yaml")
    assert as_json["Content-Type"] == "application/json"
    assert as_yaml["Content-Type"].startswith("application/yaml")
    assert as_json["Cache-Control"] == "no-store"
    assert yaml.safe_load(as_yaml.content) == as_json.json()
    assert ann.get("/api/schema/", headers={"accept": "application/yaml"}).content == as_yaml.content


def test_a_token_will_do(api: APIClient) -> None:
    assert api.get("/api/schema/").json()["openapi"] == "3.1.0"


def test_the_page_is_for_those_who_are_logged_in(db: None, client: Client) -> None:
    answer = client.get("/api/docs/")
    assert answer.status_code == 302
    assert answer["Location"] == "/windsock/login/?next=/api/docs/"


def test_the_page_names_no_host_and_has_a_policy_of_its_own(ann: Client) -> None:
    answer = ann.get("/api/docs/")
    assert answer.status_code == 200
    assert not re.search(rb"(src|href)=\"(https?:)?//", answer.content)
    assert not re.search(rb"<script(?! src)|<style| on\w+=", answer.content)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert "unsafe-eval" not in policy
    assert "script-src" not in policy  # so that default-src holds for scripts
    assert "no-store" in answer["Cache-Control"]


def test_the_page_carries_the_csrf_token_in_the_projects_header(ann: Client, settings: Any) -> None:
    assert b'data-csrf-header="X-Csrftoken"' in ann.get("/api/docs/").content
    assert re.search(rb'data-csrf-token="\w{64}"', ann.get("/api/docs/").content)
    settings.CSRF_HEADER_NAME = "HTTP_X_SHOP"
    assert b'data-csrf-header="X-Shop"' in ann.get("/api/docs/").content


def test_the_parts_of_the_page_are_served_from_their_package(ann: Client) -> None:
    page = ann.get("/api/docs/").content.decode()
    parts = re.findall(r'"(/api/docs/[^"]+)"', page)
    assert len(parts) == 2
    types = {ann.get(part)["Content-Type"].partition(";")[0] for part in parts}
    assert types == {"text/css", "text/javascript"}
    assert "max-age" in ann.get(parts[0])["Cache-Control"]


@pytest.mark.parametrize("name", ["index.html", "..", "swagger-ui.css.map", "%2e%2e%2fLICENSE"])
def test_nothing_else_of_the_package_is_served(ann: Client, name: str) -> None:
    assert ann.get(f"/api/docs/{name}").status_code == 404


@pytest.mark.parametrize("url", ["/api/docs/", "/api/docs/swagger-ui.css"])
def test_the_page_is_only_read(ann: Client, url: str) -> None:
    assert ann.post(url).status_code == 405
