"""Bets from lines: legs of one accumulator put together, results and payouts compared, each bet named. Pure.

A line is one bet, or one leg of the bet whose other legs stand next to it with the same `bet`. A bet whose payout
contradicts its result is refused with both numbers, unless rounding explains it, or the commission that an exchange
kept of what was won.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from domain import money
from domain.bets.importing.columns import Column, Columns
from domain.bets.importing.lines import Line, Plan, line_of
from domain.bets.importing.reading import Row, Sheet
from domain.bets.returns import returned
from domain.bets.rules import MOST_LEGS, check_return, total_price
from domain.infra.errors import Invalid

MOST_COMMISSION = Decimal("0.10")
"""Share of the winnings that a payout may lack; exchanges keep less."""


@dataclass(frozen=True, slots=True)
class Slip:
    """A bet of the file."""

    legs: Sequence[Line]
    stake: int
    status: str | None
    """None while pending."""
    payout: int | None
    """As told, where it was; else as the results make it. None while pending."""
    is_net: bool
    """Whether the payout lacks what only a commission explains."""
    digest: str
    """The same for the same bet of the same file; see `_digest`."""

    @property
    def first(self) -> Line:
        return self.legs[0]


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is no bet, and why."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that belong together, as what came of them: a slip, or reasons."""

    slip: Slip | None
    refused: Sequence[Refused]
    line_count: int


def groups_of(sheet: Sheet, plan: Plan) -> Iterator[Group]:
    """The bets of a file in order, each with the lines that it takes."""
    seen: Counter[bytes] = Counter()
    together: list[Row] = []
    for row in sheet.rows():
        if together and not _belongs(plan.columns, together, row):
            yield _group(together, plan, seen)
            together = []
        together.append(row)
    if together:
        yield _group(together, plan, seen)


def _belongs(columns: Columns, together: Sequence[Row], row: Row) -> bool:
    bet = columns.cell(row.cells, Column.BET)
    return bool(bet) and bet == columns.cell(together[0].cells, Column.BET)


def _group(rows: Sequence[Row], plan: Plan, seen: Counter[bytes]) -> Group:
    lines: list[Line] = []
    refused: list[Refused] = []
    for row in rows:
        try:
            lines.append(line_of(row, plan, is_first=row is rows[0]))
        except ValueError as error:
            refused.append(Refused(row.line, str(error)))
    if not refused:
        try:
            return Group(_slip(lines, plan.currency, seen), (), len(rows))
        except ValueError as error:
            refused = [Refused(lines[0].number, str(error))]
    bad = refused[0].number
    named = {each.number for each in refused}
    refused += [Refused(row.line, f"belongs to the bet of line {bad}") for row in rows if row.line not in named]
    return Group(None, sorted(refused, key=lambda each: each.number), len(rows))


def _slip(lines: Sequence[Line], currency: str, seen: Counter[bytes]) -> Slip:
    """The bet of one line or several; raises ValueError where they do not fit together."""
    first = lines[0]
    stake = first.stake
    assert stake is not None
    if len(lines) > MOST_LEGS:
        raise ValueError(f"the bet {first.bet!r} has more than {MOST_LEGS} lines")
    if any(line.stake not in (None, stake) for line in lines):
        raise ValueError(f"the lines of the bet {first.bet!r} have different stakes")
    try:
        check_return(stake, total_price([line.odds.price for line in lines]), currency)
    except Invalid as error:
        raise ValueError(error.message) from None
    told = _told_payout(lines, stake, currency)
    outcome = _outcome(lines, stake, told, currency)
    legs = [replace(line, result=result) for line, result in zip(lines, outcome.results, strict=True)]
    return Slip(legs, stake, outcome.status, outcome.payout, outcome.is_net, _digest(legs, stake, seen))


