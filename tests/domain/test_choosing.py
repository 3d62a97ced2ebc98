"""The record decides which models are shown, and only beyond doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
import pytest

from domain.forecasting.serving import choices, choose, read_ranking
from domain.grades.choosing import BY_DEFAULT, Duel, choose_by_record
from domain.infra.database import Database, connection_of
from tests.factories import NOW, Factory, Figures, Fixture
from touchline import BTTS, CORNERS_95, OVER_25, RESULT, Floats, MarketKey

SHOWN, CHALLENGER, OTHER = "touchline.market_memory", "touchline.supremacy", "acme.all"
GOALS = (RESULT, OVER_25, BTTS)

GRADED = """
insert into grade (prediction_id, revision, facts, outcome_key, is_hit, log_loss, brier, graded_at, job_id)
select p.id, 1, '1-0', 'home', true, 1, 0.5, $1, 'job' from prediction p
where not exists (select 1 from grade g where g.prediction_id = p.id)
"""
CURRENT = """
insert into current_grade (match_id, market_id, model_key, grade_id, prediction_id, league_id, kickoff_at, code_version,
                           outcome, probabilities, log_loss, brier, confidence, is_hit, is_served)
select p.match_id, p.market_id, p.model_key, g.id, p.id, m.league_id, m.kickoff_at, v.code_version, 0, p.probabilities,
       t.loss, 0.5, p.confidence, true, false
from unnest($1::bigint[], $2::float8[]) as t(match_id, loss) join match m on m.id = t.match_id
join prediction p on p.match_id = t.match_id and p.model_key = $3 join model_version v on v.id = p.model_version_id
join market k on k.id = p.market_id and k.key = $4 join grade g on g.prediction_id = p.id
"""


class Season:
    """Matches that were played, and what models lost in them."""

    def __init__(self, factory: Factory, matches: Sequence[int]) -> None:
        self.factory = factory
        self.matches = matches

    async def grade(
        self,
        model: str,
        losses: Floats,
        markets: Sequence[MarketKey] = GOALS,
    ) -> None:
        """Let a model have lost so much in each of the first matches, the same in each market."""
        await self.factory.model(model, markets)
        count = len(losses)
        for market in markets:
            await self.factory.predicted(self.matches[:count], market, model, Figures(), at=NOW - timedelta(days=400))
            await self.factory.db.execute(GRADED, NOW)
            await self.factory.db.execute(CURRENT, self.matches[:count], losses.tolist(), model, str(market))

    async def decide(self) -> list[Duel]:
        async with self.factory.database.transaction() as session:
            return await choose_by_record(await connection_of(session), NOW)

    async def shown(self) -> Mapping[str, str]:
        """The first model of each kind of market."""
        return {kind: keys[0] for kind, keys in (await read_ranking(self.factory.db)).items()}


@pytest.fixture
async def season(database: Database) -> Season:
    factory = Factory(database)
    await factory.clock()
    league = await factory.league("england-premier-league")
    fixtures = [
        Fixture(league, f"Home {n}", f"Away {n}", NOW - timedelta(days=300) + timedelta(hours=n), goals=(1, 0))
        for n in range(240)
    ]
    return Season(factory, await factory.matches(fixtures))


def lost(mean: float, seed: int = 1, count: int = 240) -> Floats:
    return np.random.default_rng(seed).normal(mean, 0.02, count)


async def test_a_challenger_that_is_better_beyond_doubt_is_shown(season: Season) -> None:
    await season.grade(SHOWN, lost(1.0))
    await season.grade(CHALLENGER, lost(0.99, 2))
    await season.grade(OTHER, lost(0.98, 3))
    (duel,) = await season.decide()
    assert (duel.challenger, duel.shown, duel.matches) == (OTHER, SHOWN, 240)
    assert await season.shown() == dict.fromkeys(("match_result", "total_goals", "both_teams_to_score"), OTHER)
    chosen = (await choices(season.factory.db))["match_result"]
    difference = lost(0.98, 3) - lost(1.0)
    error = difference.std(ddof=1) / np.sqrt(240)
    low, high = difference.mean() - 1.96 * error, difference.mean() + 1.96 * error
    assert chosen.chosen_by == "record"
    assert chosen.reason == (
        f"Mean log loss {lost(0.98, 3).mean():.4f} against {lost(1.0).mean():.4f} of {SHOWN} on the same 240 matches: "
        f"a difference of {difference.mean():+.4f}, 95 % interval {low:+.4f} to {high:+.4f}."
    )
    assert await season.decide() == []  # it is shown now, and nobody is better than that


async def test_doubt_changes_nothing(season: Season) -> None:
    await season.grade(SHOWN, lost(1.0))
    await season.grade(CHALLENGER, lost(0.9995, 2))  # half a standard error
    assert await season.decide() == []
    assert await season.shown() == dict.fromkeys(("match_result", "total_goals", "both_teams_to_score"), SHOWN)


async def test_fewer_than_two_hundred_common_matches_prove_nothing(season: Season) -> None:
    await season.grade(SHOWN, lost(1.0))
    await season.grade(CHALLENGER, lost(0.5, 2, count=199))
    assert await season.decide() == []


async def test_only_grades_of_the_installed_code_count(season: Season) -> None:
    await season.grade(SHOWN, lost(1.0))
    await season.grade(CHALLENGER, lost(0.5, 2))
    await season.factory.db.execute("update model set version = '2' where key = $1", CHALLENGER)
    assert await season.decide() == []


async def test_who_prices_goals_in_part_does_not_take_over(season: Season) -> None:
    await season.grade(SHOWN, lost(1.0))
    await season.grade(OTHER, lost(0.5, 2), [RESULT])
    assert await season.decide() == []


async def test_corners_are_decided_by_themselves(season: Season) -> None:
    await season.grade("touchline.corners", lost(0.69), [CORNERS_95])
    await season.grade(OTHER, lost(0.68, 2), [CORNERS_95])
    (duel,) = await season.decide()
    assert duel.challenger == OTHER
    assert await season.shown() == {"total_corners": OTHER}


async def test_what_an_operator_chose_stays_until_it_is_given_back(season: Season) -> None:
    await season.grade(SHOWN, lost(1.0))
    await season.grade(OTHER, lost(0.98, 3))
    database = season.factory.database
    async with database.transaction() as session:
        connection = await connection_of(session)
        await choose(connection, ["total_goals"], SHOWN, reason="Keep it.", by="account 7", now=NOW)
    assert await season.decide() == []
    async with database.transaction() as session:
        connection = await connection_of(session)
        await choose(connection, ["total_goals"], SHOWN, reason="As you like.", by=BY_DEFAULT, now=NOW)
    assert [duel.challenger for duel in await season.decide()] == [OTHER]
