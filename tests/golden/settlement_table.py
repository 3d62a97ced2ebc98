"""The settlement table: `settlement.csv`, typed by hand from published rules, beside what our code makes of it.

uv run python -m tests.golden.settlement_table
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from domain.bets.judging import Judge, verdict_of
from domain.bets.returns import net_price
from domain.bets.slips import PENDING, Leg, MatchFacts, Selected
from domain.money import minor, written
from tests.factories import NOW
from touchline import Facts, MarketKey

TABLE = Path(__file__).with_name("settlement.csv")
OPEN = "open"
_FACTS = re.compile(
    r"(?:(?P<moved>[+-]\d+)h )?(?P<status>[A-Z_]+)? ?(?:(?P<full>\d+-\d+))?"
    r"(?: \((?P<half>\d+-\d+)\))?(?: c(?P<corners>\d+-\d+))?"
)


@dataclass(frozen=True, slots=True)
class LegCase:
    """A leg, what became known of its match, one telling after the other, and the result that is expected."""

    market: MarketKey
    outcome: str
    price: Decimal
    commission: Decimal
    told: Sequence[str]
    result: str


@dataclass(frozen=True, slots=True)
class Case:
    """A bet and what is expected of it; `payout` is None while it is pending."""

    name: str
    stake: int
    currency: str
    status: str
    payout: int | None
    source: str
    legs: list[LegCase] = field(default_factory=list)

    @property
    def expected(self) -> tuple[list[str], str, int | None]:
        """Results of the legs, status and payout in minor units, as they were typed."""
        return [leg.result for leg in self.legs], self.status, self.payout

    @property
    def computed(self) -> tuple[list[str], str, int | None]:
        """The same as our code has it."""
        results = [_result(leg) for leg in self.legs]
        legs = zip(self.legs, results, strict=True)
        found = verdict_of(self.stake, [(net_price(leg.price, leg.commission), result) for leg, result in legs])
        return [result or OPEN for result in results], *(found or (PENDING, None))


def cases() -> list[Case]:
    """The table."""
    with TABLE.open(newline="") as file:
        lines = list(csv.DictReader(line for line in file if not line.startswith("#")))
    found: list[Case] = []
    for line in lines:
        if line["name"]:
            found.append(_case(line))
        price, _, percent = line["price"].partition(" less ")
        found[-1].legs.append(
            LegCase(
                MarketKey.parse(line["market"]),
                line["outcome"],
                Decimal(price),
                Decimal(percent.removesuffix("%") or 0) / 100,
                line["facts"].split(" then "),
                line["result"],
            )
        )
    return found


def sources() -> dict[str, str]:
    """What the short names of sources stand for."""
    found = re.findall(r"^# (\w+) +(\S.*)$", TABLE.read_text().partition("#\n")[2], re.MULTILINE)
    return dict(found)


def _case(line: dict[str, str]) -> Case:
    amount, currency = line["stake"].split()
    payout = None if line["returns"] == "-" else minor(Decimal(line["returns"]), currency)
    return Case(line["name"], minor(Decimal(amount), currency), currency, line["status"], payout, line["source"])


def _result(case: LegCase) -> str | None:
    """The result of a leg by the last of what was told."""
    result = None
    for told in case.told:
        leg = Leg(
            id=1,
            match_id=1,
            selection_id=1,
            description="",
            price=case.price,
            commission=case.commission,
            kickoff_at=NOW,
            result=None,
            judged_at=None,
            closing_probability=None,
            closing_note=None,
        )
        verdict = Judge({1: _facts(told)}, {(1, 1): Selected(case.market, case.outcome)}).verdict(leg)
        result = None if verdict is None else verdict.result
    return result


def _facts(told: str) -> MatchFacts:
    found = _FACTS.fullmatch(told)
    assert found is not None, f"{told!r} is not written like the facts of the table"
    counts = [_pair(found[name]) for name in ("full", "half", "corners")]
    facts = Facts(found["status"] or "FINISHED", *(count for pair in counts for count in pair))
    return MatchFacts("Home v Away", NOW + timedelta(hours=int(found["moved"] or 0)), NOW, facts)


def _pair(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    home, _, away = text.partition("-")
    return int(home), int(away)


def main() -> int:
    """Print the table; answers how many lines differ."""
    differ = 0
    for case in cases():
        told, found = case.expected, case.computed
        differ += told != found
        print(f"{'same ' if told == found else 'DIFFERS'} {case.name:<48} {_line(case, told)} | {_line(case, found)}")
    print(f"{differ} differ")
    return differ


def _line(case: Case, outcome: tuple[list[str], str, int | None]) -> str:
    results, status, payout = outcome
    money = "-" if payout is None else written(payout, case.currency)
    return f"{status:<9} {money:>12} ({', '.join(results)})"


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
