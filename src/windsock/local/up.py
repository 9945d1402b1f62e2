"""`windsock up`: prepares a run, supervises it, and shows it to whoever looks on."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from windsock.local import addresses, first_run, ledger, logs, status, stopping, surroundings
from windsock.local.addresses import Addresses
from windsock.local.client import Client
from windsock.local.console import Screen
from windsock.local.errors import LocalError
from windsock.local.ledger import Entry
from windsock.local.plan import Stack, build
from windsock.local.project import Project, write_overlay
from windsock.local.state import State
from windsock.local.status import PARTS, Phase, Status
from windsock.local.supervisor import Supervisor, View


def supervise(
    project: Project, state: State, screen: Screen, view: View, processes: tuple[Entry, ...]
) -> int:
    """Prepares the run and supervises it; returns an exit code.

    Args:
        project: The project.
        state: Its state folder, held by the caller.
        screen: For what is said once.
        view: Shown every new status.
        processes: Guard and supervisor.
    """
    about = Status(state=Phase.STARTING, processes=processes)
    status.write(state, about)
    try:
        if left := stopping.leftovers(ledger.read(state)):
            screen.say(f"Ended {left} processes that an earlier run had left behind.")
        logs.bound(state.logs)
        stack = _stack(project, state)
        about = Status(
            state=Phase.STARTING,
            processes=processes,
            web_url=stack.addresses.web_url,
            airflow_url=stack.addresses.airflow_url,
            username=stack.superuser.username,
        )
        supervisor = Supervisor(build(stack), state, about, view)
    except (LocalError, OSError, LookupError) as error:
        failed = Status(state=Phase.FAILED, message=str(error), processes=processes)
        status.write(state, failed)
        view(failed)
        return 1
    return supervisor.run()


def _stack(project: Project, state: State) -> Stack:
    environ = dict(os.environ)
    chosen = addresses.choose(state, environ)
    write_overlay(project)
    return Stack(
        project=project,
        state=state,
        addresses=chosen,
        superuser=surroundings.superuser(project, state, environ),
        environ=environ,
    )


def surprises(state: State, chosen: Addresses, environ: Mapping[str, str]) -> list[str]:
    """What is not as the documentation says: other ports, another place for the data."""
    found = []
    for name, port, usual in (
        ("the project", chosen.web_port, addresses.WEB_PORT),
        ("Airflow", chosen.airflow_port, addresses.AIRFLOW_PORT),
    ):
        if port != usual and not (name == "Airflow" and "AIRFLOW__API__PORT" in environ):
            found.append(f"Port {usual} is busy: {name} answers on {port}.")
    data = Path(chosen.database_folder)
    if chosen.embedded_postgres and not data.is_relative_to(state.folder):
        found.append(f"The database's account cannot reach {state.folder}: the data is in {data}.")
    return found


class Onlooker:
    """The view of a person at a terminal: progress, the first run, the table, then the logs.

    Args:
        project: The project.
        state: Its state folder.
        screen: Where to show it.
        follow: Whether the logs are shown at the end.
    """

    def __init__(self, project: Project, state: State, screen: Screen, *, follow: bool) -> None:
        self._project = project
        self._state = state
        self._screen = screen
        self._follow = follow
        self._ended = False
        self._show: threading.Thread | None = None
        self._follower: logs.Follower | None = None

    @property
    def shown(self) -> bool:
        """Whether the table has been shown."""
        return self._show is not None and not self._show.is_alive()

    def __call__(self, now: Status) -> None:
        """Shows a status; called several times a second."""
        if now.state in (Phase.FAILED, Phase.STOPPED):
            self._end(now)
        elif self._show is None:
            self._screen.progress(now)
            if now.state is Phase.READY:
                self._screen.end_progress()
                self._show = threading.Thread(target=self._present, args=(now,), daemon=True)
                self._show.start()
        elif self._follow and not self._show.is_alive():
            self._follower = self._follower or logs.Follower(map(self._state.log, PARTS), from_end=True)
            self._screen.log(self._follower.lines())

    def _end(self, now: Status) -> None:
        if self._ended:
            return
        self._ended = True
        self._screen.end_progress()
        if now.state is Phase.FAILED:
            self._screen.say(f"windsock up failed: {now.message}", style="red")
        self._screen.say("Stopping ...")

    def _present(self, now: Status) -> None:
        client = Client(now.web_url or "", self._state.read_text("token") or "")
        first_run.show(client, self._screen.say, lambda: not self._ended)
        if self._ended:
            return
        chosen = addresses.known(self._state)
        self._screen.table("Windsock is up", summary(self._project, self._state, chosen))
        for line in surprises(self._state, chosen, os.environ):
            self._screen.say(line, style="yellow")
        for line in suggestions(self._state, chosen):
            self._screen.say(line)


def suggestions(state: State, chosen: Addresses) -> list[str]:
    """What to try next: lines that can be copied."""
    ask = 'curl -H "Authorization: Bearer $TOKEN"'
    return [
        "Try:",
        f"  export TOKEN={state.read_text('token')}",
        f"  {ask} {chosen.web_url}/api/workflows/",
        f"  {ask} {chosen.web_url}/api/tasks/",
        "Stop: Ctrl-C, or `windsock down`",
    ]


def summary(project: Project, state: State, chosen: Addresses) -> dict[str, str]:
    """The rows of the table: addresses, users, passwords, token."""
    user = surroundings.superuser(project, state, os.environ)
    web = chosen.web_url
    password = user.password if user.generated else "the one that you gave"
    return {
        "Web": f"{web}/",
        "Admin": f"{web}/admin/",
        "Pages": f"{web}/windsock/",
        "API": f"{web}/api/docs/",
        "Airflow": chosen.airflow_url,
        "User": f"{user.username}, password: {password}",
        "Airflow's user": f"{surroundings.AIRFLOW_USER}, password: {state.secrets()['airflow_password']}",
        "API token": state.read_text("token") or "",
        "Password file": str(state.password_file),
        "Logs": str(state.logs),
    }
