"""Names of clubs and leagues as numbers: how a fitted model finds them again without keeping text.

A state holds numbers only, and a model that is restored meets other tuples of names than it was fitted on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from touchline.types import Floats, Ints


def codes(names: Sequence[str]) -> Floats:
    """(k,) a number of 48 bits for each name, exact in float64."""
    digests = (hashlib.sha256(name.encode()).digest() for name in names)
    return np.array([float(int.from_bytes(digest[:6], "big")) for digest in digests])


def positions(wanted: Floats, known: Floats) -> Ints:
    """(k,) position of each wanted code among the known ones, -1 where it is missing."""
    place = {code: position for position, code in enumerate(known.tolist())}
    return np.array([place.get(code, -1) for code in wanted.tolist()], dtype=np.int64)


def translated(names: Sequence[str], known: Sequence[str]) -> Ints:
    """(k,) position of each name among the known ones, -1 where it is missing."""
    place = {name: position for position, name in enumerate(known)}
    return np.array([place.get(name, -1) for name in names], dtype=np.int64)
