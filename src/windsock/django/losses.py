"""Telling a lost database from everything else that can be wrong with one."""

from collections.abc import Iterator

from django.db import Error as DatabaseError
from django.db import OperationalError, connections

#: Whatever else begins with 08 is about connections too.
#: Source: PostgreSQL 18, appendix A, "PostgreSQL Error Codes".
STATES = frozenset({"57P01", "57P02", "57P03", "57P05", "53300"})


def is_away(error: BaseException | None) -> bool:
    """Whether ``error`` comes of a database that was lost or cannot be reached.

    That is SQLSTATE class 08, a server that starts or stops (57P01 to 57P03, 57P05), too many connections
    (53300), and what the driver says without any SQLSTATE: there the server did not answer at all. A lock
    time-out, a deadlock or a cancelled statement is none of these.
    """
    return any(_is_loss(each) for each in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """What was raised, and what it was raised from or in the handling of."""
    for _ in range(20):
        if error is None:
            return
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_loss(error: BaseException) -> bool:
    """Judge Django's exception by the driver's, which Django raised it from."""
    cause = error.__cause__
    if not isinstance(error, DatabaseError):
        return False
    if cause is None:
        return _was_lost_before()
    state = getattr(cause, "sqlstate", getattr(cause, "pgcode", ""))
    if state is None:
        # Connections that were refused, closed by the server or broken; other drivers have no such attribute.
        return isinstance(error, OperationalError)
    return state in STATES or state.startswith("08")


def _was_lost_before() -> bool:
    """Whether what Django itself complains of, an unusable transaction, follows a loss."""
    return any(
        connection.closed_in_transaction or getattr(connection.connection, "broken", False)
        for connection in connections.all(initialized_only=True)
    )
