"""The wire and the tokens under arbitrary input."""

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windsock import signing, wire
from windsock.errors import SignatureError, WireError
from windsock.workflow import Param, Retry, Schedule, Step, Workflow, validate

pytestmark = pytest.mark.full
KEY = "a key that is long enough"

json_data = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
durations = st.integers(0, 10**6).map(lambda seconds: timedelta(seconds=seconds))
steps = st.builds(
    Step,
    name=names,
    task=names.map(lambda name: f"app.{name}"),
    args=st.lists(json_data, max_size=3).map(tuple),
    kwargs=st.dictionaries(names, json_data, max_size=3),
    after=st.lists(names, max_size=2).map(tuple),
    retry=st.builds(Retry, limit=st.integers(0, 5), delay=durations, backoff=st.booleans()),
    timeout=st.none() | durations,
)
workflows = st.builds(
    Workflow,
    id=names,
    title=st.text(max_size=20),
    steps=st.lists(steps, max_size=4).map(tuple),
    schedule=st.builds(
        Schedule,
        cron=st.lists(st.text(max_size=10), max_size=2).map(tuple),
        start=st.none() | st.datetimes(timezones=st.timezones(no_cache=True)).map(lambda moment: moment),
    ),
    params=st.dictionaries(
        names, st.builds(Param, default=json_data, description=st.text(max_size=5)), max_size=2
    ),
)


@settings(max_examples=1_000, deadline=None)
@given(workflows)
def test_a_workflow_comes_back_as_the_same_document(workflow: Workflow) -> None:
    document = json.loads(wire.canonical(wire.to_json(workflow)))

    again = wire.from_json(Workflow, document)

    assert wire.digest(wire.to_json(again)) == wire.digest(document)
    assert validate(again) == validate(workflow)


@settings(max_examples=2_000, deadline=None)
@given(json_data)
def test_any_document_is_read_or_refused_with_a_wire_error(document: object) -> None:
    try:
        wire.from_json(Workflow, document)
    except WireError:
        return
    assert isinstance(document, dict)


@settings(max_examples=2_000, deadline=None)
@given(st.text())
def test_no_made_up_token_is_believed(token: str) -> None:
    with pytest.raises(SignatureError):
        signing.verify(token, KEY, "feed")
