"""What models said last before each kick-off and what happened, as columns: one statement for all models.

Numbers cross from PostgreSQL as the bytes that they are sent in, which costs a tenth of reading them one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import numpy as np
from asyncpg import Record

from domain.forecasting.queries import IN_SHADOW
from domain.infra.database import Reader
from touchline import Floats, Ints, MarketKey


@dataclass(frozen=True, slots=True)
class Question:
    """Which graded predictions are meant."""

    market: MarketKey
    start: datetime | None = None
    """Kick-offs from here on; None is from the beginning."""
    end: datetime | None = None
    """Kick-offs before this."""
    league_ids: tuple[int, ...] | None = None
    """Only these leagues."""

    @property
    def arguments(self) -> tuple[str, datetime | None, datetime | None, Sequence[int] | None]:
        """What `IN_QUESTION` refers to, $1 to $4."""
        return str(self.market), self.start, self.end, self.league_ids


IN_QUESTION: Final = """g.market_id = (select id from market where key = $1)
    and ($2::timestamptz is null or g.kickoff_at >= $2) and ($3::timestamptz is null or g.kickoff_at < $3)
    and ($4::bigint[] is null or g.league_id = any($4))"""
"""A condition on `current_grade g`."""


@dataclass(frozen=True, slots=True)
class Track:
    """What was said of `n` matches of one market with `k` outcomes, and what happened."""

    matches: Ints
    """(n,) ids, rising."""
    outcomes: Ints
    """(n,) places of what happened."""
    probabilities: Floats
    """(n, k)"""
    closing: Floats
    """(n, k) closing probabilities, a row of NaN where there are none."""

    def __len__(self) -> int:
        return len(self.matches)

    def __getitem__(self, which: Ints) -> Self:
        return type(self)(self.matches[which], self.outcomes[which], self.probabilities[which], self.closing[which])

    @property
    def closed(self) -> Self:
        """The matches that have a closing price."""
        return self[np.flatnonzero(~np.isnan(self.closing).any(axis=1))]

    @property
    def market(self) -> Self:
        """The closing prices in the place of what was said."""
        closed = self.closed
        return type(self)(closed.matches, closed.outcomes, closed.closing, closed.closing)

    def among(self, matches: Ints) -> Self:
        """Those of some matches."""
        return self[np.flatnonzero(np.isin(self.matches, matches))]

    @classmethod
    def joined(cls, tracks: Sequence[Self]) -> Self:
        """Several tracks of different matches as one."""
        columns = (np.concatenate([getattr(each, name) for each in tracks]) for name in cls.__slots__)
        whole = cls(*columns)
        return whole[np.argsort(whole.matches)]


Tracks = dict[tuple[str, str], Track]
"""By model and version of its code."""


async def read_tracks(
    reader: Reader, question: Question, model_keys: Iterable[str] | None = None, *, with_shadow: bool = True
) -> Tracks:
    """The tracks in question of these models, or of all; a model without a graded prediction is missing.

    Without `with_shadow` those of plugins in shadow are left out.
    """
    keys = None if model_keys is None else sorted(set(model_keys))
    rows = await reader.fetch(_TRACKS, *question.arguments, keys, with_shadow)
    return {(row["model_key"], row["code_version"]): _track(row, row["width"]) for row in rows}


_TRACKS: Final = f"""
select g.model_key, g.code_version, string_agg(int8send(g.match_id), '') as matches,
    string_agg(int2send(g.outcome), '') as outcomes, string_agg(array_send(g.probabilities), '') as probabilities,
    string_agg(array_send(coalesce(g.closing_probabilities,
                                   array_fill('NaN'::float8, array[cardinality(g.probabilities)]))), '') as closing,
    max(cardinality(g.probabilities)) as width
from current_grade g where {IN_QUESTION} and ($5::text[] is null or g.model_key = any($5))
  and ($6::bool or g.model_key <> all({IN_SHADOW}))
group by 1, 2 order by 1, 2
"""

_HEAD: Final = 20
"""Bytes before the elements of an array as PostgreSQL sends it: dimensions, flags, type, length, lower bound."""


def _track(row: Record, width: int) -> Track:
    track = Track(
        np.frombuffer(row["matches"], ">i8").astype(np.int64),
        np.frombuffer(row["outcomes"], ">i2").astype(np.int64),
        _table(row["probabilities"], width),
        _table(row["closing"], width),
    )
    return track[np.argsort(track.matches)]


def _table(sent: bytes, width: int) -> Floats:
    """(n, width) from arrays of float8, each element with its length before it."""
    array = np.dtype([("head", f"V{_HEAD}"), ("cells", [("length", ">i4"), ("value", ">f8")], width)])
    return np.frombuffer(sent, array)["cells"]["value"].astype(np.float64)
