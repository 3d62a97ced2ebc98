"""What can go wrong below the edge; each error is raised where the fact is known.

TouchlineError
├── SettingsError      a setting is missing or malformed; names it and the remedy
├── NotFound           an object a caller named does not exist, or is not theirs to see
├── SignInRequired     nobody is signed in, and this is somebody's own
├── Forbidden          the caller may not do this
│   └── SelfExcluded   the caller chose a break from betting that has not ended
├── BadCredentials     e-mail, password, code or token is wrong, used or expired
├── Conflict           the object changed meanwhile, or a key was used with another input
└── Invalid            a value a caller gave is malformed or out of range
    └── BadCursor      a page or stream position that this deployment never issued
"""

from __future__ import annotations

from datetime import datetime


class TouchlineError(Exception):
    """Root of every expected failure of the application. `field` is the dotted path of the value at fault, or ""."""

    field: str = ""

    @property
    def message(self) -> str:
        """The sentence for people."""
        return str(self)


class SettingsError(TouchlineError):
    """A setting is missing or malformed.

    `problems` holds one sentence each, with the setting's name and the remedy.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NotFound(TouchlineError):
    """An object that a caller named does not exist, or belongs to somebody else: the two look alike."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class SignInRequired(TouchlineError):
    """Nobody is signed in, and this is somebody's own."""


class Forbidden(TouchlineError):
    """The caller may not do this; `requires` names the role or statement that is missing."""

    def __init__(self, message: str, *, requires: str | None = None, field: str = "") -> None:
        super().__init__(message)
        self.requires = requires
        self.field = field


class SelfExcluded(Forbidden):
    """The caller chose a break from betting; it ends at `until` and not earlier."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class BadCredentials(TouchlineError):
    """E-mail, password, code or token is wrong, used or expired; `retry_after` is in seconds, when throttled."""

    def __init__(self, message: str, *, retry_after: int | None = None, field: str = "") -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.field = field


class Conflict(TouchlineError):
    """The object changed since it was read, or an idempotency key was used with another input."""

    def __init__(self, message: str, *, current_version: int | None = None, field: str = "") -> None:
        super().__init__(message)
        self.current_version = current_version
        self.field = field


class Invalid(TouchlineError):
    """A value that a caller gave is malformed or out of range; `field` is its path."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self._message = message

    @property
    def message(self) -> str:
        return self._message


class BadCursor(Invalid):
    """A page or stream position that this deployment never issued."""
