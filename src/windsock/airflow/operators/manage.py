"""The operator that runs a management command."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from windsock.airflow.operators.calling import CallingOperator


class DjangoManageOperator(CallingOperator):
    """Runs a management command of a Django project in the project's own environment.

    Args:
        command: its name, "import_orders".
        args: as on the command line, ``["--dry-run", "2026"]``.
        options: by the names that the command gives them, ``{"dry_run": True}``.
        more: what ``CallingOperator`` and Airflow's ``BaseOperator`` take.
    """

    template_fields: Sequence[str] = ("command", "args", "options", *CallingOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "args": "py",
        "options": "py",
        **CallingOperator.template_fields_renderers,
    }

    def __init__(
        self,
        *,
        command: str,
        args: Sequence[Any] = (),
        options: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self.command = command
        self.args = args
        self.options = {} if options is None else options

    def request(self, context: Any) -> tuple[str, dict[str, Any]]:
        """Ask for a run of the command."""
        return "manage", {"command": self.command, **self.packed(args=self.args, options=self.options)}
