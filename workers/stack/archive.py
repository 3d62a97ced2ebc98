"""The file of a backup: a zip with the database as pg_dump wrote it, and a manifest of what must be in it.

    database.dump   custom format, itself compressed        manifest.json   versions, checksum, tables

It appears under its name in one step, whole, readable by its owner alone: it holds what people entrusted.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.infra.contents import Contents
from workers.stack.errors import StackError

DUMP = "database.dump"
MANIFEST = "manifest.json"
FORMAT = 1
PIECE = 1 << 20
"""Bytes that are read or written at a time."""
_MOST_MANIFEST = 16 << 20
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What the zip module raises of files that are none, or damaged ones."""


class Manifest(BaseModel):
    """What a backup says of itself."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    version: str
    """Of Touchline."""
    revision: str
    """Migration that the database was at."""
    taken_at: str
    """Machine time of the snapshot, ISO 8601."""
    postgresql: str = Field(pattern=r"^\d+")
    """Version of the server."""
    pg_dump: str = Field(pattern=r"^\d+")
    dump_bytes: int = Field(ge=0)
    dump_sha256: str
    tables: Mapping[str, Contents]

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables.values())


class Draft:
    """A backup that is being written."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    @contextmanager
    def dump(self) -> Iterator[Measured]:
        """Where the database goes."""
        with self._archive.open(DUMP, "w", force_zip64=True) as file:
            yield Measured(file)

    def seal(self, manifest: Manifest) -> None:
        """Write the manifest, which comes last."""
        self._archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))


class Measured:
    """A file that is written to, and what has been written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.bytes = 0

    def write(self, piece: bytes) -> None:
        self._digest.update(piece)
        self.bytes += len(piece)
        self._file.write(piece)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


@contextmanager
def new_archive(path: Path, *, is_forced: bool) -> Iterator[Draft]:
    """A backup to be written; it is there when the block ends well, and not at all otherwise.

    Raises StackError when there is a file of that name and it was not said that it goes (`is_forced`), and when the
    folder takes no more.
    """
    _refuse_to_overwrite(path, is_forced=is_forced)
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)  # mode 0600
    except OSError as error:
        raise StackError(f"{path.parent} cannot be written: {error.strerror}.") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                yield Draft(archive)
            file.flush()
            os.fsync(file.fileno())
        _refuse_to_overwrite(path, is_forced=is_forced)
        Path(draft).replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise StackError(
            f"{path} cannot be written: {error.strerror or error}. Make room in {path.parent}, or name a file in "
            "another folder; nothing of it was kept."
        ) from None
    finally:
        Path(draft).unlink(missing_ok=True)


def _refuse_to_overwrite(path: Path, *, is_forced: bool) -> None:
    if path.exists() and not is_forced:
        raise StackError(f"{path} exists already. Name another file, or replace it with `--force`.")


def _sync_folder(folder: Path) -> None:
    """Let the new name outlive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_manifest(path: Path) -> Manifest:
    """What a backup says of itself; raises StackError for a file that is none."""
    with _opened(path) as archive:
        text = archive.read(MANIFEST) if archive.getinfo(MANIFEST).file_size <= _MOST_MANIFEST else b""
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError:
        raise StackError(f"{path} is damaged or no backup of Touchline: its manifest cannot be read.") from None
    if manifest.format != FORMAT:
        raise StackError(
            f"{path} has format {manifest.format}, and this version of Touchline reads format {FORMAT}. "
            f"Use Touchline {manifest.version}."
        )
    return manifest


def check_dump(path: Path, manifest: Manifest, advance: Callable[[int], None]) -> None:
    """Raise StackError when the database in the file is not the one that was written; `advance` is told of bytes."""
    seen = hashlib.sha256()
    for piece in dump_pieces(path):
        seen.update(piece)
        advance(len(piece))
    if seen.hexdigest() != manifest.dump_sha256:
        raise StackError(f"{path} is damaged: its checksum is not the one in its manifest. Use another backup.")


def dump_pieces(path: Path) -> Iterator[bytes]:
    """The database of a backup, piece by piece."""
    with _opened(path) as archive, archive.open(DUMP) as file:
        while piece := file.read(PIECE):
            yield piece


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except OSError as error:
        raise StackError(f"{path} cannot be read: {error.strerror or error}.") from None
    except _UNREADABLE:
        raise StackError(
            f"{path} is damaged, cut short or no backup of Touchline; nothing was changed. Use another backup."
        ) from None
