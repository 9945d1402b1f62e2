import re

from django.test import Client
from tests.django.pages.conftest import MakeWorkflow

from windsock.django.models import Workflow


def part(client: Client, seen: str = "") -> tuple[int, str, str]:
    headers = {"HX-Request": "true", "X-Windsock-Seen": seen}
    response = client.get("/windsock/?q=w", headers=headers)
    text = response.content.decode()
    digest = re.search(r'"X-Windsock-Seen": "(\w+)"', text)
    return response.status_code, digest[1] if digest else "", text


def test_htmx_gets_the_live_part_alone(browser: Client, make_workflow: MakeWorkflow) -> None:
    make_workflow("w")
    status, _, text = part(browser)
    assert status == 200
    assert text.startswith('<div id="live" hx-get="/windsock/?q=w"')
    assert "<html" not in text


def test_a_page_on_which_nothing_happened_is_not_touched(
    browser: Client, make_workflow: MakeWorkflow
) -> None:
    make_workflow("w")
    _, digest, _ = part(browser)
    assert part(browser, digest)[0] == 204
    Workflow.objects.update(title="Renamed")
    status, _, text = part(browser, digest)
    assert status == 200
    assert "Renamed" in text


def test_the_whole_page_holds_the_same_part(browser: Client, make_workflow: MakeWorkflow) -> None:
    make_workflow("w")
    _, digest, _ = part(browser)
    assert digest in browser.get("/windsock/?q=w").content.decode()


def test_text_of_rows_is_escaped(browser: Client, make_workflow: MakeWorkflow) -> None:
    make_workflow("w", title="<script>alert(1)</script>")
    assert "<script>alert" not in browser.get("/windsock/").content.decode()
