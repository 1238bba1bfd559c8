"""Terminal view of a running demo: events, and growing counts below them."""

from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.domain.text import Lang, localize


class DemoView:
    """`act` adds a line of text, `counts` changes the last line. Without a terminal, lines are printed."""

    def __init__(self, lang: Lang, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._lang: Lang = lang
        self._lines: deque[Text] = deque(maxlen=40)
        self._counts = ""
        self._second = 0.0
        self._length = 60.0
        self._live = (
            Live(self._draw(), console=self.console, refresh_per_second=5, transient=True)
            if self._is_terminal
            else None
        )

    @property
    def _is_terminal(self) -> bool:
        return self.console.is_terminal

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
            self.console.print(self._draw())

    def act(self, second: float, key: str, style: str = "bold", /, **fields: object) -> None:
        """Add a line for `second`."""
        line = Text.assemble((f"{second:5.1f} s  ", "dim"), (localize(key, self._lang, **fields), style))
        self._lines.append(line)
        if self._live:
            self._live.update(self._draw())
        else:
            self.console.print(line)

    def counts(self, second: float, length: float, text: str) -> None:
        """Replace the line at the bottom."""
        self._second, self._length, self._counts = second, length, text
        if self._live:
            self._live.update(self._draw())

    def _draw(self) -> Panel:
        done = max(0, min(30, round(30 * self._second / self._length)))
        bar = Text.assemble(
            ("█" * done, "green"), ("░" * (30 - done), "dim"), f"  {self._second:4.0f}/{self._length:.0f} s  "
        )
        return Panel(Group(*self._lines, Text(""), bar, Text(self._counts)), title=localize("demo.title", self._lang))

    def facts(self, title: str, rows: dict[str, object]) -> None:
        """Print a small table at the end."""
        table = Table(title=title, show_header=False, title_justify="left")
        for name, value in rows.items():
            table.add_row(name, str(value))
        self.console.print(table)
