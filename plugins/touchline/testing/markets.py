"""Checks of a market: its name, outcomes and lines, and how bets on it are settled.

It is asked about every outcome at many lines of a hundred and fifty finished matches: every score up to 5-5, high ones,
and counts of everything else from none to many.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import Final

from touchline.markets import Lines, Market, possible_results_at
from touchline.outputs import PluginError
from touchline.plugins import describe
from touchline.sandbox import run_settle
from touchline.settlement import FINISHED, BetResult, Facts, NotSettleable, Verdict
from touchline.testing.checks import Check, Failed, Limits, Skipped, after, checks_of, guarded, is_a, needs
from touchline.types import CUSTOM_KEY, Kind, MarketKey

OUTCOME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
"""What an outcome's key looks like."""
COUNTS: Final = ("corners", "yellow_cards", "red_cards", "shots_on_target", "fouls")
"""What both sides are counted in, beside goals and shots."""
_MOST: Final = (14, 7, 2, 9, 18)
ELSEWHERE: Final = 17
"""Of so many settlements one is also tried in a process of its own."""
_HALVES: Final = (0.5, 1.5, 2.5, 3.5, 4.5, 6.5, 9.5, 20.5)
_OTHER_STEPS: Final = {
    Lines.NONE: (),
    Lines.HALF: (),
    Lines.WHOLE: (0.0, 1.0, 2.0, 3.0, 5.0, 10.0),
    Lines.QUARTER: (0.0, 0.25, 0.75, 1.0, 1.75, 2.0, 2.25, 3.0, 4.75, 5.0, 9.25, 10.0),
}
_RANK: Final = (BetResult.LOST, BetResult.HALF_LOST, BetResult.PUSH, BetResult.HALF_WON, BetResult.WON)


def plausible_facts(seed: int = 0) -> list[Facts]:
    """Finished matches with everything counted: every score up to 5-5 and some high ones."""
    rng = random.Random(seed)
    scores = [(home, away) for home in range(6) for away in range(6)] * 4 + [(9, 0), (0, 8), (7, 5), (10, 1)]
    return [Facts(FINISHED, *score, *_half_time(rng, score), **_counts(rng, nth)) for nth, score in enumerate(scores)]


def _half_time(rng: random.Random, score: tuple[int, int]) -> tuple[int, int]:
    return rng.randint(0, score[0]), rng.randint(0, score[1])


def _counts(rng: random.Random, nth: int) -> dict[str, int]:
    """Counts of both sides: none of anything in every tenth match."""
    found: dict[str, int] = {}
    for name, most in zip(COUNTS, _MOST, strict=True):
        found |= {f"{side}_{name}": 0 if nth % 10 == 0 else rng.randint(0, most) for side in ("home", "away")}
    for side in ("home", "away"):
        found[f"{side}_shots"] = found[f"{side}_shots_on_target"] + rng.randint(0, 12)
    return found


@dataclass
class MarketCase:
    """A market and what its checks share."""

    market: Market
    entry: str = ""
    origin: str = ""
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def facts(self) -> list[Facts]:
        """Finished matches."""
        return plausible_facts()

    @cached_property
    def lines(self) -> Lines:
        """Its lines; Skipped where it does not say them."""
        after(says_its_lines, self)
        return self.market.lines

    @cached_property
    def outcomes(self) -> tuple[str, ...]:
        """Its outcomes; Skipped where they are none."""
        after(names_its_outcomes, self)
        return self.market.outcomes

    @cached_property
    def keys(self) -> list[MarketKey]:
        """The market at lines that it has; an over or under is of a line above 0."""
        if self.lines is Lines.NONE:
            return [self.at(None)]
        steps = sorted((*_HALVES, *_OTHER_STEPS[self.lines], -0.5, -1.5))
        return [self.at(line) for line in steps if line > 0 or self.outcomes != ("over", "under")]

    def at(self, line: float | None) -> MarketKey:
        """The market at a line."""
        return MarketKey(Kind.CUSTOM, line, name=self.market.key)

    @cached_property
    def settled(self) -> dict[tuple[MarketKey, int], tuple[Verdict, ...]]:
        """Its verdicts by line and match, in the order of outcomes; Skipped where it settles not all of them."""
        after(settles_every_match, self)
        return {
            (key, nth): tuple(self.verdict(key, outcome, facts) for outcome in self.outcomes)
            for key in self.keys
            for nth, facts in enumerate(self.facts)
        }

    def verdict(self, key: MarketKey, outcome: str, facts: Facts) -> Verdict:
        """What became of a bet; raises Failed when it is not told."""
        try:
            told = self.market.settle(key, outcome, facts)
        except NotSettleable as error:
            raise Failed(
                f"{key}, {outcome}, {_told(facts)}: it says that the match cannot be settled ({error}), "
                "and everything is known: settle every finished match."
            ) from None
        except (Exception, SystemExit) as error:
            raise Failed(f"{key}, {outcome}, {_told(facts)}: settle() raised {describe(error)}") from error
        if not is_a(told, Verdict) or told.result not in tuple(BetResult):
            raise Failed(f"{key}, {outcome}: settle() answered {told!r}: give a Verdict with a touchline.BetResult.")
        if told.result == BetResult.VOID:
            raise Failed(f"{key}, {outcome}: it says VOID; the match was played: PUSH returns the stake.")
        return told


