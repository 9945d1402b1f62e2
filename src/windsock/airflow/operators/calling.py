"""How an operator sends one Call to a Django project, and what it makes of the Outcome."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NoReturn, cast, get_args

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from windsock import payload
from windsock.airflow.operators.place import Place
from windsock.airflow.operators.results import as_xcom, pickled_as_xcom
from windsock.airflow.tracebacks import show
from windsock.call import Call, Failure, Outcome
from windsock.environment import Environment, to_json
from windsock.errors import EnvironmentNotFound, TransportError, WireError
from windsock.transport import Transport

#: Bytes of JSON that a result may have on its way to XCom, unless the configuration says otherwise.
RESULT_LIMIT = 2**20


class _Ended(BaseException):
    """Airflow ended the task; no function's ``except Exception`` may keep that from it."""


class CallingOperator(BaseOperator):
    """Sends one Call to a Django project; a subclass says which.

    Args:
        environment: where the project's packages are installed, or the JSON of that; by default what the
            connection says.
        settings: Django's settings module, "shop.settings".
        directory: the folder of manage.py; by default the folder of the Poetry or uv project.
        django_conn_id: connection of type ``django`` that says what is left out here; "django_default" when
            no environment is given.
        serializer: "json", or "pickle" where ``[windsock] allow_pickle`` is set.
        env_vars: environment variables for the project, beside this process's; Airflow's own are left out.
    """

    template_fields: Sequence[str] = ("environment", "settings", "directory", "env_vars")
    template_fields_renderers: ClassVar[dict[str, str]] = {"environment": "json", "env_vars": "json"}
    ui_color = "#e3f0ec"

    def __init__(
        self,
        *,
        environment: Environment | Mapping[str, Any] | None = None,
        settings: str = "",
        directory: str | os.PathLike[str] = "",
        django_conn_id: str | None = None,
        serializer: payload.Serializer = "json",
        env_vars: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Airflow renders and serializes the JSON of an environment like any other dict.
        self.environment: Any = environment
        if hasattr(environment, "python"):
            self.environment = to_json(cast("Environment", environment))
        self.settings = settings
        self.directory = os.fspath(directory) if isinstance(directory, os.PathLike) else directory
        self.django_conn_id = django_conn_id
        self.serializer = checked(serializer)
        self.env_vars = env_vars
        self._is_waiting = False

    def request(self, context: Any) -> tuple[str, dict[str, Any]]:
        """Return what is called: the name of a function of ``windsock.django.calls``, and its keywords."""
        raise NotImplementedError

    def execute(self, context: Any) -> Any:
        """Send the call, and return what the project's function returned.

        Raises:
            AirflowSkipException: the function raised ``Skip``.
            AirflowFailException: it failed and forbids another try.
            AirflowException: it failed, or could not be called.
        """
        try:
            function, kwargs = self.request(context)
        except TypeError as error:
            raise AirflowFailException(str(error)) from None
        terms = {
            "serializer": self.serializer,
            "limit": conf.getint("windsock", "result_limit", fallback=RESULT_LIMIT),
            "result": bool(self.do_xcom_push),
            "attempt": getattr(context.get("ti"), "try_number", 1),
        }
        outcome = self._send(Call(function=f"windsock.django.calls.{function}", kwargs=kwargs | terms))
        if outcome.skipped:
            raise AirflowSkipException(outcome.message)
        if outcome.failure is not None:
            show(self.log, outcome.failure, what="The project's function failed")
            raise_failure(outcome.failure)
        if self.serializer == "pickle":
            return pickled_as_xcom(outcome.value)
        return as_xcom(payload.unpack(outcome.value))

    def on_kill(self) -> None:
        """Leave the call, of which nothing is left then.

        Raises:
            BaseException: a call is on its way; ``execute`` makes an ``AirflowException`` of it.
        """
        if self._is_waiting:
            self._is_waiting = False
            raise _Ended

    def transport(self) -> Transport:
        """Return what carries the call."""
        return self.place().transport(self.env_vars or {})

    def place(self) -> Place:
        """Return the project in which the call runs.

        Raises:
            EnvironmentNotFound: the connection's environment is not understood.
            WireError: nor is this operator's own.
        """
        place = Place.of(self.environment, self.settings, self.directory)
        if self.environment and not self.django_conn_id:
            return place
        # It brings an HTTP client along, which most tasks do not need.
        from windsock.airflow.connection import DjangoHook

        return place.completed(DjangoHook(self.django_conn_id or DjangoHook.default_conn_name))

    def packed(self, **parts: Any) -> dict[str, Any]:
        """Return the keywords of a call with the values that they carry packed.

        Args:
            parts: lists of arguments, and mappings of them by name.

        Raises:
            TypeError: one cannot be held; the message says what to pass instead.
        """
        for name, value in parts.items():
            if isinstance(value, str):
                raise TypeError(
                    f"{name}: expected a list or a dict, not the text {value!r}; Jinja makes text of all "
                    "that it renders, unless the DAG says render_template_as_native_obj=True"
                )
        return {
            name: payload.pack(value, place=name, serializer=self.serializer) for name, value in parts.items()
        }

    def _send(self, call: Call) -> Outcome:
        try:
            self._is_waiting = True  # from here on: an environment may have to be installed first
            return self.transport().send(call)
        except _Ended:
            raise AirflowException("Airflow ended the task") from None
        except (EnvironmentNotFound, TransportError, WireError) as error:
            raise AirflowException(str(error)) from None
        finally:
            self._is_waiting = False


def checked(serializer: payload.Serializer) -> payload.Serializer:
    """Return the name of a serializer that this deployment allows.

    Raises:
        ValueError: there is none of this name, or it is not allowed.
    """
    if serializer not in get_args(payload.Serializer):
        raise ValueError(f"serializer: expected 'json' or 'pickle', not {serializer!r}")
    if serializer == "pickle" and not conf.getboolean("windsock", "allow_pickle", fallback=False):
        raise ValueError(
            'serializer="pickle" lets the project run any code in the process of Airflow\'s task; this '
            "deployment does not allow it: [windsock] allow_pickle"
        )
    return serializer


def raise_failure(failure: Failure) -> NoReturn:
    """Raise what ends a task of Airflow as this failure says.

    Raises:
        AirflowFailException: another try makes no sense.
        AirflowException: it does, if one is left.
    """
    kind = AirflowException if failure.retry else AirflowFailException
    raise kind(f"{failure.exception.removeprefix('builtins.')}: {failure.message}")
