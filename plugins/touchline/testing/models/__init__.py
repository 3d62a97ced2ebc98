"""Checks of a model.

The first ones look at one fit and its forecasts; those after them are skipped while these fail, so that an author
reads about the cause and not about everything that follows from it.
"""

from __future__ import annotations

from typing import Final

from touchline.testing.checks import Check, checks_of
from touchline.testing.models import cost, forecasts, identity, pasts, sameness
from touchline.testing.models.case import ModelCase

__all__ = ["CHECKS", "ModelCase"]

CHECKS: Final[tuple[Check, ...]] = checks_of(
    identity.names_itself,
    identity.names_its_markets,
    identity.says_what_it_sees,
    identity.settings_are_plain,
    forecasts.fits_and_forecasts,
    forecasts.promised_markets,
    forecasts.shape,
    forecasts.dtype,
    forecasts.finite,
    forecasts.from_0_to_1,
    forecasts.rows_sum_to_1,
    forecasts.basis_of_each_fixture,
    forecasts.parameters_of_the_family,
    forecasts.monotone_in_the_line,
    forecasts.agrees_with_its_parameters,
    pasts.empty_history,
    pasts.one_match,
    pasts.club_never_seen,
    forecasts.says_when_it_falls_back,
    pasts.league_never_seen,
    pasts.one_fixture,
    pasts.no_fixtures,
    pasts.missing_statistics,
    pasts.several_leagues,
    pasts.extreme_scores,
    pasts.long_break,
    pasts.nothing_at_or_after_as_of,
    identity.uses_no_price_unsaid,
    sameness.same_seed_same_forecasts,
    sameness.no_global_randomness,
    sameness.predicts_the_same_twice,
    sameness.row_order,
    sameness.one_by_one,
    sameness.reads_names_of_fixtures,
    sameness.input_is_not_edited,
    sameness.state_is_plain_arrays,
    sameness.restores_from_its_state,
    sameness.restores_in_a_fresh_process,
    sameness.fits_the_same_in_a_fresh_process,
    sameness.restores_by_name,
    sameness.restores_on_a_longer_history,
    sameness.advances_like_a_fit,
    sameness.remembers_no_other_fit,
    identity.rates_clubs_by_name,
    identity.settings_at_their_bounds,
    cost.computes_without_warnings,
    cost.fits_in_time,
    cost.predicts_in_time,
    cost.fits_in_memory,
    cost.leaves_no_memory_behind,
)
