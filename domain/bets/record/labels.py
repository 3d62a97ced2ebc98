"""What groups of bets are called, in English and Spanish; other languages get the English words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from domain.bets.record.groups import NEGATIVE, UNTAGGED, WEEKDAYS, Dimension
from domain.bets.record.rows import SEVERAL, UNKNOWN
from domain.markets.rules import kind_name
from touchline import Kind


class Language(StrEnum):
    """Languages that we write."""

    ENGLISH = "en"
    SPANISH = "es"

    @classmethod
    def of(cls, locale: str) -> Language:
        """The language of a BCP 47 tag, English where it is none of ours."""
        return cls.SPANISH if locale.lower().partition("-")[0] == "es" else cls.ENGLISH

    def number(self, text: str) -> str:
        """A number given as `1,234.50`, as the language writes it."""
        return text.translate(_SPANISH_SIGNS) if self is Language.SPANISH else text


_SPANISH_SIGNS = str.maketrans({",": ".", ".": ","})


def label(dimension: Dimension, key: str, locale: str, titles: Mapping[str, str] = MappingProxyType({})) -> str:
    """A group for people; the key itself where that is a name, as of a tag or of a bookmaker typed in.

    `titles` are those of plugins' markets, by kind; they stand as their plugins wrote them.
    """
    words = _WORDS[language := Language.of(locale)]
    if key in words.common and (dimension is not Dimension.TAG or key == UNTAGGED):
        return words.common[key]
    match dimension:
        case Dimension.MARKET:
            return kind_name(titles[key]) if key in titles else words.markets.get(key, key)
        case Dimension.WEEKDAY:
            return words.weekdays[WEEKDAYS.index(key)]
        case Dimension.MONTH:
            year, month = key.split("-")
            return words.month.format(month=words.months[int(month) - 1], year=year)
        case Dimension.WEEK:
            year, week = key.split("-W")
            return words.week.format(week=int(week), year=year)
        case Dimension.ODDS_BAND:
            return words.band(*(language.number(end) for end in _ends(key)))
        case Dimension.EDGE_BAND:
            return words.band(*(f"{100 * float(end):.0f} %" for end in _ends(key)))
        case _:
            return key


def _ends(band: str) -> list[str]:
    """One or two of `1.80-2.00` and `10.00+`."""
    return band.rstrip("+").split("-")


@dataclass(frozen=True, slots=True)
class _Words:
    common: Mapping[str, str]
    markets: Mapping[str, str]
    weekdays: Sequence[str]
    months: Sequence[str]
    month: str
    week: str
    between: str
    from_: str

    def band(self, low: str, high: str | None = None) -> str:
        return self.from_.format(low) if high is None else self.between.format(low, high)


_ENGLISH = _Words(
    common={SEVERAL: "Several", UNKNOWN: "Unknown", UNTAGGED: "No tag", NEGATIVE: "Below 0 %"},
    markets={
        Kind.MATCH_RESULT: "Match result",
        Kind.TOTAL_GOALS: "Total goals",
        Kind.BOTH_TEAMS_TO_SCORE: "Both teams to score",
        Kind.TOTAL_CORNERS: "Total corners",
        Kind.ASIAN_HANDICAP: "Asian handicap",
        Kind.TEAM_TOTAL_GOALS: "Team total goals",
        Kind.CORRECT_SCORE: "Correct score",
        Kind.CUSTOM: "Other",
    },
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    months=(
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    month="{month} {year}",
    week="Week {week}, {year}",
    between="{} to {}",
    from_="{} or more",
)

_SPANISH = _Words(
    common={SEVERAL: "Varios", UNKNOWN: "Desconocido", UNTAGGED: "Sin etiqueta", NEGATIVE: "Menos de 0 %"},
    markets={
        Kind.MATCH_RESULT: "Resultado del partido",
        Kind.TOTAL_GOALS: "Total de goles",
        Kind.BOTH_TEAMS_TO_SCORE: "Ambos equipos marcan",
        Kind.TOTAL_CORNERS: "Total de córners",
        Kind.ASIAN_HANDICAP: "Hándicap asiático",
        Kind.TEAM_TOTAL_GOALS: "Goles de un equipo",
        Kind.CORRECT_SCORE: "Resultado exacto",
        Kind.CUSTOM: "Otro",
    },
    weekdays=("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    months=(
        *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
        *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
    ),
    month="{month} de {year}",
    week="Semana {week} de {year}",
    between="{} a {}",
    from_="{} o más",
)

_WORDS: Mapping[Language, _Words] = MappingProxyType({Language.ENGLISH: _ENGLISH, Language.SPANISH: _SPANISH})
