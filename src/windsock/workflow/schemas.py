"""JSON schemas of params, as far as the standard library can read them."""

from collections.abc import Iterator, Mapping
from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def references(schema: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each reference in ``schema`` as (path of its keyword, what it points to)."""
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            where = f"{path}.{key}".lstrip(".")
            if key in ("$ref", "$dynamicRef"):
                yield where, str(value)
            else:
                yield from references(value, where)
    elif isinstance(schema, list | tuple):
        for index, item in enumerate(schema):
            yield from references(item, f"{path}.{index}")


def problems(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield as (path, message) what would make a reader fetch something, or read another dialect.

    Source: Airflow 3.3, ``airflow.sdk.definitions.param``: it checks defaults with ``jsonschema.validate``
    while it parses, and that fetches references out of the document.
    """
    dialect = schema.get("$schema", DIALECT)
    if str(dialect).rstrip("#") != DIALECT:
        yield "$schema", f"{dialect!r} points out of the document; the dialect is {DIALECT}"
    for where, target in references(schema):
        if not target.startswith("#"):
            yield where, f"{target!r} points out of the document"
