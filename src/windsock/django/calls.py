"""What Airflow's operators call inside a project: a function, the source of one, or a management command.

The project needs neither ``windsock.django`` in INSTALLED_APPS nor any package beside Django: this module
may only be lent to the project's interpreter, and imports nothing else.
"""

import __future__

import ast
import importlib
import json
import logging
import os
import sys
from asyncio import iscoroutinefunction
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import signature
from io import TextIOWrapper
from typing import Any

import django
from asgiref.sync import async_to_sync
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import close_old_connections

from windsock.call import Failure, Outcome, describe, import_function
from windsock.django.unrecorded import CallContext
from windsock.payload import Serializer, is_pickled, pack, unpack


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """How arguments come in and the result goes out."""

    serializer: Serializer = "json"
    limit: int | None = None  #: bytes that the result may have as JSON; None: any
    result: bool = True  #: False: nobody wants it
    attempt: int = 1  #: which try of Airflow's task this is


def setup() -> Callable[[], AbstractContextManager[None]]:
    """Set the project up in a process of its own, whose output is read line by line.

    Returns:
        What is entered around a call.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    _set_up(os.environ.get("DJANGO_SETTINGS_MODULE", ""), os.getcwd())
    if not logging.root.handlers:  # the project's LOGGING leaves it to others
        logging.basicConfig(
            stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s"
        )
    return _connected


def setup_here(settings_module: str, directory: str) -> Callable[[], AbstractContextManager[None]]:
    """Set the project up in a process that is not its own, whose logging stays as it is.

    Args:
        settings_module: Django's settings; by default what the variable ``DJANGO_SETTINGS_MODULE`` says.
        directory: folder from which the project is imported; by default the current one.

    Returns:
        What is entered around a call.

    Raises:
        ImproperlyConfigured: no settings are named, or this process has others already.
    """
    current = os.environ.get("DJANGO_SETTINGS_MODULE", "")
    if settings.configured and settings_module not in ("", current):
        raise ImproperlyConfigured(f"this process is set up with {current!r}, not with {settings_module!r}")
    if not apps.ready:
        _set_up(settings_module or current, os.path.abspath(directory), logging_config=None)
    return _connected


def call(*, task: str, args: Any, kwargs: Any, strings: Sequence[str] = (), **terms: Any) -> Any:
    """Call a function of the project, or that of one of its tasks, sync or async.

    Args:
        task: dotted path of the function.
        args: packed list.
        kwargs: packed mapping.
        strings: go to the parameter ``string_args`` where there is one, else behind ``args``.
        terms: fields of ``Terms``.

    Returns:
        The packed result, or an ``Outcome`` where it cannot be passed on.

    Raises:
        ImportError: there is no such function.
        TypeError: it cannot be called like this.
    """
    how = Terms(**terms)
    function = _function(task, how)
    arguments = [*_unpacked(args, how)]
    keywords = {**_unpacked(kwargs, how)}
    if strings and "string_args" in signature(function).parameters:
        keywords["string_args"] = list(strings)
    else:
        arguments += strings
    return _result(partial(function, *arguments, **keywords), how)


def call_source(
    *, source: str, place: tuple[str, int], name: str, args: Any, kwargs: Any, **terms: Any
) -> Any:
    """Define a function here and call it.

    Args:
        source: of the function, as it stands in its file; its decorators are left out.
        place: that file, and the line where ``source`` begins, for tracebacks.
        name: of the function.
        args: packed list.
        kwargs: packed mapping.
        terms: fields of ``Terms``.

    Returns:
        The same as ``call``.
    """
    how = Terms(**terms)
    function = _synchronous(_defined(source, place, name))
    return _result(partial(function, *_unpacked(args, how), **_unpacked(kwargs, how)), how)


def manage(*, command: str, args: Any, options: Any, **terms: Any) -> Any:
    """Run a management command.

    Args:
        command: its name.
        args: packed list, as on the command line.
        options: packed mapping, by the names that the command gives them.
        terms: fields of ``Terms``.

    Returns:
        What its ``handle`` returns, packed, or an ``Outcome`` where that cannot be passed on.
    """
    how = Terms(**terms)
    words = [each if isinstance(each, str) else str(each) for each in _unpacked(args, how)]

    def run() -> Any:
        try:
            return call_command(command, *words, **_unpacked(options, how))
        except SystemExit as leaving:
            if leaving.code:
                raise
            return None

    return _result(run, how)


@contextmanager
def _connected() -> Iterator[None]:
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


def _set_up(settings_module: str, directory: str, **changes: Any) -> None:
    if not settings_module:
        raise ImproperlyConfigured("name the project's settings: settings='shop.settings'")
    os.environ["DJANGO_SETTINGS_MODULE"] = settings_module
    if directory not in sys.path:
        sys.path.insert(0, directory)
    for name, value in changes.items():
        setattr(settings, name.upper(), value)
    django.setup()


def _function(path: str, how: Terms) -> Callable[..., Any]:
    module, _, name = path.rpartition(".")
    # A task is no function, and whose framework made it does not matter here.
    found: Any = getattr(importlib.import_module(module), name, None) if module else None
    if not hasattr(found, "func") or not hasattr(found, "takes_context"):
        return _synchronous(import_function(path))
    function = _synchronous(found.func)
    return partial(function, CallContext(how.attempt)) if found.takes_context else function


def _synchronous(function: Callable[..., Any]) -> Callable[..., Any]:
    return async_to_sync(function) if iscoroutinefunction(function) else function


def _defined(source: str, place: tuple[str, int], name: str) -> Callable[..., Any]:
    file, line = place
    inner = source[:1].isspace()
    tree = ast.parse(f"if True:\n{source}" if inner else source, file)
    ast.increment_lineno(tree, line - (2 if inner else 1))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            node.decorator_list.clear()
            break
    # Annotations name what only the DAG's file imports.
    code = compile(tree, file, "exec", __future__.annotations.compiler_flag, dont_inherit=True)
    names: dict[str, Any] = {"__name__": "windsock_dag", "__file__": file}
    exec(code, names)  # noqa: S102 - the DAG's author wrote it, as any other task of the DAG
    return names[name]  # type: ignore[no-any-return]


def _unpacked(data: Any, how: Terms) -> Any:
    value = unpack(data, serializer=how.serializer, importing=True)
    return _restored(value) if how.serializer == "pickle" else value


def _restored(value: Any) -> Any:
    """Return arguments with those parts unpickled that XCom could only hold pickled."""
    if is_pickled(value):
        return unpack(value, serializer="pickle")
    if type(value) is dict:
        return {key: _restored(item) for key, item in value.items()}
    return type(value)(map(_restored, value)) if type(value) in (list, tuple) else value


def _result(function: Callable[[], Any], how: Terms) -> Any:
    try:
        value = function()
    except SystemExit as leaving:
        return Outcome(failure=describe(leaving))
    if not how.result:
        return None
    try:
        packed = pack(value, place="the result", serializer=how.serializer)
    except TypeError as error:
        return _refused(str(error))
    size = len(json.dumps(packed, ensure_ascii=False).encode())
    if how.limit is not None and size > how.limit:
        return _refused(
            f"the result has {size:,} bytes of JSON, the limit is {how.limit:,} ([windsock] result_limit); "
            "put it into a table or a file and return its key"
        )
    return packed


def _refused(message: str) -> Outcome:
    """Fail for good: the function has done its work, and would do it again with the next try."""
    text = f"{message}, or set do_xcom_push=False"
    return Outcome(failure=Failure(exception="builtins.ValueError", message=text, retry=False))
