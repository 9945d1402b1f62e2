import pytest
from tests.airflow.fake_feed import KEY, FakeFeed
from tests.airflow.plans import plan

from windsock.airflow.hook import Entry, Feed, FeedUnavailable, NotPublished, Problem
from windsock.errors import WireError
from windsock.wire import to_json


def test_changes_are_what_was_published_after_a_revision(feed: FakeFeed) -> None:
    feed.publish(plan("a"), plan("b"))
    feed.publish(plan("a", title="A"))
    feed.retire("b")
    assert Feed().changes(2) == (
        4,
        (
            Entry(workflow="a", revision=3, document=to_json(plan("a", title="A"))),
            Entry(workflow="b", revision=4),
        ),
    )
    assert Feed().changes(4) == (4, ())


def test_one_workflow_is_fetched_as_it_was_at_a_revision(feed: FakeFeed) -> None:
    feed.publish(plan("a"), plan("b"), plan("a", title="A"))
    assert Feed().workflow("a", 2) == Entry(workflow="a", revision=1, document=to_json(plan("a")))
    assert Feed().workflow("a").revision == 3
    with pytest.raises(NotPublished, match="revision=1"):
        Feed().workflow("b", 1)


def test_problems_are_told_also_that_one_is_gone(feed: FakeFeed) -> None:
    Feed().report(
        [Problem(workflow="a", revision=3, message="bad"), Problem(workflow="b", revision=1, message="")]
    )
    assert feed.problems == [
        {"workflow": "a", "revision": 3, "message": "bad"},
        {"workflow": "b", "revision": 1, "message": ""},
    ]


def test_a_foreign_key_is_refused_with_advice(feed: FakeFeed) -> None:
    with pytest.raises(FeedUnavailable, match="feed_key the same on both sides"):
        Feed(key="another key, also long enough").changes(0)


def test_a_key_that_is_too_short_is_named(feed: FakeFeed) -> None:
    with pytest.raises(FeedUnavailable, match=r"\[windsock\] feed_key: .*16 characters"):
        Feed(key="short").changes(0)


def test_a_missing_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__WINDSOCK__URL", raising=False)
    with pytest.raises(FeedUnavailable, match=r"\[windsock\] url"):
        Feed(key=KEY).changes(0)


def test_a_second_project_has_a_section_of_its_own(feed: FakeFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    feed.publish(plan("a"))
    monkeypatch.delenv("AIRFLOW__WINDSOCK__URL")
    monkeypatch.setenv("AIRFLOW__WINDSOCK_BLOG__URL", feed.url)
    monkeypatch.setenv("AIRFLOW__WINDSOCK_BLOG__FEED_KEY", KEY)
    assert Feed(section="windsock_blog").changes(0)[0] == 1
    with pytest.raises(FeedUnavailable, match=r"\[windsock_shop\] url"):
        Feed(section="windsock_shop").changes(0)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/feed/", "http://[::bad/"])
def test_nobody_at_the_address(url: str) -> None:
    with pytest.raises(FeedUnavailable):
        Feed(url=url, key=KEY).changes(0)


def test_a_proxy_does_not_stand_between_two_parts_of_one_host(
    feed: FakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert Feed().changes(0) == (0, ())


def test_an_answer_of_a_server_in_trouble_is_no_document(feed: FakeFeed) -> None:
    feed.down = True
    with pytest.raises(FeedUnavailable, match="answered 503"):
        Feed().changes(0)


def test_a_newer_protocol_is_refused(feed: FakeFeed) -> None:
    feed.protocol = 99
    with pytest.raises(WireError, match="protocol 99"):
        Feed().changes(0)


@pytest.mark.parametrize(
    "body", [{"protocol": 1}, {"protocol": 1, "entries": [{}], "revision": 1}, [], "text"]
)
def test_an_answer_of_another_form_is_refused(
    feed: FakeFeed, body: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "answer", lambda *_: (200, body))
    with pytest.raises(WireError):
        Feed().changes(0)


def test_a_page_instead_of_json_is_refused(feed: FakeFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "answer", lambda *_: (200, None))
    with pytest.raises(WireError, match="expected JSON"):
        Feed().changes(0)


def test_the_token_says_which_bundle_asks(feed: FakeFeed) -> None:
    Feed(bundle="shop").changes(0)
    assert feed.claims[-1]["bundle"] == "shop"
    assert feed.claims[-1]["aud"] == "feed"
