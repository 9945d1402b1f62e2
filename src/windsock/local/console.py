"""What the person at the terminal sees: progress, the table, the logs."""

import contextlib
import time
from collections.abc import Iterable, Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from windsock.local.status import Phase, Progress, Status

_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_yellow")
_WIDTH = 21


class Terminal(Console):
    """A console that outlives its reader; rich's own would end the program."""

    def on_broken_pipe(self) -> None:
        """Falls silent."""
        self.quiet = True


class Screen:
    """Writes to one terminal or file; when nobody reads any more, it falls silent."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Terminal(highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._told: set[str] = set()
        self._colours: dict[str, str] = {}

    def say(self, text: str, style: str = "") -> None:
        """One line of text."""
        with contextlib.suppress(OSError):
            self.console.print(Text(text, style=style))

    def progress(self, status: Status) -> None:
        """Shows how far each part is: moving on a terminal, else one line whenever something is ready."""
        with contextlib.suppress(OSError):
            if self.console.is_terminal:
                self._live = self._live or self._open()
                self._live.update(_board(status), refresh=True)
                return
            for name, each in {**status.steps, **status.parts}.items():
                if each.state is Phase.READY and name not in self._told:
                    self._told.add(name)
                    self.console.print(f"{name:<{_WIDTH}} ready {each.seconds or 0:6.1f} s")

    def _open(self) -> Live:
        live = Live(console=self.console, auto_refresh=False)
        live.start()
        return live

    def end_progress(self) -> None:
        """Leaves the last picture of the progress where it is."""
        if self._live:
            with contextlib.suppress(OSError):
                self._live.stop()
            self._live = None

    def table(self, title: str, rows: Mapping[str, str]) -> None:
        """A table of names and values, which are never cut."""
        table = Table(title=title, show_header=False, title_justify="left", title_style="bold")
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows.items():
            table.add_row(name, Text(value))
        with contextlib.suppress(OSError):
            self.console.print(table)

    def log(self, lines: Iterable[tuple[str, str]]) -> None:
        """Lines of the parts' logs, each with its part's name in its part's colour."""
        for name, line in lines:
            colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
            prefix = Text(f"{name:<{_WIDTH}} | ", style=colour)
            with contextlib.suppress(OSError):
                self.console.print(prefix + Text.from_ansi(line))


def _board(status: Status) -> Group:
    rows = {**status.steps, **status.parts}
    table = Table.grid(padding=(0, 1))
    for name, each in rows.items():
        table.add_row(_mark(each), name, _seconds(each))
    return Group(table)


def _mark(progress: Progress) -> Text | Spinner:
    if progress.state is Phase.STARTING:
        return Spinner("dots", style="yellow")
    marks = {Phase.READY: ("✓", "green"), Phase.FAILED: ("✗", "red"), Phase.EXTERNAL: ("→", "blue")}
    text, style = marks.get(progress.state, ("·", "dim"))
    return Text(text, style=style)


def _seconds(progress: Progress) -> Text:
    if progress.state is Phase.EXTERNAL:
        return Text("yours", style="dim")
    if progress.seconds is not None:
        return Text(f"{progress.seconds:.1f} s", style="dim")
    if progress.state is Phase.STARTING and progress.since:
        return Text(f"{time.time() - progress.since:.0f} s ...", style="yellow")
    return Text("waits", style="dim")
