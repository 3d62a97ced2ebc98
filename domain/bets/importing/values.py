"""Amounts, odds, results and labels as files write them. Pure.

Whether `1.234` is a little more than one or more than a thousand is decided once, over all amounts and odds of
a file: `2,10` and `1.234,50` say that the comma is the decimal mark. Odds are taken for what they look like,
each by itself: `2.10` and `2,10` decimal, `11/10` fractional, `+110` and `-110` American.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from domain import money
from domain.bets.importing.columns import MAPPING, Option
from domain.bets.rules import HIGHEST_LEG_PRICE, PRICE_PLACES
from domain.infra.errors import Invalid

SHOWN = 40
"""Characters of a cell that a refusal shows."""

_NUMBER = re.compile(r"\d[\d.,'’\s]*\d|\d", re.ASCII)
_FRACTION = re.compile(r"(\d{1,4})\s*/\s*(\d{1,4})", re.ASCII)
_AMERICAN = re.compile(r"([+-])\s*(\d{3,6})(?:\.0+)?", re.ASCII)
_EVENS = frozenset({"evens", "even", "evs", "ev"})
_GUARDED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")
_SIGNS: Final = MappingProxyType(
    {
        "€": {"EUR"},
        "£": {"GBP"},
        "¥": {"JPY", "CNY"},
        "$": set("USD CAD AUD NZD SGD HKD MXN ARS CLP COP UYU DOP".split()),  # noqa: SIM905
        "US$": {"USD"},
        "R$": {"BRL"},
        "S/": {"PEN"},
        "KR": {"SEK", "NOK", "DKK", "ISK"},
        "ZŁ": {"PLN"},
        "FR": {"CHF"},
    }
)
"""Currencies by the sign that stands beside an amount."""


class MarkSurvey:
    """Looks at every amount and price of a file and decides which sign is its decimal mark."""

    def __init__(self) -> None:
        self._marks: dict[str, tuple[int, str]] = {}
        self._either: tuple[int, str] | None = None

    def see(self, cell: str, line: int, *, is_price: bool = False) -> None:
        """Look at one cell; three digits behind the only sign say something in a price and nothing in an amount."""
        found = _NUMBER.search(cell)
        signs = [] if found is None else [sign for sign in found[0] if sign in ".,"]
        if found is None or not signs:
            return
        last = signs[-1]
        if len(set(signs)) == 2:
            self._note(last, cell, line)
        elif len(signs) > 1:
            self._note("," if last == "." else ".", cell, line)
        elif is_price or len(found[0].rpartition(last)[2]) != 3 or found[0].startswith("0"):
            self._note(last, cell, line)
        else:
            self._either = self._either or (line, cell[:SHOWN])

    def _note(self, mark: str, cell: str, line: int) -> None:
        self._marks.setdefault(mark, (line, cell[:SHOWN]))

    def decide(self, told: str | None) -> str | None:
        """`.` or `,`; None where nothing depends on it. Raises Invalid where it does and the file does not tell."""
        field = f"{MAPPING}.{Option.DECIMAL_MARK}"
        if told is not None:
            if told not in (".", ","):
                raise Invalid(field, 'write "." or ","')
            return told
        if len(self._marks) == 1:
            return next(iter(self._marks))
        if self._either:
            line, cell = self._either
            raise Invalid(
                field,
                f"{cell!r} in line {line} may be thousands or decimals, and the file does not tell: "
                f'add {{"{Option.DECIMAL_MARK}": "."}} or "," to the mapping',
            )
        return None


def number_of(text: str, mark: str | None) -> Decimal:
    """A number without a sign; raises ValueError when it is none. Without `mark` the last sign is the decimal mark."""
    digits = re.sub(r"['’\s]", "", text)
    last = max(digits.rfind("."), digits.rfind(","))
    if mark is None and last >= 0:
        mark = digits[last]
    other = "," if mark == "." else "."
    whole, _, decimals = digits.partition(mark) if mark else (digits, "", "")
    groups = whole.split(other)
    is_grouped = len(groups) == 1 or (len(groups[0]) in (1, 2, 3) and all(len(group) == 3 for group in groups[1:]))
    if not is_grouped or not "".join(groups).isdecimal() or (decimals and not decimals.isdecimal()):
        raise ValueError(f"{text!r} is not a number")
    return Decimal(f"{''.join(groups)}.{decimals or 0}")


def amount_of(cell: str, mark: str | None, currency: str) -> int:
    """An amount in minor units, negative with a minus or in brackets; raises ValueError saying what is wrong."""
    text = cell.replace("−", "-")
    found = _NUMBER.search(text)
    if found is None:
        raise ValueError(f"{cell!r} is not an amount")
    around = text[: found.start()] + text[found.end() :]
    unit = re.sub(r"[\s()+-]", "", around).upper().removesuffix(".")
    if unit not in ("", currency) and currency not in _SIGNS.get(unit, ()):
        raise ValueError(f"{cell!r} is not in {currency}, the currency of the bankroll")
    amount = number_of(found[0], mark)
    is_negative = "-" in around or ("(" in around and ")" in around)
    return money.minor(-amount if is_negative else amount, currency)


@dataclass(frozen=True, slots=True)
class Odds:
    """A decimal price to four places, and by how much what was written may be off through rounding."""

    price: Decimal
    slack: Decimal


def odds_of(cell: str, mark: str | None, *, is_american: bool = False) -> Odds:
    """Odds in the format that they look like; raises ValueError saying what is wrong.

    `is_american` says that the file writes American odds, so that `150` without a sign is one of them.
    """
    text = cell.replace("−", "-").strip().lstrip("@xX").strip()
    if text.casefold() in _EVENS:
        return _odds(Decimal(2), cell)
    if found := _FRACTION.fullmatch(text):
        if int(found[2]) == 0:
            raise ValueError(f"{cell!r} is not a price")
        return _odds(1 + Decimal(found[1]) / Decimal(found[2]), cell)
    if is_american and text.isdigit() and len(text) >= 3:
        text = f"+{text}"
    if found := _AMERICAN.fullmatch(text.replace(",", "")):
        return _american(found, cell)
    try:
        price = number_of(text, mark)
    except ValueError:
        raise ValueError(f"{cell!r} is not a price; write for example 2.10, 11/10 or +110") from None
    places = -int(price.normalize().as_tuple().exponent)
    return _odds(price, cell, Decimal(5).scaleb(-max(places, 2) - 1))


def _american(found: re.Match[str], cell: str) -> Odds:
    points = Decimal(found[2])
    return _odds(1 + (points / 100 if found[1] == "+" else 100 / points), cell)


def _odds(price: Decimal, cell: str, slack: Decimal = Decimal("0.00005")) -> Odds:
    stored = round(price, PRICE_PLACES)
    if not 1 < stored <= HIGHEST_LEG_PRICE:
        raise ValueError(f"{cell!r} is not a price: decimal odds lie above 1 and are at most {HIGHEST_LEG_PRICE}")
    return Odds(stored, slack)


def looks_american(cell: str) -> bool:
    """Whether odds can be nothing else than American."""
    return _AMERICAN.fullmatch(cell.replace("−", "-").replace(",", "").strip().lstrip("@")) is not None


def result_of(cell: str) -> str | None:
    """WON, HALF_WON, PUSH, HALF_LOST, LOST or VOID, None while pending; raises ValueError for another word."""
    try:
        return _RESULTS[words_of(cell) or cell.strip()]
    except KeyError:
        raise ValueError(
            f"result {cell!r} is not known; write won, lost, void, push, half won, half lost or pending"
        ) from None


def words_of(text: str) -> str:
    """Words without case, accents and signs, one space between them."""
    letters = unicodedata.normalize("NFKD", text).casefold()
    return re.sub(r"[^a-z0-9]+", " ", "".join(sign for sign in letters if not unicodedata.combining(sign))).strip()


_RESULTS: Final = MappingProxyType(
    {
        words_of(word): result
        for result, listed in (
            ("WON", "w,won,win,winner,winning,ganada,ganado,gana,acierto,acertada"),
            ("LOST", "l,lost,loss,lose,loser,losing,perdida,perdido,pierde,fallo,fallada"),
            ("HALF_WON", "half won,half win,1/2 won,hw,won half,medio ganada,media ganada,mitad ganada"),
            ("HALF_LOST", "half lost,half loss,1/2 lost,hl,lost half,medio perdida,media perdida,mitad perdida"),
            ("PUSH", "push,pushed"),
            (
                "VOID",
                "v,void,voided,cancelled,canceled,refund,refunded,returned,nula,nulo,anulada,devuelta",
            ),
            (None, "pending,open,unsettled,active,running,in play,pendiente,abierta,en curso,en juego"),
        )
        for word in listed.split(",")
    }
    | {"": None, "-": None, "–": None, "?": None}
)


def labels_of(cell: str) -> list[str]:
    """Labels between commas, semicolons or bars; a backslash keeps the sign behind it."""
    parts = [[""]]
    for piece in re.findall(r"\\.|[^\\]|\\$", cell, re.DOTALL):
        if piece in (",", ";", "|"):
            parts.append([""])
        else:
            parts[-1].append(piece[1:] if len(piece) == 2 else piece)
    return [label for label in ("".join(part).strip() for part in parts) if label]


def written_labels(labels: list[str]) -> str:
    """Labels in one cell, as `labels_of` reads them."""
    return "; ".join(re.sub(r"([\\,;|])", r"\\\1", label) for label in labels)


def unguarded(cell: str) -> str:
    """Free text without the apostrophe that keeps a spreadsheet from calculating it."""
    return cell[1:] if _GUARDED.match(cell) else cell


def guarded(text: str) -> str:
    """Free text that no spreadsheet calculates (CWE-1236), as `unguarded` reads it."""
    return f"'{text}" if _GUARDED.match(f"'{text}") else text
