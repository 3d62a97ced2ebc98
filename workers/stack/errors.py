"""What can go wrong while the stack starts; each message is a sentence with its remedy.

TouchlineError
└── StackError           the stack cannot start or go on
    ├── FolderInUse      another living process holds the data folder
    └── Stopped          somebody asked to stop while the stack was starting
"""

from __future__ import annotations

from domain.infra.errors import TouchlineError


class StackError(TouchlineError):
    """The stack cannot start or go on."""


class FolderInUse(StackError):
    """Another living process holds the data folder."""


class Stopped(StackError):
    """Somebody asked to stop while the stack was starting."""
