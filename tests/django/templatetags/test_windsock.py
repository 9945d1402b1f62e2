from datetime import timedelta

from django.utils import timezone

from windsock.django.models import TaskRun
from windsock.django.templatetags.windsock import ago, pretty, took


def test_how_long_it_took_is_known_once_it_has_begun() -> None:
    now = timezone.now()
    assert took(TaskRun()) == ""
    assert took(TaskRun(started_at=now - timedelta(seconds=9.5))) == "9 s"
    assert took(TaskRun(started_at=now, finished_at=now + timedelta(seconds=2.5))) == "2.5 s"


def test_ages_count_from_now() -> None:
    assert ago(timezone.now() - timedelta(hours=2, minutes=1)) == "2 h ago"
    assert ago(None) == ""


def test_json_is_indented_and_keeps_its_letters() -> None:
    assert pretty({"a": ["ä"]}) == '{\n  "a": [\n    "ä"\n  ]\n}'
