"""Which outcome of which market a line names: `1`, `Over 2.5`, `BTTS yes`, `Chelsea +0.75`. Pure.

Only what can be understood in one way is: a market that is not known here, a line that is told twice and
differently, a whole-goal handicap that nobody calls Asian are left as words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from domain.markets.rules import OwnKind
from touchline import BTTS, RESULT, Kind, MarketKey
from touchline.types import OUTCOMES

HIGHEST_TOTAL = {Kind.TOTAL_GOALS: 15.0, Kind.TOTAL_CORNERS: 30.0}
HIGHEST_HANDICAP = 10.0

_PLAIN_MARKETS: Final = frozenset({"", "single", "singles", "simple", "sencilla"})
"""Words that say nothing of the market."""
_MARKETS: Final = {
    name: kind
    for kind, names in {
        Kind.MATCH_RESULT: "1x2,match result,match odds,full time result,final result,result,match winner,winner,"
        "moneyline,money line,3 way,three way,win draw win,to win,match betting,resultado,resultado final,"
        "resultado del partido,ganador,ganador del partido",
        Kind.TOTAL_GOALS: "over/under,over under,ou,o/u,totals,total,goals,total goals,goals over/under,"
        "over/under goals,match goals,goal line,goles,total goles,total de goles,mas/menos,mas menos,mas/menos goles,"
        "mas/menos de goles,goles mas/menos",
        Kind.TOTAL_CORNERS: "corners,total corners,corners over/under,over/under corners,match corners,corneres,"
        "total de corneres,total de corners,saques de esquina",
        Kind.BOTH_TEAMS_TO_SCORE: "btts,both teams to score,both teams score,both to score,gg/ng,bts,ambos marcan,"
        "ambos equipos marcan,ambos anotan",
        Kind.ASIAN_HANDICAP: "ah,asian handicap,asian line,asian lines,handicap asiatico,asian hcp",
    }.items()
    for name in names.split(",")
}
_HOME: Final = frozenset({"1", "home", "home win", "home team", "local", "gana local", "equipo local"})
_DRAW: Final = frozenset({"x", "draw", "the draw", "empate"})
_AWAY: Final = frozenset({"2", "away", "away win", "away team", "visitante", "gana visitante", "equipo visitante"})
_YES: Final = frozenset({"yes", "y", "si", "gg"})
_NO: Final = frozenset({"no", "ng"})

_LINE = r"[+-]?\d+(?:\.\d+)?"
_TOTAL = re.compile(
    rf"(over|o|mas de|mas|under|u|menos de|menos|\+|-)\s*({_LINE})?\s*(goals?|goles|gol|corners?|corneres)?"
)
_BTTS = re.compile(r"(?:btts|bts|both teams to score|both teams score|ambos marcan|ambos equipos marcan)\W*(\w*)")
_HANDICAP = re.compile(
    rf"(?:(ah|asian handicap|handicap asiatico)\W+)?(.+?)\s*\(?({_LINE})(?:\s*[,/]\s*({_LINE}))?\)?(\s+ah)?"
)
_MARKET_LINE = re.compile(rf"(.+?)\s+({_LINE})(?:\s+(goals|goles|corners))?")
_WIN = re.compile(r"(?:gana\s+)?(.+?)(?:\s+(?:to win|win|wins|ml))?")
_OVER: Final = frozenset({"over", "o", "mas", "mas de", "+"})


@dataclass(frozen=True, slots=True)
class Sides:
    """Names of the two teams of a match, as `plain_name` writes them."""

    home: Set[str]
    away: Set[str]

    def side(self, text: str) -> str | None:
        """`home` or `away`; None for neither and for both."""
        name = plain_name(text)
        is_home, is_away = text in _HOME or name in self.home, text in _AWAY or name in self.away
        return None if is_home == is_away else "home" if is_home else "away"


@lru_cache(maxsize=20_000)
def plain_name(name: str) -> str:
    """A team's or league's name without case, accents, signs and what every club is called."""
    letters = unicodedata.normalize("NFKD", name.casefold().replace("ß", "ss").replace("ø", "o"))
    words = re.sub(r"[^a-z0-9]+", " ", re.sub(r"['’.]|[\u0300-\u036f]", "", letters)).split()
    kept = [word for word in words if word not in _CLUB_WORDS]
    return " ".join(kept or words)


_CLUB_WORDS: Final = frozenset({"fc", "cf", "afc", "sc", "ac", "cd", "ud", "rcd", "the"})


def selection_of(
    market: str, selection: str, line: str, sides: Sides, own: Mapping[str, OwnKind] = MappingProxyType({})
) -> tuple[MarketKey, str] | None:
    """Market and outcome of three cells; None where they say nothing, too little or too much.

    `own` are the plugins' markets by key, which only their canonical key names.
    """
    if ":" in market and (exact := _canonical(market, selection, own)):
        return exact
    said, number = _normal(market), _number(_normal(line))
    kind, market_line = _market(said)
    if (line and number is None) or (kind is None and said not in _PLAIN_MARKETS):
        return None
    cells = _Cells(kind, market_line, _normal(selection), number, sides)
    return _result(cells) or _btts(cells) or _total(cells) or _handicap(cells)


@dataclass(frozen=True, slots=True)
class _Cells:
    """What the cells of one line say."""

    kind: Kind | None
    """None where the market's cell says nothing."""
    market_line: float | None
    """The line in the market's name."""
    chosen: str
    line: float | None
    """The line in a cell of its own."""
    sides: Sides

    def may_be(self, *kinds: Kind) -> bool:
        return self.kind is None or self.kind in kinds

    @property
    def lines(self) -> set[float]:
        return {line for line in (self.line, self.market_line) if line is not None}


