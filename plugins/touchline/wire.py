"""Messages between a worker and the child that runs a plugin: named arrays and plain JSON, never pickle.

One message is an `.npz` of its arrays plus the JSON body as bytes. A digest covers names, types, shapes and
contents and nothing of the container, so equal numbers have equal digests.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from touchline.types import Basis, Fixtures, Floats, Forecasts, History, MarketKey, State

Arrays = dict[str, NDArray[Any]]
Columns = TypeVar("Columns", History, Fixtures)

_BODY = "body"


def pack(body: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """One message; array names hold a dot (`history.home`), which keeps them apart from the body."""
    buffer = io.BytesIO()
    text = np.frombuffer(json.dumps(body).encode(), dtype=np.uint8)
    np.savez(buffer, allow_pickle=False, **{_BODY: text}, **arrays)
    return buffer.getvalue()


def unpack(message: bytes) -> tuple[dict[str, Any], Arrays]:
    """Body and read-only arrays of a message; raises ValueError when it is not one."""
    try:
        with np.load(io.BytesIO(message), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        body = json.loads(arrays.pop(_BODY).tobytes())
    except Exception as error:  # zip, npy and JSON each raise their own kinds: all mean the same here
        raise ValueError(f"not a message: {error}") from error
    if not isinstance(body, dict):
        raise ValueError("not a message: its body is no object")
    for array in arrays.values():
        array.flags.writeable = False
    return body, arrays


def pack_state(state: State) -> bytes:
    """A fitted state as bytes to keep."""
    return pack({}, prefixed("state", state))


def unpack_state(message: bytes) -> dict[str, Floats]:
    """The state of `pack_state`; raises ValueError."""
    return under("state", unpack(message)[1])


def prefixed(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    """Arrays under a common first name."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def under(prefix: str, arrays: Arrays) -> Arrays:
    """The arrays of a common first name, without it."""
    return {name.removeprefix(f"{prefix}."): array for name, array in arrays.items() if name.startswith(f"{prefix}.")}


def columns_out(columns: History | Fixtures) -> tuple[dict[str, Any], Arrays]:
    """A history or a list of fixtures as plain values and arrays; a column added to the contract needs no change."""
    plain: dict[str, Any] = {}
    arrays: Arrays = {}
    for column in fields(columns):
        value = getattr(columns, column.name)
        if isinstance(value, np.ndarray):
            arrays[column.name] = value
        else:
            plain[column.name] = value.isoformat() if isinstance(value, datetime) else value
    return plain, arrays


def columns_in(kind: type[Columns], plain: Mapping[str, Any], arrays: Arrays) -> Columns:
    """The inverse of `columns_out`."""
    values: dict[str, Any] = {**arrays}
    for name, value in plain.items():
        values[name] = datetime.fromisoformat(value) if isinstance(value, str) else tuple(value)
    return kind(**values)


def forecasts_out(forecasts: Forecasts) -> tuple[dict[str, Any], Arrays]:
    """Forecasts as plain values and arrays."""
    plain = {"basis": [str(basis) for basis in forecasts.basis], "family": forecasts.family}
    probabilities = {str(key): np.asarray(value, dtype=np.float64) for key, value in forecasts.probabilities.items()}
    parameters = {name: np.asarray(value, dtype=np.float64) for name, value in forecasts.parameters.items()}
    return plain, prefixed("probabilities", probabilities) | prefixed("parameters", parameters)


def forecasts_in(plain: Mapping[str, Any], arrays: Arrays) -> Forecasts:
    """The inverse of `forecasts_out`; raises ValueError for a market or a basis that the contract does not know."""
    return Forecasts(
        probabilities={MarketKey.parse(key): value for key, value in under("probabilities", arrays).items()},
        basis=tuple(Basis(basis) for basis in plain["basis"]),
        family=str(plain["family"]),
        parameters=under("parameters", arrays),
    )


def digest(arrays: Mapping[str, NDArray[Any]], body: Mapping[str, Any] | None = None) -> str:
    """SHA-256 over sorted names, types, shapes and bytes, hex; `body` is added as sorted JSON."""
    total = hashlib.sha256(json.dumps(body or {}, sort_keys=True, default=str).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"\n{name}|{array.dtype.str}|{arrays[name].shape}|".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def inputs_digest(
    history: History, fixtures: Fixtures | None, settings: Mapping[str, float | str | bool], version: str
) -> str:
    """What a prediction was made from: equal inputs to equal code have equal digests."""
    past, past_arrays = columns_out(history)
    body: dict[str, Any] = {"version": version, "settings": dict(settings), "history": past}
    arrays = prefixed("history", past_arrays)
    if fixtures is not None:
        coming, coming_arrays = columns_out(fixtures)
        body["fixtures"] = coming
        arrays |= prefixed("fixtures", coming_arrays)
    return digest(arrays, body)
