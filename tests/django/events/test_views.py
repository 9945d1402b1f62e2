from typing import Any

import pytest
from django.contrib.auth.models import User
from tests.django.conftest import Broker
from tests.django.events.conftest import MakeRun, Site

from windsock.django.events import announce


def change(run: Any, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(run, name, value)
    run.save()
    announce()


def test_a_change_is_seen_at_once(
    site: Site, broker: Broker, ann: User, ann_token: str, make_run: MakeRun
) -> None:
    run = make_run(ann)
    with site.open("/api/tasks/events/", ann_token) as stream:
        change(run, status="PROCESSING", progress=40)
        event = stream.event()
        assert event
        assert event.name == "task"
        assert event.data["progress"] == 40
