"""The API answers anything with what its schema says, and never with a 5xx."""

import pytest
from tests.e2e.example.conftest import waited
from tests.e2e.fuzz.conftest import Api
from tests.e2e.fuzz.fuzzing import fuzz, loaded


def test_about_a_hundred_requests_are_answered_as_the_schema_says(api: Api) -> None:
    findings = fuzz(api, "every", each=2, derandomize=True)
    print(findings)
    assert not findings.problems, findings.report()
    assert findings.cases >= 100


@pytest.mark.full
@pytest.mark.usefixtures("worker")
def test_thousands_of_requests_are_answered_as_the_schema_says(api: Api) -> None:
    start = api.now()
    every, none = fuzz(api, "every", each=25), fuzz(api, "none", each=10)
    print(every, none, sep="\n")
    assert not every.problems | none.problems, f"{every.report()}\n\n{none.report()}"
    assert every.cases + none.cases >= 2000
    assert {200, 202, 400, 404} <= set(every.statuses)
    assert not {201, 202} & set(none.statuses)
    # Some of what is accepted is a run, or known already.
    assert_all_ended(api, start, at_least=every.statuses[202] // 2)


def assert_all_ended(api: Api, since: str, *, at_least: int) -> None:
    """What was accepted has ended, and every record has the form that the schema gives it."""
    unfinished = [
        f"/api/tasks/?status={status}&created_after={since}" for status in ("PENDING", "PROCESSING")
    ]
    waited(lambda: not any(api.get(path)["results"] for path in unfinished), seconds=300)
    listing = next(each for each in loaded(api, "every") if each.path == "/api/tasks/")
    path, seen = f"/api/tasks/?page_size=200&created_after={since}", 0
    with api.session("every") as session:
        while path:
            answer = session.get(path if "//" in path else api.url + path, timeout=30)
            listing.validate_response(answer)
            path, seen = answer.json()["next"], seen + len(answer.json()["results"])
    assert seen >= at_least > 0
