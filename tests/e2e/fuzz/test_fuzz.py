"""The API answers anything with what its schema says, and never with a 5xx."""

import pytest
from tests.e2e.fuzz.conftest import Api
from tests.e2e.fuzz.fuzzing import fuzz


def test_about_sixty_requests_are_answered_as_the_schema_says(api: Api) -> None:
    findings = fuzz(api, "every", each=2, derandomize=True)
    print(findings)
    assert not findings.problems, findings.report()
    assert findings.cases >= 50


@pytest.mark.full
@pytest.mark.usefixtures("worker")
def test_thousands_of_requests_are_answered_as_the_schema_says(api: Api) -> None:
    every, none = fuzz(api, "every", each=60), fuzz(api, "none", each=40)
    print(every, none, sep="\n")
    assert not every.problems | none.problems, f"{every.report()}\n\n{none.report()}"
    assert every.cases + none.cases >= 2000
    assert {200, 202, 400, 404} <= set(every.statuses)
    assert {202} & set(none.statuses) == set()
