"""Objects of the contract as plain JSON and back; what comes back is checked field by field, by its type.

It knows texts, numbers, booleans, instants, market keys, enumerations, tuples, mappings, and dataclasses of these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from touchline.outputs import one_line
from touchline.types import MarketKey

T = TypeVar("T")

LONGEST_TEXT = 2000
"""Characters of a text that is taken from a plugin."""

_WORDS: Mapping[type, str] = {
    str: "a text of printable signs",
    int: "a whole number",
    float: "a finite number",
    bool: "true or false",
    datetime: "an instant with its time zone",
    MarketKey: "a market's key",
    NoneType: "nothing",
}


def to_plain(value: object) -> Any:
    """A value as JSON has it; what JSON does not know stays as it is."""
    if isinstance(value, MarketKey):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(one) for one in value]
    return value


def from_plain(kind: type[T], plain: object, place: str = "") -> T:
    """The value of a type; raises ValueError that names the place of what does not fit."""
    value: T = _read(kind, plain, place or kind.__name__)
    return value


def list_from_plain(kind: type[T], plain: object, place: str) -> list[T]:
    """A list of such values; raises ValueError."""
    if not isinstance(plain, list):
        raise _unfit(place, "a list", plain)
    return [from_plain(kind, one, f"{place}[{number}]") for number, one in enumerate(plain)]


def _read(kind: Any, plain: object, place: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _one_of(get_args(kind), plain, place)
    if origin is tuple or origin is Sequence:
        return tuple(list_from_plain(get_args(kind)[0], plain, place))
    if origin is Mapping:
        return _mapping(get_args(kind)[1], plain, place)
    if kind in _WORDS:
        return _simple(kind, plain, place)
    if issubclass(kind, Enum):
        return _enumerated(kind, plain, place)
    return _dataclass(kind, plain, place)


def _one_of(kinds: tuple[Any, ...], plain: object, place: str) -> Any:
    """A value of one of several types: of exactly its own if that is among them."""
    if type(plain) in kinds:
        return _read(type(plain), plain, place)
    others = [kind for kind in kinds if kind is not NoneType]
    if len(others) == 1:
        return _read(others[0], plain, place)
    raise _unfit(place, " or ".join(_WORDS[kind] for kind in kinds), plain)


def _simple(kind: type, plain: object, place: str) -> Any:
    if kind is float and type(plain) is int:
        plain = float(plain)
    if kind is datetime or kind is MarketKey:
        return _parsed(kind, plain, place)
    is_fit = type(plain) is kind
    if is_fit and isinstance(plain, float):
        is_fit = math.isfinite(plain)
    if is_fit and isinstance(plain, str):
        is_fit = plain.isprintable() and len(plain) <= LONGEST_TEXT
    if not is_fit:
        raise _unfit(place, _WORDS[kind], plain)
    return plain


def _parsed(kind: type, plain: object, place: str) -> Any:
    """An instant or a market of its text."""
    try:
        if not isinstance(plain, str):
            raise ValueError
        value = datetime.fromisoformat(plain) if kind is datetime else MarketKey.parse(_simple(str, plain, place))
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError
        if isinstance(value, MarketKey) and value.line is not None and not math.isfinite(value.line):
            raise ValueError
    except ValueError:
        raise _unfit(place, _WORDS[kind], plain) from None
    return value


def _enumerated(kind: type[Enum], plain: object, place: str) -> Enum:
    try:
        return kind(plain)
    except ValueError:
        raise _unfit(place, f"one of {', '.join(str(one.value) for one in kind)}", plain) from None


def _mapping(kind: Any, plain: object, place: str) -> dict[str, Any]:
    if not isinstance(plain, dict):
        raise _unfit(place, "values by name", plain)
    return {_simple(str, name, place): _read(kind, value, f"{place}.{name}") for name, value in plain.items()}


def _dataclass(kind: Any, plain: object, place: str) -> Any:
    hints = _hints(kind)
    if not isinstance(plain, dict) or plain.keys() != hints.keys():
        raise _unfit(place, f"{kind.__name__} with {', '.join(hints)}", plain)
    return kind(**{name: _read(hint, plain[name], f"{place}.{name}") for name, hint in hints.items()})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _unfit(place: str, wanted: str, plain: object) -> ValueError:
    return ValueError(f"{place} must be {wanted} and is {one_line(repr(plain), 80)}")
