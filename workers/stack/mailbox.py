"""E-mails that a worker put into the data folder for want of a server, told on the stack's own terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

FOLDER = "mail"
"""In the data folder: what was not sent for want of a server."""


class Mailbox:
    """Looks into the folder again and again; what lay there before is not told."""

    def __init__(self, data_dir: Path, say: Callable[[str], None]) -> None:
        self._folder = data_dir / FOLDER
        self._say = say
        self._known = self._mails()

    def look(self) -> None:
        """Tell of each new mail: for whom it is, its subject, and the file, which alone holds the code."""
        mails = self._mails()
        for path in sorted(mails - self._known):
            self._say(_line(path))
        self._known = mails

    def _mails(self) -> set[Path]:
        return set(self._folder.glob("*.txt"))


def _line(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"E-mail in {path}, which cannot be read: {error.strerror}"
    heads = dict(line.partition(": ")[::2] for line in text.partition("\n\n")[0].splitlines())
    return f"E-mail to {heads.get('To', 'somebody')}: {heads.get('Subject', 'no subject')} -> {path}"