def names_itself(case: MarketCase) -> None:
    """It has a key `author.market` that stays the same."""
    one, other = (guarded("Asking for `key`", getattr, case.market, "key") for _ in range(2))
    if not is_a(one, str) or CUSTOM_KEY.fullmatch(one) is None:
        raise Failed(f"The key {one!r} must be `author.market`, in small letters, digits and `_`.")
    if one != other:
        raise Failed(f"The key was {one!r} and then {other!r}: it must not change while it runs.")


def says_its_lines(case: MarketCase) -> None:
    """It says at which lines it is offered."""
    lines = guarded("Asking for `lines`", getattr, case.market, "lines")
    if not is_a(lines, Lines):
        raise Failed(f"`lines` is {lines!r}: give one of touchline.Lines.")


def has_a_title(case: MarketCase) -> None:
    """It has a title of one line, with `{line}` exactly where it has lines."""
    title = guarded("Asking for `title`", getattr, case.market, "title")
    if not is_a(title, str) or not title.strip() or "\n" in title or len(title) > 80:
        raise Failed(f"The title is {title!r}: give one line of 80 characters at most.")
    if ("{line}" in title) != (case.lines is not Lines.NONE):
        raise Failed(f"The title {title!r} must have `{{line}}` exactly where the market has lines.")
    if "{" in title.replace("{line}", "") or "}" in title.replace("{line}", ""):
        raise Failed(f"The title {title!r} has braces other than `{{line}}`.")


def names_its_outcomes(case: MarketCase) -> None:
    """It has two outcomes or more with different keys in small letters."""
    outcomes = guarded("Asking for `outcomes`", getattr, case.market, "outcomes")
    if not is_a(outcomes, tuple) or len(outcomes) < 2 or len(set(outcomes)) != len(outcomes):
        raise Failed(f"`outcomes` is {outcomes!r}: give a tuple of two or more different texts.")
    for outcome in outcomes:
        if not is_a(outcome, str) or OUTCOME.fullmatch(outcome) is None:
            raise Failed(f"The outcome {outcome!r} must be in small letters, digits, `_` and `-`.")


def settles_every_match(case: MarketCase) -> None:
    """At each of its lines every outcome of every finished match is settled."""
    for key in case.keys:
        for facts in case.facts:
            for outcome in case.outcomes:
                case.verdict(key, outcome, facts)


def total_and_exclusive(case: MarketCase) -> None:
    """One outcome wins and the others lose, or every stake comes back; of two, half may be won and half lost."""
    for (key, nth), verdicts in case.settled.items():
        results = [BetResult(verdict.result) for verdict in verdicts]
        if not _is_settlement(results):
            told = ", ".join(f"{name} {result}" for name, result in zip(case.outcomes, results, strict=True))
            raise Failed(
                f"{key}, {_told(case.facts[nth])}: {told}. Exactly one outcome wins and the others lose, or all are "
                "PUSH, or one of two is HALF_WON and the other HALF_LOST."
            )


