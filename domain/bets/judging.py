"""Judging bets: from the facts of matches to a verdict on each leg and on the bet. Pure.

House rules beside those of `touchline.settlement`:

- A match that kicks off more than 48 hours later than was told when a bet was placed voids it; a postponed match
  waits for its new date.
- An accumulator is lost with its first lost leg, and otherwise settled with its last.
- A settled bet never becomes pending again: it keeps its verdict until corrected facts give another one.
- What the owner of a bet, or the file it came from, said of it stands.
- A leg on a plugin's market waits until the plugin has spoken by the facts of now; a void or moved match does not.
- A payout that would make a balance larger than an amount of money can be is not paid: the verdict is kept beside, and
  the bet waits for its owner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from domain.bets.returns import returned
from domain.bets.slips import PENDING, Bet, Cause, Judged, Leg, MatchFacts, Ruling, Selected
from domain.bets.traces import judged_words, return_words
from domain.markets.rules import MarketStatus, market_status
from domain.markets.verdicts import market_verdict
from domain.matches.rules import Status
from domain.money import LARGEST, written
from touchline import BetResult, NotSettleable, Verdict
from touchline.settlement import FINISHED

MOVED_BY: Final = timedelta(hours=48)
"""How much later a match may kick off than was told when a bet was placed (William Hill, "Football Rules: Postponed
Matches"; DAZN Bet, "Partidos aplazados o abandonados"; Pinnacle's betting rules allow 12 hours)."""

DECIDED: Final = tuple(
    status for status in Status if market_status(status) in (MarketStatus.SETTLED, MarketStatus.VOID)
)
"""Statuses of a match that end its bets, as far as the facts are known."""

MOVED: Final = Verdict(
    BetResult.VOID,
    f"the match was moved by more than {MOVED_BY // timedelta(hours=1)} hours: void, the stake is returned.",
)


@dataclass(slots=True)
class Judge:
    """Judges each selection of a match once, however many bets are on it."""

    matches: Mapping[int, MatchFacts]
    selections: Mapping[tuple[int, int], Selected]
    """By match and selection."""
    _known: dict[tuple[int, int], Verdict | None] = field(default_factory=dict)

    def match_of(self, leg: Leg) -> MatchFacts | None:
        """The leg's match; None for a leg that only its owner can settle."""
        return None if leg.match_id is None else self.matches[leg.match_id]

    def selected(self, leg: Leg) -> Selected | None:
        """What the leg is on; None for a leg that only its owner can settle."""
        if leg.match_id is None or leg.selection_id is None:
            return None
        return self.selections[leg.match_id, leg.selection_id]

    def decided_at(self, leg: Leg) -> datetime | None:
        """Since when it is known what may decide the leg: of the facts, or of a plugin's word on them; None before."""
        match, selected = self.match_of(leg), self.selected(leg)
        if match is None:
            return None
        if has_moved(leg.kickoff_at, match.kickoff_at):
            return match.updated_at
        if selected is not None and selected.own is not None and match.facts.status == FINISHED:
            return selected.own.told_at if selected.own.is_fresh else None
        return match.updated_at if match.facts.status in DECIDED else None

    def is_due(self, leg: Leg) -> bool:
        """Whether something came, since the leg was judged, that may decide it."""
        at = self.decided_at(leg)
        return at is not None and (leg.judged_at is None or leg.judged_at < at)

    def verdict(self, leg: Leg) -> Verdict | None:
        """What became of the leg by the facts; None while they do not say."""
        if leg.match_id is None or leg.selection_id is None:
            return None
        if has_moved(leg.kickoff_at, self.matches[leg.match_id].kickoff_at):
            return MOVED
        key = leg.match_id, leg.selection_id
        if key not in self._known:
            self._known[key] = self._settle(*key)
        return self._known[key]

    def _settle(self, match_id: int, selection_id: int) -> Verdict | None:
        selected = self.selections[match_id, selection_id]
        try:
            return market_verdict(selected.market, selected.outcome, self.matches[match_id].facts, selected.own)
        except NotSettleable:
            return None  # it waits for more facts, or for its owner


def has_moved(told: datetime | None, now_told: datetime) -> bool:
    """Whether a kick-off was moved so far that a bet is void; a bet that was told None cannot be moved away from."""
    return told is not None and now_told - told > MOVED_BY


def verdict_of(stake: int, legs: Sequence[tuple[Decimal, str | None]]) -> tuple[str, int] | None:
    """Status and payout, in minor units, of a bet on legs of a net price and a result, None for an open one.

    None while the bet is not decided, which takes every leg, or one that is lost.
    """
    judged = [(price, result) for price, result in legs if result is not None]
    is_decided = len(judged) == len(legs) or any(result == BetResult.LOST for _, result in judged)
    return returned(stake, judged) if is_decided else None


def judge_bet(bet: Bet, judge: Judge) -> Judged | None:
    """Judge those legs of a bet that facts came for; None when there are none."""
    due = [leg for leg in bet.legs if judge.is_due(leg)]
    if not due:
        return None
    stands = bet.is_deleted or bet.cause in (Cause.BY_HAND, Cause.IMPORT)
    for leg in due:
        verdict = judge.verdict(leg)
        leg.judged_at = judge.decided_at(leg)
        if verdict is not None and not stands:
            leg.result = verdict.result
    return Judged(bet, due, _ruling_beside(bet, judge) if stands else _ruling(bet, judge))


def _ruling(bet: Bet, judge: Judge) -> Ruling | None:
    """A verdict that the bet did not have."""
    found = verdict_of(bet.stake, [(leg.net_price, leg.result) for leg in bet.legs])
    if found is None or found == (bet.status, bet.payout):
        return None
    return _told(bet, judge, found, [leg.result for leg in bet.legs], is_first=bet.is_pending, is_effective=True)


def _ruling_beside(bet: Bet, judge: Judge) -> Ruling | None:
    """What the facts say of a bet that its owner settled, if that was not written before."""
    if bet.cause != Cause.BY_HAND or bet.is_deleted:
        return None
    results = [verdict.result if verdict else None for verdict in map(judge.verdict, bet.legs)]
    found = verdict_of(bet.stake, [(leg.net_price, result) for leg, result in zip(bet.legs, results, strict=True)])
    if found is None or found == bet.judged_as:
        return None
    return _told(bet, judge, found, results, is_first=bet.judged_as is None, is_effective=False)


def _told(
    bet: Bet,
    judge: Judge,
    found: tuple[str, int],
    results: Sequence[str | None],
    *,
    is_first: bool,
    is_effective: bool,
) -> Ruling:
    legs = list(zip(bet.legs, results, strict=True))
    trace = [] if is_first else ["The result was corrected."]
    trace += [judged_words(leg, result, judge.match_of(leg), judge.verdict(leg)) for leg, result in legs]
    trace.append(return_words(bet.stake, bet.currency, legs, found[1]))
    cause = Cause.RESULT if is_first else Cause.CORRECTED_RESULT
    return Ruling(*found, [result or PENDING for result in results], trace, cause, is_effective)


def is_too_much(bet: Bet, balance: int, payout: int) -> bool:
    """Whether a payout would bring a balance beyond the largest amount of money; what lowers it never is."""
    more = payout - (bet.payout or 0)
    return more > 0 and balance + more > LARGEST


def as_far_as_payable(judged: Iterable[Judged]) -> list[Judged]:
    """The same, where verdicts that no bankroll could hold do not count; the payouts of one bankroll add up."""
    balances: dict[int, int] = {}
    found = []
    for one in judged:
        bet, ruling = one.bet, one.ruling
        if ruling is None or not ruling.is_effective:
            found.append(one)
            continue
        balance = balances.get(bet.bankroll_id, bet.balance)
        if is_too_much(bet, balance, ruling.payout):
            words = f"Not paid: {too_much_words(bet.currency)}"
            found.append(replace(one, ruling=replace(ruling, trace=[*ruling.trace, words], is_effective=False)))
        else:
            balances[bet.bankroll_id] = balance + ruling.payout - (bet.payout or 0)
            found.append(one)
    return found


def too_much_words(currency: str) -> str:
    """Why a payout cannot be, and what to do about it."""
    most = written(LARGEST, currency)
    return f"the bankroll would hold more than {most}: record a withdrawal, then settle the bet by hand."
