import json
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.resources import files

import jsonschema
import pytest
from airflow.configuration import conf
from airflow.providers_manager import ProvidersManager
from tests.airflow.fake_feed import KEY, FakeFeed

from windsock.airflow.hook import Feed
from windsock.airflow.provider import get_provider_info


def test_airflow_finds_the_provider() -> None:
    (entry,) = entry_points(group="apache_airflow_provider", name="provider_info").select(
        value="windsock.airflow.provider:get_provider_info"
    )
    assert entry.load()() == get_provider_info()
    assert "windsock" in ProvidersManager().providers


def test_the_description_has_the_form_that_airflow_wants() -> None:
    schema = json.loads((files("airflow") / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_the_feed_key_is_kept_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ("windsock", "feed_key") in conf.sensitive_config_values
    assert ("windsock", "url") not in conf.sensitive_config_values


def test_the_feed_key_may_come_out_of_a_vault(feed: FakeFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__WINDSOCK__FEED_KEY")
    monkeypatch.setenv("AIRFLOW__WINDSOCK__FEED_KEY_CMD", f"echo {KEY}")
    assert Feed().changes(0) == (0, ())


FORKED = """
import os, sys, time
from importlib.metadata import entry_points

(entry,) = entry_points(group="apache_airflow_provider", value="windsock.airflow.provider:get_provider_info")
entry.load()
loaded = time.monotonic()
if os.fork() == 0:
    from windsock.warm.origin import Variables
    os._exit(Variables.of({}).since > loaded)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_a_worker_that_is_forked_later_has_had_its_variables_as_long_as_its_parent() -> None:
    assert subprocess.run([sys.executable, "-c", FORKED], check=False).returncode == 0
