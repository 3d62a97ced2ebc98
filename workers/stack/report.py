"""What the operator sees while the stack starts: one line per step, on stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Report:
    """Tells of steps: with a spinner on a terminal, as plain lines in a log."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = Console(stderr=True, highlight=False) if console is None else console

    @contextmanager
    def step(self, name: str, done: str = "ready") -> Iterator[None]:
        """One step of the start; when the block ends without an error the line says how long it took."""
        began = time.monotonic()
        if self._console.is_terminal:
            with self._console.status(f"{name} …"):
                yield
            mark = "[green]✓[/] "
        else:
            yield
            mark = ""
        self._console.print(f"{mark}{name} {done} ({time.monotonic() - began:.1f} s)", soft_wrap=True)

    def say(self, sentence: str) -> None:
        """One line that is no step."""
        self._console.print(sentence, markup=False, soft_wrap=True)
