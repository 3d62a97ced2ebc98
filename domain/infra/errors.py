"""What can go wrong below the edge; each error is raised where the fact is known.

TouchlineError
├── SettingsError      a setting is missing or malformed; names it and the remedy
├── NotFound           an object a caller named does not exist
└── Invalid            a value a caller gave is malformed or out of range
    └── BadCursor      a page or stream position that this deployment never issued
"""

from __future__ import annotations


class TouchlineError(Exception):
    """Root of every expected failure of the application."""


class SettingsError(TouchlineError):
    """A setting is missing or malformed.

    `problems` holds one sentence each, with the setting's name and the remedy.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NotFound(TouchlineError):
    """An object that a caller named does not exist."""


class Invalid(TouchlineError):
    """A value that a caller gave is malformed or out of range; `field` is its path."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class BadCursor(Invalid):
    """A page or stream position that this deployment never issued."""
