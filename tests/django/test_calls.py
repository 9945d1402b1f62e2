import json
import os
import re
import subprocess
import sys
import textwrap
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st
from tests.django import called

from windsock.call import Call, Outcome, execute
from windsock.django import calls
from windsock.payload import pack, unpack


def run(function: str, /, **kwargs: Any) -> Outcome:
    sent = json.loads(json.dumps(kwargs))
    return execute(Call(function=f"windsock.django.calls.{function}", kwargs=sent))


def call(task: str, *args: Any, **options: Any) -> Outcome:
    kwargs = options.pop("kwargs", {})
    return run("call", task=f"tests.django.called.{task}", args=pack(args), kwargs=pack(kwargs), **options)


def source(text: str, *args: Any, line: int = 1, file: str = "/dags/shop.py", **options: Any) -> Outcome:
    kwargs = options.pop("kwargs", {})
    return run(
        "call_source",
        source=text,
        place=[file, line],
        name="sync",
        args=pack(args),
        kwargs=pack(kwargs),
        **options,
    )


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC))
    | st.datetimes(min_value=datetime(1950, 1, 1), timezones=st.timezones())
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
)
keys = st.text() | st.integers() | st.dates() | st.uuids() | st.tuples(st.integers(), st.text())
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(keys, inner)
        | st.lists(inner).map(tuple)
        | st.sets(keys)
        | st.frozensets(keys)
        | st.sampled_from(["$type", "value"]).flatmap(lambda key: st.fixed_dictionaries({key: inner}))
    ),
    max_leaves=12,
)


@given(values)
def test_whatever_is_packed_comes_back_the_same(value: Any) -> None:
    back = unpack(json.loads(json.dumps(pack(value), allow_nan=False)))
    assert (back, repr(type(back))) == (value, repr(type(value)))


def test_a_function_gets_its_arguments_and_gives_its_result() -> None:
    day = date(2026, 1, 2)
    value = unpack(call("echo", 1, {day}, kwargs={"span": timedelta(days=1)}).value)
    assert value == [[1, {day}], {"span": timedelta(days=1)}]


def test_a_dataclass_of_the_project_comes_in_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = call("total", {Decimal("1.10"), Decimal("2")}).value
    assert unpack(packed) == called.Sum(Decimal("3.10"))
    monkeypatch.delitem(sys.modules, "tests.django.called")
    outcome = run("call", task="tests.django.called.is_sum", args=[packed], kwargs={})
    assert outcome.value is True


def test_an_async_function_is_awaited() -> None:
    assert call("later", 1).value == 2


def test_the_function_of_a_task_is_called() -> None:
    assert call("doubled", 4).value == 8


def test_a_task_that_takes_a_context_gets_one_without_a_record() -> None:
    assert call("doubled_with_context", 4, attempt=3).value == [8, 3]


def test_what_needs_the_record_says_where_there_is_one() -> None:
    failure = call("asks_for_its_record").failure
    assert failure is not None
    assert "DjangoTaskOperator enqueues the task with one" in failure.message


def test_a_function_that_is_not_there_is_named() -> None:
    failure = call("nonsense").failure
    assert failure is not None
    assert failure.message == "module 'tests.django.called' has no function 'nonsense'"
    failure = run("call", task="sync", args=[], kwargs={}).failure
    assert failure is not None
    assert failure.message == "'sync' is not a dotted path"


def test_strings_go_to_the_parameter_of_that_name_else_behind_the_others() -> None:
    assert call("echo", 1, strings=["a", "b"]).value == [[1, "a", "b"], {}]
    outcome = call("published", "today", strings=["a"], kwargs={"templates_dict": {"x": "y"}})
    assert outcome.value == ["today", ["a"], {"x": "y"}]


@pytest.mark.parametrize(
    ("task", "advice"),
    [
        ("an_order", "the model instance django.contrib.auth.models.User, .* pass its key, 7"),
        ("orders", "a django.db.models.query.QuerySet, which .* pass the keys of its rows"),
        ("texts", 'a generator, which JSON cannot hold; pass texts, .* serializer="pickle"'),
    ],
)
def test_a_result_that_cannot_be_held_is_refused_for_good(task: str, advice: str) -> None:
    failure = call(task).failure
    assert failure is not None
    assert failure.message.startswith("the result is ")
    assert re.search(advice, failure.message)
    assert failure.message.endswith("or set do_xcom_push=False")
    assert not failure.retry


def test_a_result_that_nobody_wants_may_be_anything() -> None:
    assert call("an_order", result=False) == Outcome()


def test_a_large_result_is_refused_for_good() -> None:
    assert call("large", 499, limit=1000).succeeded
    failure = call("large", 500, limit=1000).failure
    assert failure is not None
    assert failure.message.startswith("the result has 1,002 bytes of JSON, the limit is 1,000")
    assert "put it into a table or a file and return its key" in failure.message
    assert not failure.retry


def test_pickle_carries_what_json_cannot() -> None:
    outcome = run(
        "call",
        task="tests.django.called.echo",
        args=pack([2 + 3j], serializer="pickle"),
        kwargs=pack({"u": UUID(int=1)}, serializer="pickle"),
        serializer="pickle",
    )
    assert unpack(outcome.value, serializer="pickle") == [[2 + 3j], {"u": UUID(int=1)}]


