"""A child's traceback, in the form in which Airflow's UI shows one."""

import re
from typing import Any

from windsock.call import Failure

_FRAME = re.compile(r'^  File "(?P<filename>.+)", line (?P<lineno>\d+), in (?P<name>.+)$', re.MULTILINE)
_CHAIN = re.compile(
    r"\n\n(?:During handling of the above exception, another exception occurred"
    r"|(?P<cause>The above exception was the direct cause of the following exception)):\n\n"
)


def show(log: Any, failure: Failure, *, what: str = "Task failed") -> None:
    """Write a failure into a task log, in the form in which Airflow's UI shows tracebacks.

    Args:
        log: structlog's logger of the task log.
        failure: what a call came to.
        what: failed, in words.
    """
    text = f"{what}: {failure.exception.removeprefix('builtins.')}: {failure.message}"
    stacks = as_error_detail(failure)
    if stacks:
        log.error(text, error_detail=stacks)
    else:
        log.error(f"{text}\n{failure.traceback}".rstrip())


def as_error_detail(failure: Failure) -> list[dict[str, Any]]:
    """Return a traceback as Airflow's log view wants it, the last exception first; empty if it has no frames.

    Source: structlog, ``ExceptionDictTransformer``, and the log view of Airflow 3.3.
    """
    parts = _CHAIN.split(failure.traceback)
    texts, causes = parts[::2], parts[1::2]
    if any("| " in text or not _FRAME.search(text) for text in texts):
        return []  # a group of exceptions is a tree, which the log view cannot show
    stacks = []
    for index, text in enumerate(texts):
        *_, frame = _FRAME.finditer(text)
        tail = "\n".join(line for line in text[frame.end() :].splitlines() if line[:1].strip())
        kind, _, message = tail.partition(": ")
        stacks.append(
            {
                "exc_type": kind,
                "exc_value": message,
                "exc_notes": [],
                "syntax_error": None,
                "is_cause": index < len(causes) and causes[index] is not None,
                "frames": [
                    {"filename": found["filename"], "lineno": int(found["lineno"]), "name": found["name"]}
                    for found in _FRAME.finditer(text)
                ],
                "is_group": False,
                "exceptions": [],
            }
        )
    return stacks[::-1]
