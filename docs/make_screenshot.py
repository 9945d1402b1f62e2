"""Take the README's picture of the first page from a running stack.

``python docs/make_screenshot.py http://127.0.0.1:8000 admin PASSWORD [docs/images/workflows.png]``

Needs Playwright and a Chromium at ``/usr/bin/chromium`` (or at ``$CHROMIUM``).
"""

import argparse
import os
from pathlib import Path

from playwright.sync_api import sync_playwright

#: Without the background switches Chromium asks its maker's hosts at every start.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def take(url: str, user: str, password: str, target: Path, *, dark: bool = False) -> None:
    """Log in at ``url`` and write a picture of the first page, 1280 x 800 pixels."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=list(FLAGS)
        )
        page = browser.new_page(
            viewport={"width": 1280, "height": 800}, color_scheme="dark" if dark else "light"
        )
        page.goto(f"{url.rstrip('/')}/windsock/login/")
        page.get_by_label("Username").fill(user)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="Workflows").wait_for()
        page.evaluate("document.fonts.ready")
        target.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=target, animations="disabled")
        browser.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("user")
    parser.add_argument("password")
    parser.add_argument("target", type=Path, nargs="?", default=Path("docs/images/workflows.png"))
    parser.add_argument("--dark", action="store_true")
    arguments = parser.parse_args()
    take(arguments.url, arguments.user, arguments.password, arguments.target, dark=arguments.dark)


if __name__ == "__main__":
    main()