def _told_payout(lines: Sequence[Line], stake: int, currency: str) -> int | None:
    """What the lines say came back; raises ValueError where they say two things."""
    payouts = [line.payout for line in lines if line.payout is not None]
    told = payouts + [stake + line.profit for line in lines if line.profit is not None]
    if not told:
        return None
    if max(told) - min(told) > 1:
        words = " and ".join(money.written(payout, currency) for payout in sorted(set(told)))
        raise ValueError(f"its payout and profit contradict each other: they come to {words}")
    return told[0]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a bet came to; `results` are those of its legs."""

    status: str | None
    payout: int | None
    results: Sequence[str | None]
    is_net: bool = False


def _outcome(lines: Sequence[Line], stake: int, told: int | None, currency: str) -> _Outcome:
    """Status, payout and results; raises ValueError where a told payout contradicts the results."""
    results = [line.result for line in lines]
    if "LOST" in results or None not in results:
        return _checked(lines, results, stake, told, currency)
    if told is None:
        return _Outcome(None, None, results)
    if len(lines) > 1:
        raise ValueError(f"the bet {lines[0].bet!r} has a payout, and not every line has a result")
    return _derived(lines, stake, told, currency)


def _checked(
    lines: Sequence[Line], results: Sequence[str | None], stake: int, told: int | None, currency: str
) -> _Outcome:
    status, payout = _returned(lines, results, stake)
    is_net = told is not None and _is_net(lines, status, stake, payout, told)
    if told is not None and not is_net and abs(told - payout) > _slack(lines, payout):
        raise ValueError(
            f"its result {status} pays {money.written(payout, currency)} at these odds, and the line says "
            f"{money.written(told, currency)} (of what was won at most {MOST_COMMISSION:.0%} may be commission)"
        )
    return _Outcome(status, payout if told is None else told, results, is_net)


def _derived(lines: Sequence[Line], stake: int, told: int, currency: str) -> _Outcome:
    """The result of a single whose line tells only what came back."""
    for result in ("LOST", "WON", "PUSH", "HALF_WON", "HALF_LOST"):
        status, payout = _returned(lines, [result], stake)
        if abs(told - payout) <= _slack(lines, payout):
            return _Outcome(status, told, [result])
    for result in ("WON", "HALF_WON"):
        status, payout = _returned(lines, [result], stake)
        if _is_net(lines, status, stake, payout, told):
            return _Outcome(status, told, [result], is_net=True)
    won = money.written(_returned(lines, ["WON"], stake)[1], currency)
    raise ValueError(f"its payout of {money.written(told, currency)} fits no result: won pays {won} at these odds")


def _returned(lines: Sequence[Line], results: Sequence[str | None], stake: int) -> tuple[str, int]:
    """Status and payout; open legs of a bet that another one lost are left out."""
    return returned(stake, [(line.odds.price, each) for line, each in zip(lines, results, strict=True) if each])


def _slack(lines: Sequence[Line], payout: int) -> int:
    """By how many minor units a payout may be off: odds were rounded when they were written, and so was it."""
    return 1 + int(payout * sum((line.odds.slack / line.odds.price for line in lines), Decimal(0)))


def _is_net(lines: Sequence[Line], status: str, stake: int, payout: int, told: int) -> bool:
    """Whether a won bet brought less than rounding explains, and no less than a commission on its winnings does."""
    slack = _slack(lines, payout)
    is_won = status in ("WON", "HALF_WON")
    return is_won and slack < payout - told <= slack + int(MOST_COMMISSION * (payout - stake))


def _digest(legs: Sequence[Line], stake: int, seen: Counter[bytes]) -> str:
    """Names a bet by what does not change once it is placed; the second of two equal bets is another bet."""
    plain = "\x1e".join(
        "\x1f".join(
            (
                leg.placed.instant.isoformat(),
                *(leg.event, leg.home, leg.away, leg.market, leg.selection, leg.line, leg.description, leg.bookmaker),
                f"{leg.odds.price:f}",
            )
        )
        for leg in legs
    )
    name = hashlib.sha256(f"{stake}\x1e{plain.casefold()}".encode()).digest()
    seen[name] += 1
    return hashlib.sha256(name + seen[name].to_bytes(4)).hexdigest()
