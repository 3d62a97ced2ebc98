"""What is known beforehand: the leagues of football-data.co.uk, and clubs' names at several sources."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class KnownLeague:
    """A league that a source's code stands for."""

    country_code: str
    country_name: str
    name: str
    slug: str
    is_big: bool = False
    repeats_meetings: bool = False
    """Whether a pair can meet twice at one ground in a season: four rounds, or play-offs in the same table."""


_COUNTRIES: Final = {
    "GB-ENG": "England",
    "GB-SCT": "Scotland",
    "DE": "Germany",
    "IT": "Italy",
    "ES": "Spain",
    "FR": "France",
    "NL": "Netherlands",
    "BE": "Belgium",
    "PT": "Portugal",
    "TR": "Turkey",
    "GR": "Greece",
}


def _league(country_code: str, name: str, *, is_big: bool = False, repeats_meetings: bool = False) -> KnownLeague:
    country = _COUNTRIES[country_code]
    return KnownLeague(country_code, country, name, slug_of(f"{country} {name}"), is_big, repeats_meetings)


def slug_of(name: str) -> str:
    """A name as it stands in an address: `1. FC Köln` is `1-fc-koln`."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("'", "")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "team"


FOOTBALL_DATA: Final[Mapping[str, KnownLeague]] = MappingProxyType(
    {
        "E0": _league("GB-ENG", "Premier League", is_big=True),
        "E1": _league("GB-ENG", "Championship"),
        "E2": _league("GB-ENG", "League One"),
        "E3": _league("GB-ENG", "League Two"),
        "EC": _league("GB-ENG", "National League"),
        "SC0": _league("GB-SCT", "Premiership", repeats_meetings=True),
        "SC1": _league("GB-SCT", "Championship", repeats_meetings=True),
        "SC2": _league("GB-SCT", "League One", repeats_meetings=True),
        "SC3": _league("GB-SCT", "League Two", repeats_meetings=True),
        "D1": _league("DE", "Bundesliga", is_big=True),
        "D2": _league("DE", "2. Bundesliga"),
        "I1": _league("IT", "Serie A", is_big=True),
        "I2": _league("IT", "Serie B"),
        "SP1": _league("ES", "La Liga", is_big=True),
        "SP2": _league("ES", "Segunda División"),
        "F1": _league("FR", "Ligue 1", is_big=True),
        "F2": _league("FR", "Ligue 2"),
        "N1": _league("NL", "Eredivisie"),
        "B1": _league("BE", "Pro League", repeats_meetings=True),
        "P1": _league("PT", "Primeira Liga"),
        "T1": _league("TR", "Süper Lig"),
        "G1": _league("GR", "Super League", repeats_meetings=True),
    }
)
"""Divisions of https://www.football-data.co.uk/data.php by the site's codes."""

LEAGUES: Final[Mapping[str, Mapping[str, KnownLeague]]] = MappingProxyType({"football-data": FOOTBALL_DATA})
"""By source."""

_COLUMNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "football-data": "football_data_co_uk",
        "the-odds-api": "the_odds_api",
        "api-football": "api_football",
        "openfootball": "openfootball",
        "football-data-org": "football_data_org",
    }
)
"""Column of team_aliases.csv by source."""


@dataclass(frozen=True, slots=True)
class KnownTeam:
    """A club by its canonical name, and the short one that tables of results use."""

    name: str
    short_name: str


def known_team(source: str, country_code: str, spelling: str) -> KnownTeam | None:
    """The club that a source spells this way in a country; None when the list has none."""
    return _teams().get((source, country_code, spelling))


@cache
def _teams() -> Mapping[tuple[str, str, str], KnownTeam]:
    """Clubs by source, country and spelling. The country follows from the divisions a club played in."""
    with files(__package__).joinpath("team_aliases.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return MappingProxyType(
        {
            (source, country, spelling): KnownTeam(row["canonical"], row["football_data_co_uk"] or row["canonical"])
            for row in rows
            for country in {
                FOOTBALL_DATA[played.partition(":")[0]].country_code for played in row["div_seasons"].split()
            }
            for source, column in _COLUMNS.items()
            for spelling in row[column].split("|")
            if spelling
        }
    )


def spellings() -> Mapping[tuple[str, str], frozenset[str]]:
    """Every way in which a source spells a club, by country and canonical name."""
    found: dict[tuple[str, str], set[str]] = {}
    for (_, country, spelling), team in _teams().items():
        found.setdefault((country, team.name), set()).add(spelling)
    return MappingProxyType({club: frozenset(names) for club, names in found.items()})
