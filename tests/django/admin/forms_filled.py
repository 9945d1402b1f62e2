"""The form of an editable workflow as a browser sends it."""

import re
from typing import Any

from django.test import Client
from tests.django import jobs

LIST = "/admin/windsock/workflowdefinition/"
STEP = {
    "name": "draw",
    "task": jobs.add.module_path,
    "args": "[1]",
    "kwargs": "",
    "after": "",
    "retries": "0",
    "retry_delay": "0:00:30",
    "retry_max_delay": "",
    "timeout": "",
    "trigger_rule": "all_success",
    "group": "",
    "pool": "default_pool",
    "priority": "1",
    "queue": "",
}
WORKFLOW = {
    "id": "shop_daily",
    "title": "Shop",
    "description": "",
    "schedule": "cron",
    "cron": "0 6 * * *",
    "every": "",
    "start_0": "2026-01-01",
    "start_1": "00:00:00",
    "end_0": "",
    "end_1": "",
    "timezone": "Europe/Berlin",
    "params": "",
    "owner": "shop",
    "tags": "shop\ndaily",
    "notify": "",
    "max_active_runs": "16",
}


def filled(*steps: dict[str, str], initial: int = 0, **changes: str) -> dict[str, str]:
    """Return the fields of a workflow with these steps, each with what differs from ``STEP``."""
    data = WORKFLOW | changes
    given = steps or ({},)
    data |= {"steps-TOTAL_FORMS": str(len(given)), "steps-INITIAL_FORMS": str(initial)}
    for index, step in enumerate(given):
        data |= {f"steps-{index}-{name}": value for name, value in (STEP | step).items()}
    return data


def shown(page: str) -> dict[str, str]:
    """Return the fields of a page as they would be sent without a change."""
    form = page[page.index('id="workflowdefinition_form"') :]
    data: dict[str, str] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        kind, name, value = (re.search(rf'\b{key}="([^"]*)"', tag) for key in ("type", "name", "value"))
        is_sent = kind and (kind[1] in {"text", "hidden", "number"} or " checked" in tag)
        if name and is_sent and not (kind and kind[1] == "submit"):
            data[name[1]] = "on" if " checked" in tag else _plain(value[1] if value else "")
    for name_, text in re.findall(r'<textarea name="([^"]+)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL):
        data[name_] = _plain(text)
    for name_, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        data[name_] = chosen[1] if chosen else ""
    return {name: value for name, value in data.items() if "__prefix__" not in name}


def text(client: Client, address: str) -> str:
    """Return a page."""
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def errors_at(page: str, place: str) -> str:
    """Return what a page says is wrong in the first element whose class names ``place``."""
    found = re.search(rf'class="[^"]*\b{place}\b[^"]*".*?(?=class="[^"]*\bfield-|\Z)', page, re.DOTALL)
    assert found, page
    listed: Any = re.search(r'<ul class="errorlist[^"]*"[^>]*>(.*?)</ul>', found[0], re.DOTALL)
    return _plain(listed[1]) if listed else ""


def _plain(value: str) -> str:
    for mark, letter in (("&quot;", '"'), ("&#x27;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        value = value.replace(mark, letter)
    return value
