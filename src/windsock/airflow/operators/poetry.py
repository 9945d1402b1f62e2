"""The Poetry operator that was published for Airflow 2, with its parameters, on the ground of this house."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, ClassVar

from airflow.sdk.configuration import conf

from windsock.airflow.operators.django import DjangoOperator
from windsock.airflow.operators.place import Place
from windsock.environment import Poetry


class PoetryDjangoOperator(DjangoOperator):
    """Calls a function of a Django project that Poetry manages.

    The environment is made when there is none, and refreshed when the project's lock changed.

    Args:
        project_settings_file: Django's settings module, "shop.settings".
        project_name: folder of the project, below ``project_root`` and ``project_stage``.
        project_stage: "development"; may be empty.
        function_name: "sync".
        function_file_path: module of the function, "shop.tasks".
        string_args: go to the function's parameter ``string_args``, else behind ``op_args``, each as text.
        op_args: positional arguments.
        op_kwargs: keyword arguments.
        templates_dict: rendered, and passed as the keyword ``templates_dict``.
        templates_exts: extensions of files that are read in the place of their names in ``templates_dict``.
        project_root: where ``project_stage`` and ``project_name`` are, or the project's own folder; by
            default Airflow's DAG folder.
        more: what ``DjangoOperator`` takes.
    """

    template_fields: Sequence[str] = (
        *DjangoOperator.template_fields,
        "string_args",
        "templates_dict",
        "project_root",
        "project_stage",
        "project_name",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "string_args": "py",
        "templates_dict": "json",
        **DjangoOperator.template_fields_renderers,
    }

    def __init__(  # noqa: PLR0913 - the parameters are those that were published
        self,
        *,
        function_name: str,
        function_file_path: str,
        project_settings_file: str = "",
        project_name: str = "",
        project_stage: str = "",
        project_root: str | os.PathLike[str] = "",
        string_args: Iterable[str] | None = None,
        op_args: Sequence[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: Mapping[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(
            task=f"{function_file_path}.{function_name}",
            settings=project_settings_file,
            args=op_args or (),
            kwargs=op_kwargs,
            **more,
        )
        self.project_name = project_name
        self.project_stage = project_stage
        self.project_root = os.fspath(project_root)
        self.string_args = [*string_args] if isinstance(string_args, Iterable) else string_args
        self.templates_dict = templates_dict
        if templates_exts:
            self.template_ext = templates_exts

    def request(self, context: Any) -> tuple[str, dict[str, Any]]:
        """Ask for a call of the function."""
        given = {} if self.templates_dict is None else {"templates_dict": self.templates_dict}
        function, kwargs = super().request(context)
        kwargs |= self.packed(kwargs={**self.op_kwargs, **given})
        return function, kwargs | {"strings": [str(each) for each in self.string_args or ()]}

    def place(self) -> Place:
        """Return the Poetry project, unless an environment or a connection was named."""
        if self.environment or self.django_conn_id:
            return super().place()
        folder = project_folder(self.project_root, self.project_stage, self.project_name)
        named = Place.of(None, self.settings, self.directory)
        poetry = Poetry(folder, install=True, install_poetry=True)
        return replace(named, environment=poetry, directory=named.directory or folder)


def project_folder(root: str, stage: str, name: str) -> Path:
    """Return the folder of a project: ``root/stage/name``, or ``root`` itself where only that is a project.

    Args:
        root: empty for Airflow's DAG folder.
        stage: may be empty.
        name: may be empty.
    """
    start = Path(root or conf.get("core", "dags_folder")).expanduser()
    inner = start / stage / name
    return start if not inner.is_dir() and (start / "pyproject.toml").is_file() else inner


def days_ago(days: int) -> datetime:
    """Return the midnight, in UTC, so many days ago: Airflow 2's function, which published DAGs import."""
    return datetime.combine(datetime.now(UTC).date(), time(), UTC) - timedelta(days=days)
