"""What can go wrong with the local stack; each message is meant for the person at the terminal."""

from windsock.errors import WindsockError


class LocalError(WindsockError):
    """The local stack could not do that."""


class ProjectNotFound(LocalError):
    """No Django project here: run this in a folder with a manage.py, or below one."""


class CommandError(LocalError):
    """A command ended with a failure; the message ends with its last lines."""


class PostgresError(LocalError):
    """PostgreSQL could not be found or started."""


class BrokerError(LocalError):
    """Valkey could not be found or started."""


class ForeignFolder(LocalError):
    """The folder belongs to another user."""


class NoFreePort(LocalError):
    """No free port was found."""


class NotRunning(LocalError):
    """Nothing runs here; start it with `windsock up`."""


class PartFailed(LocalError):
    """A part of the stack ended again and again."""