def test_what_xcom_could_only_hold_pickled_is_itself_again() -> None:
    held = pack(2 + 3j, serializer="pickle")
    outcome = run(
        "call",
        task="tests.django.called.echo",
        args=pack([held, [(held,)]], serializer="pickle"),
        kwargs=pack({"a": {"b": held}}, serializer="pickle"),
        serializer="pickle",
    )
    assert unpack(outcome.value, serializer="pickle") == [[2 + 3j, [(2 + 3j,)]], {"a": {"b": 2 + 3j}}]


def test_leaving_is_a_failure_with_the_place_where_it_happened() -> None:
    failure = call("leaves", 3).failure
    assert failure is not None
    assert (failure.exception, failure.message, failure.retry) == ("builtins.SystemExit", "3", True)
    assert "in leaves" in failure.traceback


def test_a_function_may_skip() -> None:
    assert call("skips") == Outcome(skipped=True, message="nothing to do")


SOURCE = """\
@task.django(environment=SHOP)
def sync(day: Missing, *, times: "Missing" = 2) -> Missing:
    from datetime import timedelta

    return [day + timedelta(days=number) for number in range(times)]
"""


def test_the_source_of_a_function_is_run_without_what_stands_around_it() -> None:
    value = unpack(source(SOURCE, date(2026, 1, 1), kwargs={"times": 1}).value)
    assert value == [date(2026, 1, 1)]


def test_source_that_is_indented_is_run_too() -> None:
    assert source(textwrap.indent(SOURCE, "    "), date(2026, 1, 1), kwargs={"times": 0}).value == []


def test_async_source_is_awaited() -> None:
    assert source("async def sync():\n    return 5\n").value == 5


def test_a_traceback_points_into_the_dag_file(tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    text = "    @task.django()\n    def sync():\n        raise LookupError('no shop')\n"
    file.write_text("with DAG():\n\n" + text)
    failure = source(text, file=str(file), line=3).failure
    assert failure is not None
    assert f'File "{file}", line 5, in sync' in failure.traceback
    assert "raise LookupError('no shop')" in failure.traceback


def test_a_management_command_gets_arguments_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run("manage", command="check", args=["auth"], options=pack({"tags": ["models"]}))
    assert outcome == Outcome()
    assert "no issues" in capsys.readouterr().out


def test_an_unknown_command_is_a_failure() -> None:
    failure = run("manage", command="nonsense", args=[], options={}).failure
    assert failure is not None
    assert failure.exception == "django.core.management.base.CommandError"


@pytest.mark.parametrize(("status", "succeeds"), [(0, True), (None, True), (1, False), ("no shop", False)])
def test_a_command_ends_well_or_not_by_its_status(
    status: Any, succeeds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "call_command", lambda *args, **options: sys.exit(status))
    outcome = run("manage", command="leave", args=[7], options={})
    assert outcome.succeeded is succeeds


def test_connections_that_are_too_old_are_closed_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr(calls, "close_old_connections", lambda: closed.append("closed"))
    with calls.setup_here("", "")():
        assert closed == ["closed"]
    assert closed == ["closed", "closed"]


def test_this_process_is_not_set_up_twice_otherwise() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"set up with 'tests.django.settings', not with 'shop"):
        calls.setup_here("shop.settings", "")


BARE = """
import json, logging, os, sys
from pathlib import Path
from windsock.call import Call, execute
from windsock.django import calls

around = getattr(calls, sys.argv[1])(*sys.argv[2:])
with around():
    print("first")
    logging.getLogger("shop").info("second")
    outcome = execute(Call(function="windsock.django.calls.call", kwargs={
        "task": "shop.names", "args": [], "kwargs": {}, "attempt": 2}))
    print(json.dumps([outcome.value, str(outcome.failure), os.environ["DJANGO_SETTINGS_MODULE"]]))
"""


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A project that knows nothing of Windsock, nor of any task framework."""
    (tmp_path / "bare_settings.py").write_text(
        "INSTALLED_APPS = ['django.contrib.contenttypes', 'django.contrib.auth']\n"
        "LOGGING = {'version': 1, 'loggers': {'shop': {'level': 'INFO'}}}\n"
    )
    (tmp_path / "shop.py").write_text(
        "import sys\n"
        "def names():\n"
        "    from django.apps import apps\n"
        "    strange = {'django_tasks', 'rest_framework', 'celery', 'psycopg', 'httpx'} & set(sys.modules)\n"
        "    return [config.name for config in apps.get_app_configs()] + sorted(strange)\n"
    )
    return tmp_path


def start(folder: Path, *arguments: str, settings: str = "") -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, "-c", BARE, *arguments],
        cwd=folder,
        env=kept | ({"DJANGO_SETTINGS_MODULE": settings} if settings else {}),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_project_needs_neither_windsock_nor_a_task_framework(bare: Path) -> None:
    found = start(bare, "setup", settings="bare_settings")
    assert found.stderr == ""
    first, second, answer = found.stdout.splitlines()
    assert (first, second) == ("first", "INFO shop: second")
    assert json.loads(answer)[0] == ["django.contrib.contenttypes", "django.contrib.auth"]


def test_a_process_that_is_not_the_projects_keeps_its_logging(bare: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    found = start(elsewhere, "setup_here", "bare_settings", str(bare))
    assert found.stderr == ""
    _, answer = found.stdout.splitlines()
    assert json.loads(answer)[2] == "bare_settings"


def test_without_settings_it_says_what_to_name(bare: Path) -> None:
    found = start(bare, "setup")
    assert "ImproperlyConfigured: name the project's settings: settings='shop.settings'" in found.stderr
