"""One real browser and one whole stack for all tests in it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.e2e.stack.running import Stack, copy_of_example, running
from tests.e2e.workflows.site import watched

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
#: Without the background switches Chromium asks its maker's hosts at every start.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Where the tests are spread over two processes, one of them has the stack and the other one the rest."""
    assert isinstance(item, pytest.Function)
    item.add_marker(pytest.mark.xdist_group("stack" if "stack" in item.fixturenames else "parts"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing: `apt-get install chromium`, or name another one in $CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, with the application of the rules beside the example's own."""
    folder = tmp_path_factory.mktemp("story")
    with running(copy_of_example(folder), watched(folder / "notes")) as stack:
        yield stack
