"""Templates in a step's arguments: sandboxed Jinja over JSON data, and nothing else.

Text from a row reaches no object of the program: the names below hold JSON data, undefined names are
errors, and there is neither a loader nor a global besides ``range``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Undefined, meta, nodes, pass_context
from jinja2.exceptions import TemplateSyntaxError, UndefinedError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from windsock.call import as_json
from windsock.errors import WindsockError

#: What a template may name.
NAMES = frozenset(
    {"params", "results", "ds", "logical_date", "data_interval_start", "data_interval_end", "run_id"}
)
MARKS = ("{{", "{%", "{#")
_FOREIGN = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


class InvalidTemplate(WindsockError):
    """A template cannot be read."""


class _Data(ImmutableSandboxedEnvironment):
    """Jinja in which ``data.name`` is the key ``name`` first: a step may be called ``items``."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


@pass_context
def _late(context: Context, value: Any) -> Any:
    """Leave a value as it is, but only when it is rendered.

    Jinja computes constants while it compiles: ``{{ 10 ** 10 ** 10 }}`` would hang whoever publishes it.
    """
    return value


_environment = _Data(undefined=StrictUndefined, optimized=False, finalize=_late, keep_trailing_newline=True)
_environment.globals = {"range": _environment.globals["range"]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """What is known of a template without rendering it."""

    results: frozenset[str]  #: names of steps whose results it reads
    params: frozenset[str]  #: params that it reads by name
    is_expression: bool  #: one ``{{ ... }}`` and nothing else: it gives a value, not text


def is_template(text: str) -> bool:
    """Whether ``text`` holds anything that Jinja would act on."""
    return any(mark in text for mark in MARKS)


def has_templates(value: Any) -> bool:
    """Whether any string in ``value`` is a template."""
    if isinstance(value, Mapping):
        return any(map(has_templates, value.values()))
    if isinstance(value, list | tuple):
        return any(map(has_templates, value))
    return isinstance(value, str) and is_template(value)


@lru_cache(maxsize=4096)
def read(source: str) -> Template:
    """Examine a template.

    Raises:
        InvalidTemplate: it has a syntax error, or names what templates do not know.
    """
    try:
        tree = _environment.parse(source)
        _environment.compile(tree)
    except TemplateSyntaxError as error:
        raise InvalidTemplate(f"line {error.lineno}: {error.message}") from None
    except (SyntaxError, RecursionError, MemoryError):
        raise InvalidTemplate("is nested too deeply") from None
    _refuse_foreign(tree)
    named = {id(node.node): name for node, name in _members(tree)}
    for node in tree.find_all(nodes.Name):
        if node.name == "results" and id(node) not in named:
            raise InvalidTemplate("read a result by its step's name, as in results.load or results['load']")
    return Template(
        results=_read_from(tree, "results"),
        params=_read_from(tree, "params"),
        is_expression=source.startswith("{{") and source.endswith("}}") and _is_single(tree),
    )


def variables(
    *,
    params: Mapping[str, Any],
    results: Mapping[str, Any],
    run_id: str,
    logical_date: datetime,
    data_interval: tuple[datetime, datetime],
) -> dict[str, Any]:
    """Return what templates may name, as JSON data; times are ISO 8601, ``ds`` is the date alone."""
    return {
        "params": dict(params),
        "results": dict(results),
        "run_id": run_id,
        "ds": logical_date.date().isoformat(),
        "logical_date": logical_date.isoformat(),
        "data_interval_start": data_interval[0].isoformat(),
        "data_interval_end": data_interval[1].isoformat(),
    }


def render(value: Any, names: Mapping[str, Any]) -> Any:
    """Return ``value`` with every template in its strings rendered.

    A string that is one ``{{ ... }}`` and nothing else becomes that expression's JSON value; every other
    template becomes text.

    Raises:
        TemplateError: a name is undefined or forbidden; a note tells in which template.
        TypeError: the value of an expression is not JSON data.
    """
    if isinstance(value, str):
        return _render_text(value, names) if is_template(value) else value
    if isinstance(value, Mapping):
        return {key: render(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [render(item, names) for item in value]
    return value


def _render_text(source: str, names: Mapping[str, Any]) -> Any:
    try:
        if not read(source).is_expression:
            return _environment.from_string(source).render(names)
        inner = source[2:-2].removeprefix("-").removeprefix("+").removesuffix("-").removesuffix("+")
        result = _environment.compile_expression(inner, undefined_to_none=False)(**names)
        if isinstance(result, Undefined):
            raise UndefinedError(result._undefined_message)
        return as_json(result)
    except Exception as error:
        error.add_note(f"in the template {source!r}")
        raise


def _refuse_foreign(tree: nodes.Template) -> None:
    for _ in tree.find_all(_FOREIGN):
        raise InvalidTemplate("include, import and extends are not available")
    for access in tree.find_all(nodes.Getattr):
        if access.attr.startswith("_"):
            raise InvalidTemplate(f"{access.attr!r} may not be read")
    unknown = meta.find_undeclared_variables(tree) - NAMES - {"range"}
    if unknown:
        raise InvalidTemplate(f"unknown name {min(unknown)!r}; known are {', '.join(sorted(NAMES))}")


def _members(tree: nodes.Template) -> list[tuple[nodes.Getattr | nodes.Getitem, tuple[str, str]]]:
    """Return each ``name.member`` and ``name["member"]`` of the tree with its (name, member)."""
    found: list[tuple[nodes.Getattr | nodes.Getitem, tuple[str, str]]] = []
    for access in tree.find_all(nodes.Getattr):
        if isinstance(access.node, nodes.Name):
            found.append((access, (access.node.name, access.attr)))
    for item in tree.find_all(nodes.Getitem):
        key = item.arg.value if isinstance(item.arg, nodes.Const) else None
        if isinstance(item.node, nodes.Name) and isinstance(key, str):
            found.append((item, (item.node.name, key)))
    return found


def _read_from(tree: nodes.Template, base: str) -> frozenset[str]:
    return frozenset(member for _, (name, member) in _members(tree) if name == base)


def _is_single(tree: nodes.Template) -> bool:
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return False
    parts = tree.body[0].nodes
    return len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData)
