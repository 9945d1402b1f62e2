"""The warm process starts anew when its project changed, and no call is lost on the way."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.core.warm.conftest import Shop, ended

from windsock.errors import SetUpFailed
from windsock.testing.suite import is_running, wait_until
from windsock.warm import origin, place, server


def owner(shop: Shop) -> int:
    return place.owner(shop.process.path) or 0


def test_an_edited_project_is_set_up_anew_at_the_next_call(shop: Shop) -> None:
    assert shop.call("edition") == "first"
    former = owner(shop)
    assert shop.call("edition") == "first"
    assert owner(shop) == former
    shop.edit("the second")
    wait_until(lambda: shop.call("edition") == "the second")
    assert shop.set_ups() == ["first", "the second"]
    wait_until(lambda: not is_running(former))
    assert "shop.py has changed" in shop.process.log.read_text()


def test_a_child_that_runs_meanwhile_ends_undisturbed(shop: Shop) -> None:
    session = shop.begin("wait_for", "go")
    wait_until((shop.folder / "go.waits").exists)
    former = owner(shop)
    shop.edit("the second")
    assert shop.call("edition") == "the second"
    assert owner(shop) != former
    (shop.folder / "go").touch()
    assert ended(session) == 0
    assert session.outcome is not None
    assert session.outcome.value == "first"
    session.close()
    wait_until(lambda: not is_running(former))


def test_a_child_of_a_retired_owner_is_killed_with_its_caller(shop: Shop) -> None:
    session = shop.begin("hang_with", "leave_daemon", "daemon")
    daemon, former = shop.pid("daemon"), owner(shop)
    os.kill(former, signal.SIGHUP)
    assert shop.call("edition") == "first"
    session.close()
    wait_until(lambda: not any(map(is_running, (session.pid, daemon, former))))


def test_a_hangup_makes_a_new_owner_and_ends_no_child(shop: Shop) -> None:
    session = shop.begin("wait_for", "go")
    wait_until((shop.folder / "go.waits").exists)
    former = owner(shop)
    os.kill(former, signal.SIGHUP)
    wait_until(lambda: not shop.process.path.exists())
    assert shop.call("edition") == "first"
    assert owner(shop) != former
    os.kill(former, signal.SIGHUP)
    (shop.folder / "go").touch()
    assert ended(session) == 0
    session.close()
    wait_until(lambda: not is_running(former))
    assert shop.process.path.exists()
    assert shop.set_ups() == ["first", "first"]


def test_no_call_is_lost_while_owners_come_and_go(shop: Shop) -> None:
    shop.call("edition")
    done = threading.Event()

    def edit() -> None:
        for number in range(1, 6):
            shop.edit("x" * number)
            seen = len(shop.set_ups())
            wait_until(lambda seen=seen: done.is_set() or len(shop.set_ups()) > seen)  # type: ignore[misc]

    with ThreadPoolExecutor(5) as pool:
        editor = pool.submit(edit)
        answers = list(pool.map(lambda _: shop.call("edition"), range(60)))
        done.set()
        editor.result()
    assert len(answers) == 60
    assert len(shop.set_ups()) >= 3


def test_callers_at_a_cold_start_share_one_owner(shop: Shop) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: shop.call("edition"), range(16)))
    assert set(answers) == {"first"}
    assert shop.set_ups() == ["first"]


def test_a_killed_owner_loses_its_step_and_the_next_call_elects_another(shop: Shop) -> None:
    session = shop.begin("hang_with", "leave_session", "left")
    left, former = shop.pid("left"), owner(shop)
    os.kill(former, signal.SIGKILL)
    ended(session)
    assert session.abandoned
    session.close()
    assert shop.call("edition") == "first"
    assert owner(shop) != former
    wait_until(lambda: not any(map(is_running, (left, former, session.pid))))


def test_a_set_up_that_failed_is_tried_again_when_its_file_changed(shop: Shop) -> None:
    shop.break_it()
    with pytest.raises(SetUpFailed, match="was never closed"):
        shop.process.open(1, 2, 2)
    shop.edit("mended")
    wait_until(lambda: shop.send("edition").value == "mended", seconds=server.FAILED_IDLE / 2)


def test_a_set_up_that_failed_is_not_tried_again_with_each_call(shop: Shop) -> None:
    shop.break_it()
    for _ in range(10):
        with pytest.raises(SetUpFailed):
            shop.process.open(1, 2, 2)
    assert shop.process.log.read_text().count("the set-up shop:set_up failed") == 1


def test_a_set_up_that_failed_is_tried_again_after_a_while_though_calls_go_on(shop: Shop) -> None:
    shop = Shop(process=replace(shop.process, idle=1.0), folder=shop.folder)
    with (shop.folder / "shop.py").open("a") as source:
        source.write("\nassert Path('database').exists(), 'it is away'\n")
    assert "it is away" in str(shop.send("edition").failure)
    (shop.folder / "database").touch()
    wait_until(lambda: shop.send("edition").value == "first")


def test_a_named_file_is_watched(shop: Shop) -> None:
    named = shop.folder / "shop.env"
    shop = Shop(process=replace(shop.process, watch=(named,)), folder=shop.folder)
    shop.call("edition")
    named.write_text("DEBUG=1")
    wait_until(lambda: bool(shop.call("edition")) and len(shop.set_ups()) == 2)


def with_variable(shop: Shop, value: str) -> Shop:
    return Shop(
        process=replace(shop.process, environment={**shop.process.environment, "DATABASE": value}),
        folder=shop.folder,
    )


def test_a_caller_that_was_started_later_brings_its_variables(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    former, later = with_variable(shop, "former"), with_variable(shop, "later")
    assert former.call("variable", "DATABASE") == "former"
    first = owner(shop)
    monkeypatch.setattr(origin, "SINCE", origin.SINCE + 1)
    assert later.call("variable", "DATABASE") == "later"
    wait_until(lambda: not is_running(first))
    assert "with other environment variables" in shop.process.log.read_text()


def test_callers_that_differ_do_not_start_it_anew_in_turns(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    former, later = with_variable(shop, "former"), with_variable(shop, "later")
    since = origin.SINCE
    for _ in range(3):
        for each, began in ((former, since), (later, since + 1)):
            monkeypatch.setattr(origin, "SINCE", began)
            each.call("edition")
    assert shop.set_ups() == ["first", "first"]


def test_the_same_variables_are_no_change_whoever_brings_them(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.call("edition")
    monkeypatch.setattr(origin, "SINCE", origin.SINCE + 1)
    shop.call("edition")
    assert shop.set_ups() == ["first"]
