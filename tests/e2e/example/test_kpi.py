"""The endpoint that the simulators call, over HTTP."""

from typing import Any

import pytest
from tests.e2e.example.conftest import Site

URL = "/simulator/kpi/"


@pytest.mark.parametrize(
    ("kpi_id", "value", "result"),
    [
        (1, 10, 612.5),
        (1, -10, 612.5),
        (2, 4, 9.8),
        (3, 0, 0.0),
        (3, 10, 5.0),
        (3, 99, 12.0),
        (4, 1, 1.943844),
    ],
)
def test_a_kpi_is_its_documented_formula(site: Site, kpi_id: int, value: float, result: float) -> None:
    answer = site.api.post(URL, json={"value": value, "kpi_id": kpi_id})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["kpi_id"], found["value"], found["result"]) == (kpi_id, value, result)
    assert site.api.get(URL, params={"value": value, "kpi_id": kpi_id}).json() == found


def test_without_a_kpi_it_is_the_first(site: Site) -> None:
    assert site.api.post(URL, json={"value": "2.5"}).json() == {
        "kpi_id": 1,
        "name": "Power density",
        "unit": "W/m2",
        "value": 2.5,
        "result": 9.570312,
    }
    assert site.api.post(URL, data={"value": "2.5"}).json()["result"] == 9.570312


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("{}", "value"),
        ('{"value": null}', "value"),
        ('{"value": ""}', "value"),
        ('{"value": "fast"}', "value"),
        ('{"value": true}', "value"),
        ('{"value": [1]}', "value"),
        ('{"value": {"a": 1}}', "value"),
        ('{"value": NaN}', "value"),
        ('{"value": -Infinity}', "value"),
        ('{"value": "inf"}', "value"),
        ('{"value": 1e999}', "value"),
        ('{"value": 1' + "0" * 400 + "}", "value"),
        ('{"value": 1e200}', "value"),
        ('{"value": 1, "kpi_id": 99}', "kpi_id"),
        ('{"value": 1, "kpi_id": "first"}', "kpi_id"),
        ('{"value": 1, "kpi_id": null}', "kpi_id"),
        ('{"value": 1, "kpi_id": [1]}', "kpi_id"),
        ("[1]", "non_field_errors"),
        ("{", "detail"),
    ],
)
def test_what_cannot_be_computed_is_refused_by_the_fields_name(site: Site, body: str, field: str) -> None:
    answer = site.api.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == [field]


@pytest.mark.parametrize("query", [{}, {"value": "nan"}, {"value": "fast"}])
def test_a_query_is_refused_in_the_same_way(site: Site, query: dict[str, Any]) -> None:
    answer = site.api.get(URL, params=query)
    assert answer.status_code == 400
    assert list(answer.json()) == ["value"]


def test_a_stranger_is_refused(site: Site) -> None:
    assert site.stranger.post(URL, json={"value": 1}).status_code == 401
    assert site.stranger.get(URL, params={"value": 1}).status_code == 401