def _canonical(market: str, selection: str, own: Mapping[str, OwnKind]) -> tuple[MarketKey, str] | None:
    """`total_goals:2.5:ft` and `over`, as our own exports write them."""
    try:
        key = MarketKey.parse(market)
    except ValueError:
        return None
    if (kind := own.get(key.name)) is not None:
        return (key, selection) if selection in kind.outcomes and kind.has(key) else None
    return (key, selection) if selection in OUTCOMES.get(key.kind, ()) and _is_possible(key) else None


def _result(cells: _Cells) -> tuple[MarketKey, str] | None:
    if not cells.may_be(Kind.MATCH_RESULT) or cells.lines:
        return None
    if cells.chosen in _DRAW:
        return RESULT, "draw"
    found = _WIN.fullmatch(cells.chosen)
    side = cells.sides.side(cells.chosen) or (cells.sides.side(found[1]) if found else None)
    return None if side is None else (RESULT, side)


def _btts(cells: _Cells) -> tuple[MarketKey, str] | None:
    if not cells.may_be(Kind.BOTH_TEAMS_TO_SCORE) or cells.lines:
        return None
    found = _BTTS.fullmatch(cells.chosen)
    if cells.kind is None and found is None and cells.chosen not in ("gg", "ng"):
        return None
    word = cells.chosen if found is None else found[1] or "yes"
    return (BTTS, "yes") if word in _YES else (BTTS, "no") if word in _NO else None


def _total(cells: _Cells) -> tuple[MarketKey, str] | None:
    found = _TOTAL.fullmatch(cells.chosen)
    if found is None or not cells.may_be(*HIGHEST_TOTAL) or (cells.kind is None and found[1] in ("+", "-")):
        return None
    unit = None if found[3] is None else Kind.TOTAL_CORNERS if found[3].startswith("corn") else Kind.TOTAL_GOALS
    told = cells.lines | ({float(found[2])} if found[2] else set())
    if len(told) != 1 or (cells.kind and unit and cells.kind is not unit):
        return None
    key = MarketKey(cells.kind or unit or Kind.TOTAL_GOALS, told.pop())
    return (key, "over" if found[1] in _OVER else "under") if _is_possible(key) else None


def _handicap(cells: _Cells) -> tuple[MarketKey, str] | None:
    """A handicap is the chosen side's own; one in the market's name is the home side's, or nobody knows whose."""
    if not cells.may_be(Kind.ASIAN_HANDICAP):
        return None
    is_asian, team, told = cells.kind is not None, cells.chosen, {cells.line} - {None}
    if (found := _HANDICAP.fullmatch(cells.chosen)) and cells.sides.side(found[2].strip()):
        is_asian, team = is_asian or bool(found[1] or found[5]), found[2].strip()
        first, second = float(found[3]), float(found[4] or found[3])
        if abs(first - second) not in (0, 0.5):
            return None
        told.add((first + second) / 2)
    side = cells.sides.side(team)
    if cells.market_line is not None and (side == "home" or not told):
        told.add(cells.market_line if side == "home" else None)
    if side is None or len(told) != 1 or (line := told.pop()) is None:
        return None
    if not is_asian and line % 1 == 0:
        return None  # in the European kind a win by exactly that many loses
    key = MarketKey(Kind.ASIAN_HANDICAP, (line if side == "home" else -line) + 0.0)
    return (key, side) if _is_possible(key) else None


def _is_possible(key: MarketKey) -> bool:
    """Whether a market of this kind can have the line."""
    if key.kind is Kind.ASIAN_HANDICAP:
        return key.line is not None and abs(key.line) <= HIGHEST_HANDICAP and (key.line * 4).is_integer()
    if key.kind in HIGHEST_TOTAL:
        return key.line is not None and 0 < key.line <= HIGHEST_TOTAL[key.kind] and (key.line * 4).is_integer()
    return key.line is None


def _market(said: str) -> tuple[Kind | None, float | None]:
    """The kind that a market's name is of, and the line that stands in it."""
    if kind := _MARKETS.get(said):
        return kind, None
    if (found := _MARKET_LINE.fullmatch(said)) and (
        kind := _MARKETS.get(f"{found[1]} {found[3] or ''}".strip()) or _MARKETS.get(found[1])
    ):
        return kind, float(found[2])
    return None, None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(_LINE, text) else None


def _normal(text: str) -> str:
    """Without case and accents, with a dot before decimals, one space between words."""
    letters = unicodedata.normalize("NFKD", text.replace("−", "-").replace("½", ".5")).casefold()
    bare = "".join(sign for sign in letters if not unicodedata.combining(sign))
    return re.sub(r"\s+", " ", re.sub(r"(?<=\d),(?=\d{1,2}\b)", ".", bare)).strip()