def possible_at_the_line(case: MarketCase) -> None:
    """A stake comes back only where the line allows it: whole at a whole line, half at a quarter."""
    for (key, nth), verdicts in case.settled.items():
        for outcome, verdict in zip(case.outcomes, verdicts, strict=True):
            if verdict.result not in possible_results_at(case.lines, key.line):
                raise Failed(
                    f"{key}, {outcome}, {_told(case.facts[nth])}: {verdict.result} cannot be at this line: "
                    "PUSH belongs to whole lines, HALF_WON and HALF_LOST to quarter lines."
                )


def every_outcome_can_win(case: MarketCase) -> None:
    """Each outcome wins in some match at some line."""
    won = {
        outcome
        for verdicts in case.settled.values()
        for outcome, verdict in zip(case.outcomes, verdicts, strict=True)
        if verdict.result == BetResult.WON
    }
    for outcome in case.outcomes:
        if outcome not in won:
            raise Failed(f"{outcome} never wins, in {len(case.facts)} matches at {len(case.keys)} lines.")


def monotone_in_the_line(case: MarketCase) -> None:
    """A higher line never turns an over that was lost into one that is won."""
    if case.outcomes != ("over", "under") or len(case.keys) < 2:
        raise Skipped("Its outcomes are not over and under of a line.")
    after(total_and_exclusive, case)
    after(possible_at_the_line, case)
    for nth, facts in enumerate(case.facts):
        for lower, higher in pairwise(case.keys):
            below, above = (BetResult(case.settled[key, nth][0].result) for key in (lower, higher))
            if _RANK.index(above) > _RANK.index(below):
                raise Failed(f"{_told(facts)}: over is {below} at {lower} and {above} at the higher {higher}.")


