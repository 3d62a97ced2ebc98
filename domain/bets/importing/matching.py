"""Which match of ours a line is about: both teams by any name, the league where it is told, the day.

A line is linked when exactly one match of the two teams kicks off within a day of its date; otherwise it keeps its
words. Teams are found without case, accents and what every club is called, by all names that sources give them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from domain.bets.importing.lines import Line
from domain.bets.importing.selections import Sides, plain_name, selection_of
from domain.infra.database import Reader
from domain.markets.queries import own_kinds
from domain.markets.rules import OwnKind
from domain.markets.service import Writer, dictionary, read_dictionary
from domain.matches.catalogue import spellings
from touchline import MarketKey

NEAR: Final = timedelta(days=1)
"""How far a kick-off may be from what a line says."""
MOST_PAIRS = 16
"""Pairs of teams that one line may mean, before it means none."""

_BETWEEN = re.compile(r"\s+(v|vs|vs\.|versus|contra|x|-|–|—|@|at)\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """The match of a line, and the outcome that was bet on."""

    match_id: int
    title: str
    market: MarketKey
    outcome: str


@dataclass(frozen=True, slots=True)
class Names:
    """Ids by plain name: teams, leagues and bookmakers; the names of each team; the markets that we hold, and plugins'
    own by key."""

    teams: Mapping[str, AbstractSet[int]]
    leagues: Mapping[str, AbstractSet[int]]
    bookmakers: Mapping[str, int]
    names_of: Mapping[int, AbstractSet[str]]
    markets: AbstractSet[MarketKey]
    own: Mapping[str, OwnKind]

    @classmethod
    async def read(cls, reader: Reader) -> Names:
        """All names, with five statements."""
        teams, names_of = await _teams(reader)
        leagues: dict[str, set[int]] = {}
        for row in await reader.fetch(_LEAGUES):
            leagues.setdefault(plain_name(row["name"]), set()).add(row["id"])
        rows = await reader.fetch("select id, key, name from bookmaker order by id desc")
        books = {plain_name(name): row["id"] for row in rows for name in (row["key"], row["name"])}
        markets = (await read_dictionary(reader)).market_ids.keys()
        return cls(teams, leagues, books, names_of, markets, await own_kinds(reader))

    def bookmaker(self, name: str) -> int | None:
        """Our bookmaker of a name; None where it is none of ours."""
        return self.bookmakers.get(plain_name(name))


_LEAGUES = """
select l.id, n.name from league l left join country c on c.id = l.country_id
cross join lateral (
  values (l.name), (l.slug), (c.name || ' ' || l.name), (l.name || ' ' || c.name)) n(name) where n.name is not null
union all select league_id, code from league_alias
"""


async def _teams(reader: Reader) -> tuple[dict[str, set[int]], dict[int, set[str]]]:
    rows = await reader.fetch(
        """select t.id, t.name, c.code, array[t.name, t.short_name, t.slug]
               || array(select a.name from team_alias a where a.team_id = t.id) as names
           from team t left join country c on c.id = t.country_id"""
    )
    known = spellings()
    teams: dict[str, set[int]] = {}
    names_of: dict[int, set[str]] = {}
    for row in rows:
        names = names_of[row["id"]] = {plain_name(name) for name in row["names"]}
        names |= {plain_name(name) for name in known.get((row["code"], row["name"]), ())}
        for name in names:
            teams.setdefault(name, set()).add(row["id"])
    return teams, names_of


async def matches_of(reader: Reader, names: Names, lines: Sequence[Line]) -> list[Found | None]:
    """The match and outcome of each line, in order, with one statement."""
    pairs = [(n, home, away) for n, line in enumerate(lines) for home, away in _pairs(line, names)]
    spans = [_span(line) for line in lines]
    rows = await reader.fetch(
        _MATCHES,
        [n for n, _, _ in pairs],
        [home for _, home, _ in pairs],
        [away for _, _, away in pairs],
        [spans[n][0] for n, _, _ in pairs],
        [spans[n][1] for n, _, _ in pairs],
    )
    matches: dict[int, list[Any]] = {}
    for row in rows:
        leagues = names.leagues.get(plain_name(lines[row["place"]].league))
        if leagues is None or row["league_id"] in leagues:
            matches.setdefault(row["place"], []).append(row)
    return [_found(line, matches.get(n, ()), names) for n, line in enumerate(lines)]


_MATCHES = """
select distinct t.place, m.id, m.league_id, m.home_team_id, m.away_team_id, h.name || ' v ' || a.name as title
from unnest($1::int[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[])
     as t(place, home, away, since, until)
join match m on m.home_team_id = t.home and m.away_team_id = t.away and m.kickoff_at between t.since and t.until
join team h on h.id = m.home_team_id join team a on a.id = m.away_team_id
"""


def _found(line: Line, matches: Sequence[Any], names: Names) -> Found | None:
    if len(matches) != 1:
        return None
    [match] = matches
    sides = Sides(names.names_of[match["home_team_id"]], names.names_of[match["away_team_id"]])
    chosen = selection_of(line.market, line.selection, line.line, sides, names.own)
    if chosen is None or (chosen[0].period != "ft" and chosen[0] not in names.markets):
        return None
    return Found(match["id"], match["title"], *chosen)


def _pairs(line: Line, names: Names) -> AbstractSet[tuple[int, int]]:
    """Home and away teams that a line may mean; empty where they are too many."""
    pairs = {
        (home, away)
        for first, second in _written_pairs(line)
        for home in names.teams.get(plain_name(first), ())
        for away in names.teams.get(plain_name(second), ())
    }
    return pairs if len(pairs) <= MOST_PAIRS else frozenset()


def _written_pairs(line: Line) -> Iterator[tuple[str, str]]:
    """Home and away as they are written; `Chelsea @ Arsenal` is played at Arsenal."""
    if line.home and line.away:
        yield line.home, line.away
        return
    for between in _BETWEEN.finditer(line.event):
        first, second = line.event[: between.start()], line.event[between.end() :]
        yield (second, first) if between[1].casefold() in ("@", "at") else (first, second)


def _span(line: Line) -> tuple[Any, Any]:
    """When the match of a line kicks off: within a day of the instant that is told, or of the day."""
    told = line.kickoff or line.placed
    return told.instant - NEAR, told.instant + NEAR + (timedelta(0) if told.has_time else timedelta(days=1))


async def selection_ids(connection: Writer, found: Sequence[Found | None]) -> list[int | None]:
    """Ids of the outcomes, after adding the markets that the dictionary lacks."""
    known = await dictionary(connection, {each.market for each in found if each is not None})
    return [None if each is None else known.selection_id(each.market, each.outcome) for each in found]
