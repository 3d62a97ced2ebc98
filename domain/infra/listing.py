"""Building the statement of a list: conditions with their arguments, and the window that a page is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

LIKE_ESCAPES = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


@dataclass(frozen=True, slots=True)
class SortKey:
    """An SQL expression that a list can be sorted by."""

    sql: str
    is_nullable: bool = False


class Window(Protocol):
    """A page of an ordered list."""

    def sql(self, arguments: list[Any]) -> tuple[str, str]:
        """A condition and `order by … limit …`; values they refer to are appended to `arguments`."""
        ...


class Where:
    """Conditions joined by `and`. In a condition `{}` stands for the next of its values."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments: list[Any] = list(arguments)
        self._conditions: list[str] = []

    def add(self, condition: str, *values: Any) -> None:
        """Demand `condition`."""
        places = []
        for value in values:
            self.arguments.append(value)
            places.append(f"${len(self.arguments)}")
        self._conditions.append(condition.format(*places))

    def add_words(self, search: str, *columns: str) -> None:
        """Demand that every word of `search` occurs in one of the columns, whatever the case."""
        for word in search.split():
            self.arguments.append(f"%{word.translate(LIKE_ESCAPES)}%")
            place = f"${len(self.arguments)}"
            self._conditions.append("(" + " or ".join(f"{column} ilike {place}" for column in columns) + ")")

    @property
    def sql(self) -> str:
        return " and ".join(self._conditions) or "true"

    def paged(self, window: Window) -> tuple[str, str, Sequence[Any]]:
        """All conditions with the page's own, its order and limit, and the arguments."""
        arguments = [*self.arguments]
        condition, ordering = window.sql(arguments)
        return f"{self.sql} and {condition}", ordering, arguments
