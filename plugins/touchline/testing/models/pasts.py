"""Pasts as they come: empty, one match, clubs never seen, several leagues, what nobody counted, never the future."""

from __future__ import annotations

from typing import Final

import numpy as np

from touchline.evaluation.leaks import leaks
from touchline.evaluation.rounds import rounds
from touchline.plugins import describe
from touchline.testing.checks import Failed, Skipped, needs
from touchline.testing.columns import PRICES, STATISTICS, later, pairings, scored, taken, without
from touchline.testing.models.case import ModelCase, fixed_chance, reseed
from touchline.testing.models.forecasts import NEVER_SEEN
from touchline.types import Model

PRIOR: Final = "An empty history gives the prior."
FOUR: Final = ("Amberwick", "Brackholt", "Cindermere", "Dapplefell")


def empty_history(case: ModelCase) -> None:
    """Without any match it gives its prior."""
    past = taken(case.small[0], np.arange(0))
    case.expect("Without any match", past, case.small[1], PRIOR)
    nobody = scored((), (), case.history.as_of)
    coming = pairings(nobody, [(FOUR[0], FOUR[1]), (FOUR[2], FOUR[3])])
    case.expect("Without any match or club", nobody, coming, PRIOR)


def one_match(case: ModelCase) -> None:
    """After a single match it forecasts."""
    past = scored(FOUR, [(0, 1, 2, 0)], case.history.as_of)
    coming = pairings(past, [(FOUR[0], FOUR[1]), (FOUR[1], FOUR[0]), (FOUR[2], FOUR[0]), (FOUR[2], FOUR[3])])
    case.expect("After a single match", past, coming, "Every season begins like this: lean on a prior.")


def club_never_seen(case: ModelCase) -> None:
    """A club without a past match, at home or away, is forecast as well."""
    past, _ = case.small
    known, (new, other) = past.clubs[0], NEVER_SEEN
    coming = pairings(past, [(new, known), (known, new), (new, other)])
    case.expect(f"{new} never played", past, coming, "Promoted clubs are normal: give the league's averages.")


def league_never_seen(case: ModelCase) -> None:
    """Matches of a league without a past are forecast as well."""
    past, _ = case.small
    clubs = past.clubs
    coming = pairings(past, [(clubs[0], clubs[1]), (clubs[2], clubs[3])], "Newland First Division")
    case.expect("In a league without a past", past, coming, "Give the prior of any league.")


def one_fixture(case: ModelCase) -> None:
    """One fixture is a batch of one."""
    past, coming = case.small
    case.expect("Asked for one fixture", past, taken(coming, np.arange(1)), "Probabilities are (1, outcomes) then.")


def no_fixtures(case: ModelCase) -> None:
    """Without a fixture its forecasts are empty and have their shapes."""
    past, coming = case.small
    case.expect("Asked for no fixture", past, taken(coming, np.arange(0)), "Probabilities are (0, outcomes) then.")


def missing_statistics(case: ModelCase) -> None:
    """Where a source has no shots, corners, cards, expected goals or prices (NaN), it still forecasts."""
    past, coming = case.small
    unknown = (*STATISTICS, *PRICES)
    remedy = "A source without a number gives NaN: leave those matches out, or fall back."
    case.expect("Without statistics and prices", without(past, unknown), coming, remedy)
    odd = np.arange(1, len(past), 2)
    case.expect("With statistics of every other match", without(past, unknown, odd), coming, remedy)


def several_leagues(case: ModelCase) -> None:
    """Several leagues in one history are forecast side by side."""
    world = case.worlds.pair
    remedy = "`league` tells them apart."
    case.expect("With two leagues in one history", case.given(world.history), world.fixtures, remedy)


def extreme_scores(case: ModelCase) -> None:
    """After 9-0, a league without a goal, and a club that never scored it still forecasts."""
    as_of = case.history.as_of
    pairs = [(home, away) for home in range(4) for away in range(4) if home != away]
    coming_of = [(FOUR[home], FOUR[away]) for home, away in pairs]
    for situation, scores in (
        ("After a league in which every match ended 0-0", [(home, away, 0, 0) for home, away in pairs]),
        ("After a league in which the home side always won 9-0", [(home, away, 9, 0) for home, away in pairs]),
        (
            f"After a season in which {FOUR[0]} never scored",
            [(home, away, 2 * (home > 0), 2 * (away > 0)) for home, away in pairs],
        ),
    ):
        past = scored(FOUR, scores, as_of)
        remedy = "Such seasons exist among amateurs: lean on a prior, and say Basis.MODEL_SPARSE."
        case.expect(situation, past, pairings(past, coming_of), remedy)


def long_break(case: ModelCase) -> None:
    """After half a year without a match it still forecasts."""
    past, coming = case.small
    case.expect("After half a year without a match", later(past, 182.0), coming, "Summers and pandemics happen.")


def nothing_at_or_after_as_of(case: ModelCase) -> None:
    """What happened at or after `as_of` changes nothing, not even behind the arrays that it is given."""
    needs(case.repeatable)
    world = case.worlds.small
    (league,) = world.dataset.leagues
    instant = next(one.instant for one in rounds(world.dataset, league) if one.instant >= world.instant)
    try:
        with fixed_chance():
            found = leaks(lambda _: _reseeded(case.model), world.dataset, league, [instant])
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the check of that name tells it
        raise Skipped(f"It cannot be fitted on read-only arrays: {describe(error)} See input_is_not_edited.") from None
    if found:
        leak = found[0]
        raise Failed(
            f"{leak.fixtures} forecasts of {leak.what} change when only matches at or after `as_of` do: "
            "use nothing but the rows of the history, and keep nothing from other fits."
        )


def _reseeded(model: Model) -> Model:
    """The same model, for a fit that finds the global random numbers as every other fit does."""
    reseed()
    return model
