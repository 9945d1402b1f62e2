"""``manage.py windsock_relay``."""

import logging
import os
import signal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from windsock.django.relay.duties import all_duties
from windsock.django.relay.loop import Relay


class Command(BaseCommand):
    """Runs the relay until SIGTERM or SIGINT; touches ``WINDSOCK_READY_FILE`` after the first round."""

    help = "Repairs what was not sent, not ended or not seen. Run one; a second one stands by."

    def handle(self, **_: Any) -> None:
        """Run in the foreground."""
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        # HTTP clients report every request at this level.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        relay = Relay(all_duties(), ready=_say_ready)
        signal.signal(signal.SIGTERM, relay.stop)
        signal.signal(signal.SIGINT, relay.stop)
        # A handler alone does not wake a relay that is about to wait when the signal comes.
        signal.set_wakeup_fd(relay.waker, warn_on_full_buffer=False)
        relay.run()


def _say_ready() -> None:
    if ready_file := os.environ.get("WINDSOCK_READY_FILE"):
        Path(ready_file).touch()
