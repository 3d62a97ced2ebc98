"""Global ids, and the interface of every object that can be fetched again by one.

An id is opaque to clients. Inside it is `Type:key`, or `Type:key:key` where an object has no key of
its own, as a market of a match.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Sequence

import strawberry

from api.batch import derived
from api.rows import Key
from domain.infra.errors import Invalid

_INTEGER = re.compile(r"[1-9][0-9]{0,17}")
"""What fits a bigint."""


def global_id(kind: str, *key: object) -> strawberry.ID:
    """The id of the object of GraphQL type `kind` with this key."""
    plain = ":".join((kind, *map(str, key)))
    return strawberry.ID(urlsafe_b64encode(plain.encode()).decode().rstrip("="))


def read_global_id(text: str) -> tuple[str, str] | None:
    """Type and key of an id; None when this graph never issued it."""
    try:
        kind, colon, key = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(":")
    except (NotBase64, ValueError):
        return None
    return (kind, key) if colon and key and global_id(kind, key) == text else None


def integer_key(key: str) -> int | None:
    """The key of an object numbered by its table; None when it is not one."""
    return int(key) if _INTEGER.fullmatch(key) else None


def integer_keys(key: str, count: int) -> tuple[int, ...] | None:
    """The parts of a key made of `count` integers; None when it is not one."""
    parts = key.split(":")
    return tuple(map(int, parts)) if len(parts) == count and all(map(_INTEGER.fullmatch, parts)) else None


def key_of(kind: str, text: str) -> int | None:
    """The integer key of an id, None when it is malformed or of another type: for lookups that answer null."""
    found = read_global_id(text)
    return integer_key(found[1]) if found and found[0] == kind else None


def keys_of(kind: str, ids: Iterable[str] | None, argument: str) -> list[int] | None:
    """Integer keys of the ids in a filter; raises Invalid naming `argument` when one is not an id of `kind`."""
    if not isinstance(ids, Sequence):
        return None
    keys = [key_of(kind, text) for text in ids]
    if None in keys:
        raise Invalid(argument, f"{ids[keys.index(None)]!r} is not the ID of a {kind}")
    return [key for key in keys if key is not None]


@strawberry.interface(
    description="An object with a globally unique, opaque, stable ID that can be refetched with `Query.node`."
)
class Node:
    """A row with an identity: `key` is its primary key, `node_key` what stands in its id."""

    key: strawberry.Private[Key]

    @derived
    def id(self) -> strawberry.ID:
        """Globally unique opaque ID."""
        return global_id(type(self).__name__, self.node_key())

    def node_key(self) -> str:
        """The key as its id holds it."""
        return str(self.key) if not isinstance(self.key, tuple) else ":".join(map(str, self.key))

    @classmethod
    def read_key(cls, key: str) -> Key | None:
        """The key that an id holds; None when it cannot be one."""
        return integer_key(key)