def guesses_no_missing_fact(case: MarketCase) -> None:
    """While a count is not known it raises NotSettleable, or does not need it."""
    needs(case.settled)
    names = [one.name for one in fields(Facts) if one.name != "status"]
    for key in case.keys[:: max(1, len(case.keys) // 3)]:
        for nth, facts in list(enumerate(case.facts))[1::7]:
            for name in names:
                told = _without(case, key, replace(facts, **{name: None}), f"without {name}")  # type: ignore[arg-type]
                known = tuple(one.result for one in case.settled[key, nth])
                if told is not None and told != known:
                    raise Failed(
                        f"{key}, {_told(facts)}: without {name} it says {', '.join(told)}, and with it "
                        f"{', '.join(known)}: raise NotSettleable while a count is None (touchline.total_of does)."
                    )
        if _without(case, key, Facts(FINISHED), "of a match of which nothing is known") is not None:
            raise Failed(f"{key}: it settles a match of which nothing is known: raise NotSettleable.")


def other_outcomes_are_not_settled(case: MarketCase) -> None:
    """Asked about an outcome that it does not have, it raises NotSettleable."""
    key, facts = case.keys[0], case.facts[1]
    try:
        told = case.market.settle(key, "nobody", facts)
    except NotSettleable:
        return
    except (Exception, SystemExit) as error:
        raise Failed(
            f"Asked about the outcome 'nobody', settle() raised {describe(error)} Raise NotSettleable."
        ) from error
    raise Failed(f"Asked about the outcome 'nobody', it says {told!r}: raise NotSettleable.")


def a_missing_line_is_not_a_crash(case: MarketCase) -> None:
    """Asked without a line that it needs, it raises NotSettleable."""
    if case.lines is Lines.NONE:
        raise Skipped("It has no lines.")
    outcome = case.outcomes[0]
    try:
        case.market.settle(case.at(None), outcome, case.facts[1])
    except NotSettleable:
        return
    except (Exception, SystemExit) as error:
        raise Failed(f"Asked without a line, settle() raised {describe(error)} Raise NotSettleable.") from error
    raise Failed(f"Asked without a line, it settles {outcome} all the same: raise NotSettleable.")


def same_verdict_twice(case: MarketCase) -> None:
    """Asked again, in the opposite order, it gives the same verdicts."""
    for (key, nth), verdicts in reversed(case.settled.items()):
        for outcome, before in reversed(list(zip(case.outcomes, verdicts, strict=True))):
            after = case.verdict(key, outcome, case.facts[nth])
            if after != before:
                raise Failed(
                    f"{key}, {outcome}, {_told(case.facts[nth])}: it said {before.result} ({before.words}) and then "
                    f"{after.result} ({after.words}): a verdict follows from the facts alone."
                )


def settles_in_a_fresh_process(case: MarketCase) -> None:
    """In a process of its own, where it runs, it gives the same verdicts."""
    if not case.entry:
        raise Skipped("The entry point is not known: name it (entry='acme_cards') to try another process.")
    asked = list(case.settled)[::ELSEWHERE]
    questions = [(key, case.facts[nth]) for key, nth in asked]
    try:
        told = run_settle(case.entry, case.market.key, questions)
    except PluginError as error:
        raise Failed(f"In a fresh process: {error.sentence}") from None
    for (key, nth), there in zip(asked, told, strict=True):
        here = tuple(BetResult(verdict.result) for verdict in case.settled[key, nth])
        if there.results != here:
            results = ", ".join(there.results) if there.results else there.reason
            raise Failed(
                f"{key}, {_told(case.facts[nth])}: {', '.join(here)} here and {results} in a fresh process: a verdict "
                "follows from the facts alone, not from variables or files of this machine."
            )


def tells_why(case: MarketCase) -> None:
    """Each verdict says why in one sentence of one line that ends with a full stop."""
    for (key, _), verdicts in case.settled.items():
        for outcome, verdict in zip(case.outcomes, verdicts, strict=True):
            words = verdict.words
            if not is_a(words, str) or not words.strip() or "\n" in words or not words.endswith("."):
                raise Failed(f"{key}, {outcome}: {words!r} is no sentence of one line that ends with a full stop.")
            if len(words) > 300:
                raise Failed(f"{key}, {outcome}: {words[:60]!r}… has {len(words)} characters: 300 are enough.")


def settles_in_time(case: MarketCase) -> None:
    """A thousand bets are settled in a moment."""
    needs(case.settled)
    bets = [(key, facts) for key in case.keys for facts in case.facts][:1000]
    started = time.process_time()
    for key, facts in bets:
        case.verdict(key, case.outcomes[0], facts)
    seconds = (time.process_time() - started) * 1000 / len(bets)
    if seconds > case.limits.settle_seconds:
        raise Failed(
            f"A thousand settlements take {seconds:.3g} seconds of processor time; {case.limits.settle_seconds:g} are "
            "allowed: a Saturday has tens of thousands of bets."
        )


def _is_settlement(results: Sequence[BetResult]) -> bool:
    """Whether results of all outcomes of one market are total and exclusive."""
    counted = Counter(results)
    is_won = counted == Counter({BetResult.WON: 1, BetResult.LOST: len(results) - 1})
    is_split = counted == Counter([BetResult.HALF_WON, BetResult.HALF_LOST])
    return is_won or is_split or set(counted) == {BetResult.PUSH}


def _without(case: MarketCase, key: MarketKey, facts: Facts, what: str) -> tuple[str, ...] | None:
    """Results of all outcomes; None where it says that it cannot know. Raises Failed for any other error."""
    found: list[str] = []
    for outcome in case.outcomes:
        try:
            found.append(case.market.settle(key, outcome, facts).result)
        except NotSettleable:
            return None
        except (Exception, SystemExit) as error:
            raise Failed(
                f"{key}, {outcome}, {what}: settle() raised {describe(error)} "
                "Raise NotSettleable while a count is None."
            ) from error
    return tuple(found)


def _told(facts: Facts) -> str:
    """A match for a sentence: the score and what else was counted."""
    counts = ", ".join(_pairs(facts))
    return f"a match of {facts.home_goals}-{facts.away_goals} ({counts})"


def _pairs(facts: Facts) -> Iterator[str]:
    for name in ("corners", "yellow_cards", "red_cards"):
        yield f"{name.replace('_', ' ')} {getattr(facts, f'home_{name}')}-{getattr(facts, f'away_{name}')}"


CHECKS: Final[tuple[Check, ...]] = checks_of(
    names_itself,
    says_its_lines,
    has_a_title,
    names_its_outcomes,
    settles_every_match,
    total_and_exclusive,
    possible_at_the_line,
    every_outcome_can_win,
    monotone_in_the_line,
    guesses_no_missing_fact,
    other_outcomes_are_not_settled,
    a_missing_line_is_not_a_crash,
    same_verdict_twice,
    settles_in_a_fresh_process,
    tells_why,
    settles_in_time,
)
