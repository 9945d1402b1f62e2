import pytest
from django.test import RequestFactory

from windsock.django.pages.returning import back


@pytest.mark.parametrize(
    ("named", "leads_to"),
    [
        ("/windsock/tasks/?status=DONE", "/windsock/tasks/?status=DONE"),
        ("http://testserver/windsock/tasks/", "http://testserver/windsock/tasks/"),
        ("https://elsewhere.test/", "/windsock/"),
        ("//elsewhere.test/", "/windsock/"),
        ("javascript:alert(1)", "/windsock/"),
        ("", "/windsock/"),
    ],
)
def test_a_button_leads_back_to_our_own_pages_alone(rf: RequestFactory, named: str, leads_to: str) -> None:
    assert back(rf.post("/", {"next": named})).headers["Location"] == leads_to
