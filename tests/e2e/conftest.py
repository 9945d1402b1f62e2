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


#: The stacks of whole sessions; what needs one of them runs in one process.
STACKS = ("stack", "fragile", "large")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep together, where the tests are spread over processes, what shares servers."""
    assert isinstance(item, pytest.Function)
    shared = next((name for name in STACKS if name in item.fixturenames), "")
    item.add_marker(pytest.mark.xdist_group(shared or f"rest of {item.path.parent.name}"))


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
