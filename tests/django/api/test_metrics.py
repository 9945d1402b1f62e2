import subprocess
import sys

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from windsock.django.actions import tokens

pytestmark = pytest.mark.django_db

ADDRESS = "/api/metrics/"
#: As Prometheus 3 asks.
ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


def holder() -> User:
    user = User.objects.create_user("scraper")
    user.user_permissions.add(Permission.objects.get(codename="view_taskrun"))
    return user


def test_prometheus_reads_it_with_a_token(client: Client) -> None:
    bearer = f"Bearer {tokens.issue(holder())}"
    for accept in (ACCEPT, "text/plain", "application/json", "*/*"):
        answer = client.get(ADDRESS, headers={"Authorization": bearer, "Accept": accept})
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert answer.headers["Cache-Control"] == "no-store"
        assert b"# TYPE windsock_tasks_pending gauge" in answer.content


def test_a_person_reads_it_with_a_session(client: Client) -> None:
    client.force_login(holder())
    assert client.get(ADDRESS).status_code == 200


def test_others_read_nothing(client: Client) -> None:
    refused = client.get(ADDRESS, headers={"Accept": ACCEPT})
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")

    client.force_login(User.objects.create_user("ann"))
    refused = client.get(ADDRESS, headers={"Accept": ACCEPT})
    assert refused.status_code == 403
    assert b"permission" in refused.content
    assert b"windsock_" not in refused.content


def test_only_whoever_asks_pays_for_the_import() -> None:
    code = "import django, sys; django.setup(); import windsock.django.urls; "
    code += "print('prometheus_client' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
