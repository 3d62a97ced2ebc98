"""Recorded matches of any division and season as one `History`, and what of it was known at an instant.

    dataset = read_dataset(folder, leagues=["E0", "E1"], seasons=range(2005, 2024))
    dataset.before(instant, league="E0", days=1460)

Clubs carry their country (`E/Arsenal`): the same club in two divisions of a country is one, the same name in two
countries is two. Clubs and leagues are numbered in the order in which they first appear, and a past holds only the
names that have appeared in it: it does not tell who will be promoted, and an index means the same club in a later one.

`closing_result` and `closing_total` are prices of one source a match: Pinnacle's closing price, else the exchange's,
else the closing average. Files before 2019/20 have no closing totals and those before 2012/13 no closing price at all:
there the last price that the file has, Pinnacle's early one or else the early average, stands in, and `result_quote`
and `total_quote` say so. Nothing that is measured against the closing price uses an early one.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from enum import IntEnum
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from touchline.evaluation.expected_goals import read_expected_goals
from touchline.football_data import read_matches, season_of_code
from touchline.football_data.times import LONDON
from touchline.types import OVER_25, RESULT, Fixtures, Floats, History, Ints, MarketKey, Rejected, SourceMatch

DAY: Final = 86400
"""Seconds."""

Number = TypeVar("Number", bound=np.generic)

_SCALARS: Final = ("as_of", "clubs", "leagues")
_COLUMNS: Final = tuple(column.name for column in fields(History) if column.name not in _SCALARS)
_FIGURES: Final = (
    "home_goals",
    "away_goals",
    "half_time_home_goals",
    "half_time_away_goals",
    "home_shots",
    "away_shots",
    "home_shots_on_target",
    "away_shots_on_target",
    "home_corners",
    "away_corners",
    "home_fouls",
    "away_fouls",
    "home_yellow_cards",
    "away_yellow_cards",
    "home_red_cards",
    "away_red_cards",
)
"""Attributes of `SourceMatch` that are columns of a history under the same name."""

SMALLEST_BOOK: Final = 0.9
LARGEST_BOOK: Final = 1.3
"""Sums of inverse prices outside these hold a slip of the source, and its next price is taken."""


class Quote(IntEnum):
    """Whose price, and when it was taken."""

    NONE = 0
    PINNACLE_CLOSING = 1
    EXCHANGE_CLOSING = 2
    AVERAGE_CLOSING = 3
    PINNACLE_EARLY = 4
    AVERAGE_EARLY = 5

    @property
    def is_closing(self) -> bool:
        """Whether it is the last price before kick-off."""
        return Quote.NONE < self <= Quote.AVERAGE_CLOSING


_QUOTES: Final[Mapping[tuple[str, bool], Quote]] = {
    ("pinnacle", True): Quote.PINNACLE_CLOSING,
    ("betfair-exchange", True): Quote.EXCHANGE_CLOSING,
    ("Avg", True): Quote.AVERAGE_CLOSING,
    ("pinnacle", False): Quote.PINNACLE_EARLY,
    ("Avg", False): Quote.AVERAGE_EARLY,
    ("BbAv", False): Quote.AVERAGE_EARLY,
}


@dataclass(frozen=True, slots=True)
class _Part:
    """The matches of one league, or of all, as columns of their own."""

    clubs: tuple[str, ...]
    leagues: tuple[str, ...]
    rows: Ints
    """(k,) rows of the whole."""
    kickoff: Ints
    """(k,) seconds."""
    clubs_seen: Ints
    """(k + 1,) how many clubs have appeared before each match."""
    leagues_seen: Ints
    columns: Mapping[str, Floats | Ints]

    def history(self, start: int, stop: int, instant: int) -> History:
        columns = {name: _read_only(column[start:stop]) for name, column in self.columns.items()}
        columns["days_ago"] = _read_only((instant - self.kickoff[start:stop]) / DAY)
        return History(
            as_of=datetime.fromtimestamp(instant, UTC),
            clubs=self.clubs[: self.clubs_seen[stop]],
            leagues=self.leagues[: self.leagues_seen[stop]],
            **columns,  # type: ignore[arg-type]  # names and shapes are those of a History
        )


@dataclass(frozen=True, slots=True)
class Dataset:
    """Finished matches, oldest first, and what was known of them at any instant. Arrays are read-only."""

    history: History
    """All matches; `as_of` is the day after the last one."""
    kickoff: Ints
    """(n,) seconds since 1970; 00:00 UTC of the day where the time is not known."""
    day: Ints
    """(n,) local day as `date.toordinal()`."""
    leg: Ints
    """(n,) 1 for the first meeting of the pair at this ground in the season."""
    result_quote: Ints
    """(n,) `Quote` of `history.closing_result`."""
    total_quote: Ints
    """(n,) `Quote` of `history.closing_total`."""
    left_out: tuple[Rejected, ...] = ()
    """Rows and parts of rows that were not used, and why; awarded matches are among them."""
    _parts: Mapping[str | None, _Part] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Give each league columns of its own, so that a past is a slice."""
        everything = np.arange(len(self.history))
        parts: dict[str | None, _Part] = {None: _part(self.history, self.kickoff, everything)}
        for index, league in enumerate(self.history.leagues):
            parts[league] = _part(self.history, self.kickoff, everything[self.history.league == index])
        object.__setattr__(self, "_parts", parts)
        whole = parts[None].history(0, len(everything), round(self.history.as_of.timestamp()))
        object.__setattr__(self, "history", whole)
        for array in (self.kickoff, self.day, self.leg, self.result_quote, self.total_quote):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.history)

    @property
    def leagues(self) -> tuple[str, ...]:
        """Codes of the divisions, in the order in which they first appear."""
        return self.history.leagues

    def before(
        self, instant_seconds: int, league: str | None = None, days: int | None = None, since: int | None = None
    ) -> History:
        """What was played strictly before an instant, of one league or of all.

        `days` is how far back at most, `since` an instant before which nothing is wanted. Cheap: views of columns and
        fresh `days_ago`. Clubs and leagues are those that have appeared by then. Raises ValueError for a league that
        is not there.
        """
        part = self._part(league)
        first = since if days is None else max(since or 0, instant_seconds - days * DAY)
        stop = int(np.searchsorted(part.kickoff, instant_seconds))
        start = 0 if first is None else int(np.searchsorted(part.kickoff, first))
        return part.history(min(start, stop), stop, instant_seconds)

    def fixtures(self, rows: Ints, instant_seconds: int, league: str | None = None) -> Fixtures:
        """Matches by their rows as fixtures seen from an instant; with a league, all must be of that league.

        Clubs are those of the history before the instant, and after them those that appear for the first time.
        """
        part = self._part(league)
        place = np.searchsorted(part.rows, rows)
        home, away, code = (np.asarray(part.columns[name][place], np.int64) for name in ("home", "away", "league"))
        stop = int(np.searchsorted(part.kickoff, instant_seconds))
        clubs = max(int(part.clubs_seen[stop]), 1 + int(max(home.max(initial=-1), away.max(initial=-1))))
        leagues = max(int(part.leagues_seen[stop]), 1 + int(code.max(initial=-1)))
        return Fixtures(
            clubs=part.clubs[:clubs],
            leagues=part.leagues[:leagues],
            home=_read_only(home),
            away=_read_only(away),
            league=_read_only(code),
            season=_read_only(self.history.season[rows]),
            days_ahead=_read_only((self.kickoff[rows] - instant_seconds) / DAY),
        )

    def match_line(self, row: int) -> str:
        """A match as a line of the list that a digest stands for: league, season, day, home, away, leg."""
        h = self.history
        names = (h.clubs[h.home[row]], h.clubs[h.away[row]])
        day = date.fromordinal(int(self.day[row])).isoformat()
        return ",".join(
            [h.leagues[h.league[row]], str(h.season[row]), day, *map(plain_name, names), str(self.leg[row])]
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the list of all matches."""
        return self.digest_of(np.arange(len(self)))

    def digest_of(self, rows: Ints) -> str:
        """SHA-256 of the list of some matches: equal for equal lists, whatever the order of the files."""
        lines = sorted(self.match_line(row) for row in rows.tolist())
        return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()

    def with_columns(self, columns: Mapping[str, Floats | Ints]) -> Dataset:
        """The same matches with other values in some columns of the history, (n,) or (n, k) each."""
        return replace(self, history=replace(self.history, **columns))  # type: ignore[arg-type]  # columns are arrays

    def _part(self, league: str | None) -> _Part:
        if league not in self._parts:
            raise ValueError(f"no match of the league {league!r}: there are {', '.join(self.leagues) or 'none'}")
        return self._parts[league]


def read_dataset(
    folder: Path, leagues: Sequence[str] = (), seasons: Sequence[int] = (), xg: Path | None = None
) -> Dataset:
    """The finished matches of a folder `<season>/<division>.csv`, all of it or some leagues and seasons.

    A season is the year in which it starts. `xg` is a file of expected goals (`touchline.evaluation.expected_goals`).
    Raises FileNotFoundError when nothing is found and ValueError for a file that cannot be read.
    """
    read: list[_Read] = []
    left_out: list[Rejected] = []
    for path, season in match_files(folder, leagues, seasons):
        found, rejected = read_matches(path.read_bytes(), f"{path.parent.name}/{path.name}", season)
        left_out += rejected
        for match in found:
            reason = _reason_to_leave_out(match)
            if reason:
                left_out.append(Rejected(match.origin, reason))
            elif not leagues or match.league in leagues:
                read.append(_Read.of(match))
    read.sort(key=lambda one: (one.match.kickoff, one.match.league, one.match.home, one.match.away))
    matches = [one.match for one in read]
    expected, refused = read_expected_goals(xg, matches) if xg else (np.full((len(read), 2), np.nan), ())
    return _of_matches(read, expected, (*left_out, *refused))


def match_files(folder: Path, leagues: Sequence[str] = (), seasons: Sequence[int] = ()) -> list[tuple[Path, int]]:
    """Files `<season>/<division>.csv` below a folder, or `<division>.csv` in a season's own, with their seasons.

    Raises FileNotFoundError when there is none.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder")
    own = season_of_code(folder.resolve().name)
    places = [(folder, own)] if own is not None else [(path, season_of_code(path.name)) for path in folder.iterdir()]
    found = [
        (path, season)
        for place, season in places
        if season is not None and place.is_dir() and (not seasons or season in seasons)
        for path in place.glob("*.csv")
        if not leagues or path.stem in leagues
    ]
    if not found:
        asked = (
            f" for leagues {', '.join(leagues) or 'of any kind'} and seasons {', '.join(map(str, seasons)) or 'all'}"
        )
        raise FileNotFoundError(
            f"{folder} has no match files{asked}: they lie at <season>/<division>.csv (2425/E0.csv)"
        )
    return sorted(found, key=lambda file: (file[1], file[0].name))


def country_of(league: str) -> str:
    """Country of a division by its code: `E` for E0 to E3 and EC, `SP` for SP1; other codes are their own."""
    return "E" if league == "EC" else re.sub(r"\d+$", "", league) or league


def plain_name(club: str) -> str:
    """A club's name without its country."""
    return club.partition("/")[2]


def _reason_to_leave_out(match: SourceMatch) -> str:
    if match.home_goals is None:
        return "no result"
    return "awarded at a table: its score was never played" if match.is_awarded else ""


@dataclass(frozen=True, slots=True)
class _Read:
    """A match without its prices, which fill the memory, and the best of them."""

    match: SourceMatch
    result: tuple[Sequence[float], Quote]
    total: tuple[Sequence[float], Quote]

    @classmethod
    def of(cls, match: SourceMatch) -> _Read:
        return cls(replace(match, prices=()), _best_quote(match, RESULT), _best_quote(match, OVER_25))


def _of_matches(read: Sequence[_Read], expected: Floats, left_out: Sequence[Rejected]) -> Dataset:
    """The dataset of sorted matches; `expected` are the expected goals (n, 2)."""
    matches = [one.match for one in read]
    places = [country_of(match.league) for match in matches]
    names = [
        f"{place}/{name}" for place, match in zip(places, matches, strict=True) for name in (match.home, match.away)
    ]
    clubs, club = _numbered(names)
    leagues, league = _numbered([match.league for match in matches])
    kickoff = np.array([int(match.kickoff.timestamp()) for match in matches], dtype=np.int64)
    instant = (int(kickoff.max(initial=0)) // DAY + 1) * DAY
    past = History(
        as_of=datetime.fromtimestamp(instant, UTC),
        clubs=clubs,
        leagues=leagues,
        home=club[::2],
        away=club[1::2],
        league=league,
        season=np.array([match.season for match in matches], dtype=np.int64),
        days_ago=(instant - kickoff) / DAY,
        closing_result=np.array([one.result[0] for one in read], dtype=np.float64).reshape(-1, 3),
        closing_total=np.array([one.total[0] for one in read], dtype=np.float64).reshape(-1, 2),
        home_xg=expected[:, 0],
        away_xg=expected[:, 1],
        **{name: np.array([getattr(match, name) for match in matches], dtype=np.float64) for name in _FIGURES},
    )
    day = np.array([_local_day(match).toordinal() for match in matches], dtype=np.int64)
    leg = np.array([match.leg for match in matches], dtype=np.int64)
    result_quote = np.array([one.result[1] for one in read], dtype=np.int64)
    total_quote = np.array([one.total[1] for one in read], dtype=np.int64)
    return Dataset(past, kickoff, day, leg, result_quote, total_quote, tuple(left_out))


def _part(past: History, kickoff: Ints, rows: Ints) -> _Part:
    """Some matches with clubs and leagues numbered by first appearance among them."""
    columns: dict[str, Floats | Ints] = {name: _read_only(getattr(past, name)[rows]) for name in _COLUMNS}
    both = np.stack([past.home[rows], past.away[rows]], axis=1).ravel()
    clubs, club = _numbered([past.clubs[index] for index in both.tolist()])
    leagues, league = _numbered([past.leagues[index] for index in past.league[rows].tolist()])
    columns["home"], columns["away"], columns["league"] = (
        _read_only(np.ascontiguousarray(index)) for index in (club[::2], club[1::2], league)
    )
    seen = np.concatenate([[0], np.maximum.accumulate(club.reshape(-1, 2).max(axis=1, initial=0)) + 1])
    leagues_seen = np.concatenate([[0], np.maximum.accumulate(league) + 1])
    return _Part(clubs, leagues, rows, kickoff[rows], seen, leagues_seen, columns)


def _numbered(names: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """The names once each, in the order of their first appearance, and the index of each."""
    place: dict[str, int] = {}
    index = np.array([place.setdefault(name, len(place)) for name in names], dtype=np.int64)
    return tuple(place), index


def _best_quote(match: SourceMatch, market: MarketKey) -> tuple[Sequence[float], Quote]:
    """Prices of the best source in the market's order, NaN where there is none, and whose they are."""
    for quote, prices in sorted(_by_quote(match, market).items()):
        line = [prices.get(outcome, math.nan) for outcome in market.outcomes]
        if SMALLEST_BOOK <= sum(1 / price for price in line) <= LARGEST_BOOK:
            return line, quote
    return [math.nan] * len(market.outcomes), Quote.NONE


def _by_quote(match: SourceMatch, market: MarketKey) -> dict[Quote, dict[str, float]]:
    found: dict[Quote, dict[str, float]] = {}
    for price in match.prices:
        quote = _QUOTES.get((price.bookmaker, price.is_closing)) if price.market == market else None
        if quote is not None:
            found.setdefault(quote, {})[price.outcome] = price.price
    return found


def _local_day(match: SourceMatch) -> date:
    return match.kickoff.astimezone(LONDON).date() if match.is_kickoff_time_known else match.kickoff.date()


def _read_only(array: NDArray[Number]) -> NDArray[Number]:
    """The same array, read-only."""
    array.setflags(write=False)
    return array
