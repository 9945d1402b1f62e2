"""A connection of type ``django``, as operators and people use it."""

import json
from pathlib import Path
from typing import Any

from airflow.sdk import BaseHook

from windsock import environment
from windsock.airflow.connection.probe import probe_environment, probe_site
from windsock.airflow.connection.site import Site
from windsock.environment import Environment
from windsock.errors import EnvironmentNotFound, WireError


class DjangoHook(BaseHook):
    """A Django project: its site, and the environment in which its code runs.

    ``host`` is the site's address and ``password`` its key, the Django setting ``WINDSOCK["FEED_KEY"]``;
    ``host`` may be empty where only code is run. ``extra`` holds ``environment`` (``{"poetry": "/srv/shop"}``
    and so on, see ``windsock.environment``), ``settings`` and ``directory``.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "django_default"
    conn_type = "django"
    hook_name = "Django"

    def __init__(self, conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = conn_id
        self._known: Any = None

    @classmethod
    async def afrom(cls, conn_id: str = default_conn_name) -> "DjangoHook":
        """Read the connection in async code, in which ``get_connection`` must not be called."""
        hook = cls(conn_id)
        hook._known = await cls.aget_connection(conn_id)
        return hook

    def get_conn(self) -> Site:
        """Return the client of the site, as other hooks do."""
        return self.client()

    def client(self) -> Site:
        """Return the client of the site."""
        return Site(url=self.url, key=(self._connection.password or "").strip(), name=self.conn_id)

    @property
    def url(self) -> str:
        """The site's address without a slash at its end; empty: there is none."""
        connection = self._connection
        host = (connection.host or "").strip().rstrip("/")
        if not host:
            return ""
        scheme, _, rest = host.rpartition("://")
        port = f":{connection.port}" if connection.port and ":" not in rest.rpartition("]")[2] else ""
        return f"{scheme or connection.schema or 'http'}://{rest}{port}"

    def environment(self) -> Environment | None:
        """Return where the project's code runs; None: the connection does not say.

        Raises:
            EnvironmentNotFound: it says so in a form that is not understood.
        """
        found = self._extra.get("environment")
        if isinstance(found, str):
            try:
                found = json.loads(found) if found.strip() else None
            except ValueError:
                raise EnvironmentNotFound(self._not_understood(found)) from None
        if not found:
            return None
        try:
            return environment.from_json(found)
        except WireError as error:
            raise EnvironmentNotFound(f"{self._not_understood(found)}: {error}") from None

    @property
    def settings(self) -> str:
        """The module of Django's settings, "shop.settings"; empty: the connection does not say."""
        return str(self._extra.get("settings") or "")

    @property
    def directory(self) -> Path | None:
        """The project's folder, in which manage.py stands; None: the connection does not say."""
        found = str(self._extra.get("directory") or "").strip()
        return Path(found).expanduser() if found else None

    def test_connection(self) -> tuple[bool, str]:
        """Ask the site with the key, and set the project up in its environment; whichever is named."""
        try:
            found = self.environment()
        except EnvironmentNotFound as error:
            return False, str(error)
        if not self.url and found is None:
            return False, "Name the address of the Django site as host, or an environment in extra."
        told = []
        if self.url:
            works, text = probe_site(self.client())
            if not works:
                return False, text
            told.append(text)
        if found is not None:
            works, text = probe_environment(found, self.settings, self.directory)
            if not works:
                return False, text
            told.append(text)
        return True, " ".join(told)

    @property
    def _connection(self) -> Any:
        if self._known is None:
            self._known = self.get_connection(self.conn_id)
        return self._known

    @property
    def _extra(self) -> dict[str, Any]:
        found: dict[str, Any] = self._connection.extra_dejson
        return found

    def _not_understood(self, found: Any) -> str:
        return (
            f"The environment of the connection {self.conn_id!r} is not understood: {found!r}; "
            'write {"venv": "/srv/shop/.venv"}, {"poetry": "/srv/shop"}, {"uv": "/srv/shop"} '
            'or {"python": "/srv/shop/.venv/bin/python"}'
        )
