"""Every exception of Windsock; the docstring is the default message."""

from typing import Any


class WindsockError(Exception):
    """Something went wrong in Windsock."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class WireError(WindsockError):
    """A document does not have the form that this version of Windsock reads."""


class SignatureError(WindsockError):
    """A token is missing, forged, expired or meant for somebody else."""


class InvalidWorkflow(WindsockError):
    """A workflow cannot be published."""

    def __init__(self, problems: "tuple[tuple[str, str], ...]") -> None:
        #: (field path, what is wrong with it), at least one.
        self.problems = problems
        super().__init__("; ".join(f"{field}: {message}" for field, message in problems))


class InvalidParams(WindsockError):
    """A run cannot be started with these params."""

    def __init__(self, problems: "tuple[tuple[str, str], ...]") -> None:
        #: (field path, what is wrong with it), at least one.
        self.problems = problems
        super().__init__("; ".join(f"{field}: {message}" for field, message in problems))


class RunRefused(WindsockError):
    """This workflow cannot be run now."""


class NotEditable(WindsockError):
    """This workflow is not edited here; change the row or the code that it comes from."""


class UnknownTask(WindsockError):
    """No task is registered under this path; decorate the function with @task in an installed app."""


class TransportError(WindsockError):
    """A call could not be carried to the interpreter where its function lives."""


class SetUpFailed(TransportError):
    """The project could not be set up in its own interpreter."""

    def __init__(self, failure: Any) -> None:
        #: What the set-up raised: a ``windsock.call.Failure``, which this floor cannot name.
        self.failure = failure
        super().__init__(f"{type(self).__doc__} {failure.exception}: {failure.message}")


class EnvironmentNotFound(WindsockError):
    """No Python interpreter was found for this project."""


class Lost(WindsockError):
    """Whoever ran this task went away without saying how it ended."""


class TimedOut(WindsockError):
    """The task ran into its time limit."""


class Cancelled(WindsockError):
    """A person cancelled this task."""


class WrongStatus(WindsockError):
    """The task is in a status in which this cannot be done."""


class Skip(WindsockError):
    """Raise this inside a task to end it as SKIPPED."""


class FailWithoutRetry(WindsockError):
    """Raise this inside a task to end it as FAILED although tries are left."""


class OrchestratorError(WindsockError):
    """Airflow refused a request or could not be reached."""


class OrchestratorAway(OrchestratorError):
    """Airflow could not be reached, or was not able to answer; the same request may succeed later."""
