"""The record holds the last word before kick-off, and only of matches that were played."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from domain.forecasting.record import result_record
from domain.infra.database import Database

FILL = """
insert into country (id, code, name) values (1, 'XX', 'Nowhere');
insert into league (id, country_id, slug, name, kind, is_big, is_simulated)
    values (1, 1, 'l', 'L', 'LEAGUE', false, true);
insert into season (id, league_id, start_year, name, starts_on) values (1, 1, 2025, '2025/26', '2025-07-01');
insert into team (id, country_id, slug, name, short_name) values (1, 1, 'a', 'A', 'A'), (2, 1, 'b', 'B', 'B');
insert into market (id, key, kind, period) values (1, 'match_result::ft', 'match_result', 'ft');
insert into plugin (key, name, distribution, version, status, seen_at, call_count, failure_count)
    values ('p', 'P', 'd', '1', 'ACTIVE', '2025-07-01Z', 0, 0);
insert into model (key, plugin_key, kind, version, markets, settings) values ('m', 'p', 'model', '1', '[]', '{}');
insert into model_version (id, model_key, code_version, fitted_at, data_cutoff_at, training_matches, fit_seconds,
                           settings, seed, state, state_size, state_digest, inputs_digest, job_id)
    values (1, 'm', '1', '2025-07-01Z', '2025-07-01Z', 0, 0, '{}', 0, '', 0, '', '', 'j');
"""
MATCH = """
insert into match (id, league_id, season_id, home_team_id, away_team_id, leg, kickoff_at, is_kickoff_time_known,
                   status, home_goals, away_goals, source, updated_at)
values ($1, 1, 1, 1, 2, $1::bigint, '2025-08-01 15:00Z', true, $2, $3, $4, 'test', '2025-08-02Z')
"""
PREDICTION = """
insert into prediction (id, match_id, market_id, model_version_id, model_key, probabilities, family, parameters,
                        confidence, basis, predicted_at, data_cutoff_at, compute_milliseconds, inputs_digest, job_id)
values ($1, $2, 1, 1, 'm', $3, '', '{}', 50, 'model', $4, '2025-07-01Z', 0, '', 'j')
"""
CURRENT = """
insert into current_prediction (match_id, market_id, model_key, prediction_id, confirmed_at, is_served, is_stale)
values ($1, 1, 'm', $2, '2025-08-01Z', true, false)
"""


async def test_the_last_word_before_kickoff_is_graded(database: Database) -> None:
    pool = database.pool
    await pool.execute(FILL)
    for match, status, home, away in ((1, "FINISHED", 1, 1), (2, "FINISHED", 0, 2), (3, "AWARDED", 3, 0)):
        await pool.execute(MATCH, match, status, home, away)
    said = {11: (1, [0.6, 0.2, 0.2], 9), 12: (1, [0.5, 0.3, 0.2], 12), 13: (1, [0.1, 0.8, 0.1], 16)}
    said |= {21: (2, [0.3, 0.3, 0.4], 10), 31: (3, [0.3, 0.3, 0.4], 10)}
    for key, (match, shares, hour) in said.items():
        await pool.execute(PREDICTION, key, match, shares, datetime(2025, 8, 1, hour, tzinfo=UTC))
    for match, newest in ((1, 13), (2, 21), (3, 31)):
        await pool.execute(CURRENT, match, newest)
    probabilities, happened = await result_record(pool, datetime(2025, 7, 1, tzinfo=UTC))
    np.testing.assert_array_equal(probabilities, [[0.5, 0.3, 0.2], [0.3, 0.3, 0.4]])
    np.testing.assert_array_equal(happened, [1, 2])


async def test_an_empty_record_is_empty(database: Database) -> None:
    probabilities, happened = await result_record(database.pool, datetime(2025, 7, 1, tzinfo=UTC))
    assert probabilities.shape == (0, 3)
    assert happened.shape == (0,)
