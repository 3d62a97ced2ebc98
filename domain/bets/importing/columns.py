"""Which column holds what: guessed from the header, corrected by what a person says. Pure.

Headers are compared without case, accents, spaces and signs, and without what stands in brackets, so `Cuota
(decimal)` is `cuota`. Each column has one meaning; a name that could have two goes to the first field below.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from domain.bets.importing.reading import FIELD
from domain.infra.errors import Invalid

MAPPING = "input.mapping"


class Column(StrEnum):
    """What a column can hold, by the name that a mapping uses."""

    BET = "bet"
    """What the lines of one accumulator have in common."""
    PLACED = "placed"
    TIME = "time"
    """Time of day of `placed`, where that is a date alone."""
    SETTLED = "settled"
    KICKOFF = "kickoff"
    LEAGUE = "league"
    EVENT = "event"
    """Both teams in one cell."""
    HOME = "home"
    AWAY = "away"
    MARKET = "market"
    SELECTION = "selection"
    LINE = "line"
    ODDS = "odds"
    STAKE = "stake"
    CURRENCY = "currency"
    RESULT = "result"
    PAYOUT = "payout"
    """What came back, stake included."""
    PROFIT = "profit"
    """What came back less the stake."""
    BOOKMAKER = "bookmaker"
    TAGS = "tags"
    NOTES = "notes"
    DESCRIPTION = "description"


class Option(StrEnum):
    """What else a mapping can say."""

    DATE_FORMAT = "dateFormat"
    DECIMAL_MARK = "decimalMark"


_SAID: Final[Mapping[Column, str]] = MappingProxyType(
    {
        Column.BET: "betid id ticket ticketid slip slipid betslip reference ref boleto idapuesta numeroapuesta",
        Column.PLACED: "placedat placed dateplaced placeddate betplaced betdate datebet dateofbet wagerdate "
        "fechaapuesta fechadeapuesta fechadelaapuesta date fecha datetime fechahora fechayhora day dia timestamp",
        Column.TIME: "time hora placedtime timeplaced bettime horaapuesta",
        Column.SETTLED: "settledat settled settleddate datesettled settlementdate resulteddate "
        "fechaliquidacion liquidada fecharesultado",
        Column.KICKOFF: "kickoffat kickoff ko kickofftime eventdate matchdate gamedate startdate starttime eventtime "
        "fechapartido fechadelpartido fechaevento inicio date fecha",
        Column.LEAGUE: "league competition tournament division comp liga competicion torneo campeonato",
        Column.EVENT: "event match fixture game teams eventname matchup partido encuentro evento juego",
        Column.HOME: "home hometeam homeside team1 local equipolocal equipo1 casa",
        Column.AWAY: "away awayteam awayside visitor team2 visitante equipovisitante equipo2 fuera",
        Column.MARKET: "market markettype marketname bettype typeofbet wagertype mercado tipo tipoapuesta "
        "tipodeapuesta tipomercado",
        Column.SELECTION: "selection pick outcome tip prediction choice betselection seleccion pronostico eleccion "
        "opcion bet apuesta",
        Column.LINE: "line handicap hcap hdp points spread linea puntos",
        Column.ODDS: "odds price decimalodds odd oddstaken pricetaken takenodds cuota cuotas momio momios odddecimal",
        Column.STAKE: "stake amount wager risk betamount stakeamount amountstaked wageramount importe cantidad monto "
        "importeapostado montoapostado cantidadapostada",
        Column.CURRENCY: "currency ccy currencycode moneda divisa",
        Column.RESULT: "result status betresult outcomeresult betstatus settlement wonlost winloss wl outcomestatus "
        "resultado estado acierto",
        Column.PAYOUT: "payout return returns returned totalreturn grossreturn pago retorno cobro cobrado premio "
        "devolucion",
        Column.PROFIT: "profit profitloss pl pnl netprofit net netresult gainloss beneficio ganancia neto "
        "beneficioneto ganancianeta gananciaperdida",
        Column.BOOKMAKER: "bookmaker bookie book sportsbook operator site casadeapuestas casaapuestas operador",
        Column.TAGS: "tags tag labels label tipster strategy etiquetas etiqueta estrategia",
        Column.NOTES: "notes note comment comments remarks notas nota comentario comentarios observaciones",
        Column.DESCRIPTION: "description desc details betdescription descripcion detalle detalles",
    }
)
"""How trackers and bookmakers call each, in English and Spanish, the surest name first."""

NAMES: Final = ", ".join([*Column, *Option])


@dataclass(frozen=True, slots=True)
class Columns:
    """Where everything is in a row."""

    header: tuple[str, ...]
    index: Mapping[Column, int]

    def cell(self, cells: Sequence[str], column: Column) -> str:
        """What a row says of something; empty where it has no such column."""
        place = self.index.get(column)
        return "" if place is None or place >= len(cells) else cells[place]

    @property
    def mapping(self) -> dict[str, str]:
        """Header names by what they were taken for."""
        return {column.value: self.header[place] for column, place in self.index.items()}

    @property
    def left_out(self) -> list[str]:
        """Named columns that are not read."""
        used = set(self.index.values())
        return [name for place, name in enumerate(self.header) if place not in used and name]


def columns_of(header: Sequence[str], mapping: Mapping[str, Any]) -> Columns:
    """The columns of a file; raises Invalid where the mapping or what is needed of a bet is wrong or missing."""
    told = {name: value for name, value in mapping.items() if name not in tuple(Option)}
    index = _told(header, told)
    index.update(_guessed(header, index, {Column(name) for name in told}))
    columns = Columns(tuple(header), index)
    _check(columns)
    return columns


def option_of(mapping: Mapping[str, Any], option: Option) -> str | None:
    """What a mapping says besides columns; raises Invalid unless it is text."""
    value = mapping.get(option)
    if value is not None and not isinstance(value, str):
        raise Invalid(f"{MAPPING}.{option}", "write a text")
    return value


def plain(name: str) -> str:
    """A header without case, accents, brackets, spaces and signs."""
    bare = re.sub(r"\(.*?\)|\[.*?\]", "", name)
    letters = unicodedata.normalize("NFKD", bare if bare.strip() else name).casefold()
    return re.sub(r"[^a-z0-9]", "", letters)


def _told(header: Sequence[str], told: Mapping[str, Any]) -> dict[Column, int]:
    """Columns that a person named; null means that the file has none."""
    index: dict[Column, int] = {}
    for name, value in told.items():
        if name not in tuple(Column):
            raise Invalid(f"{MAPPING}.{name}", f"is not known; a mapping may have {NAMES}")
        if value is None:
            continue
        if not isinstance(value, str) or (place := _place(header, value)) is None:
            raise Invalid(f"{MAPPING}.{name}", f"no column is called {value!r}; the columns are {_listed(header)}")
        index[Column(name)] = place
    return index


def _place(header: Sequence[str], name: str) -> int | None:
    if name.strip() in header:
        return list(header).index(name.strip())
    return next((place for place, other in enumerate(header) if plain(other) == plain(name) != ""), None)


def _guessed(header: Sequence[str], index: Mapping[Column, int], said: set[Column]) -> dict[Column, int]:
    free = {plain(name): place for place, name in reversed([*enumerate(header)]) if place not in index.values()}
    found: dict[Column, int] = {}
    for column, names in _SAID.items():
        name = next((name for name in names.split() if name in free), None)
        if column not in said and name is not None:
            found[column] = free.pop(name)
    return found


def _check(columns: Columns) -> None:
    """Raise Invalid unless a line can be a bet."""
    if len(columns.index) < 2:
        raise Invalid(
            FIELD,
            "its first line must name the columns, for example Date,Match,Selection,Odds,Stake,Result; "
            f"it is {_listed(columns.header)}",
        )
    for wanted, words in _NEEDED:
        if not any(all(column in columns.index for column in together) for together in wanted):
            name = wanted[0][0]
            raise Invalid(
                f"{MAPPING}.{name}",
                f"no column for {words} was found among {_listed(columns.header)}: "
                f'name it in the mapping, {{"{name}": "…"}}',
            )


_NEEDED: Final[Sequence[tuple[tuple[tuple[Column, ...], ...], str]]] = (
    (((Column.ODDS,),), "the odds"),
    (((Column.STAKE,),), "the stake"),
    (((Column.PLACED,), (Column.KICKOFF,)), "the date"),
    (((Column.EVENT,), (Column.HOME, Column.AWAY), (Column.SELECTION,), (Column.DESCRIPTION,)), "the match"),
)
"""Columns, each of which will do, and what is missing without all of them."""


def _listed(header: Sequence[str]) -> str:
    shown = [name for name in header if name][:30]
    return ", ".join(repr(name[:40]) for name in shown) or "empty"
