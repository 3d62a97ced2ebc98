"""What was known at an instant: nothing that became known later is in a history."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from domain.forecasting.history import past_of, read_fixtures, read_history
from domain.infra.database import Database, connection_of
from domain.markets.service import dictionary
from domain.matches.rules import FULL_TIME_AFTER
from domain.matches.service import record_matches
from domain.odds.service import Tick, bookmakers, record
from tests.factories import Factory, Fixture
from tests.small_league import BOOKS, CLUBS, NOON, NOW, SOURCE, SmallLeague, coming_matches, make_league, past_matches
from tests.workers.fickle import Fickle
from touchline import OVER_25, RESULT, MarketKey, OddsUse, Reach
from touchline.football_data.columns import STATISTICS
from touchline.wire import inputs_digest


@pytest.fixture
async def league(database: Database) -> SmallLeague:
    return await make_league(database)


def _digest(history: object) -> str:
    return inputs_digest(history, None, {}, "1")  # type: ignore[arg-type]


async def test_columns_are_the_played_matches_oldest_first(league: SmallLeague, database: Database) -> None:
    past = await read_history(database.pool, league.league_id, NOW)
    told = past_matches()
    history = past.history
    assert past.match_ids == league.past
    assert past.first_at == told[0].kickoff
    assert history.clubs == tuple(sorted(name.lower() for name in CLUBS))
    assert [history.clubs[index] for index in history.home] == [match.home.lower() for match in told]
    assert history.home_goals.tolist() == [match.home_goals for match in told]
    assert history.away_corners.tolist() == [match.away_corners for match in told]
    assert np.isnan(history.home_shots).all()
    assert (history.days_ago > 0).all()
    assert (np.diff(history.days_ago) < 0).all()
    assert history.closing_result.shape == (len(told), 3)
    assert not history.home_goals.flags.writeable


async def test_every_count_that_a_source_tells_is_a_column(league: SmallLeague, database: Database) -> None:
    names = list(STATISTICS.values())
    counts = {name: count for count, name in enumerate(names, start=20)}
    told = replace(coming_matches()[0], home_goals=2, away_goals=1, **counts)  # type: ignore[arg-type]  # by name
    at = told.kickoff + FULL_TIME_AFTER
    async with database.transaction() as session:
        await record_matches(session, SOURCE, [told], now=at)
    history = (await read_history(database.pool, league.league_id, at)).history
    assert {name: getattr(history, name)[-1] for name in names} == counts
    assert np.isnan([history.home_fouls[:-1], history.away_yellow_cards[:-1]]).all()


async def test_an_empty_league_has_an_empty_history(league: SmallLeague, database: Database) -> None:
    past = await read_history(database.pool, league.league_id, NOW - timedelta(days=300))
    assert len(past.history) == 0
    assert past.first_at is None
    assert past.history.closing_result.shape == (0, 3)


async def test_results_that_come_later_do_not_change_what_was_known(league: SmallLeague, database: Database) -> None:
    before = await read_history(database.pool, league.league_id, NOW)
    await league.play(0, 4, 0, NOON + timedelta(days=1) + FULL_TIME_AFTER)
    after = await read_history(database.pool, league.league_id, NOW)
    assert _digest(after.history) == _digest(before.history)


async def test_a_match_counts_from_the_instant_its_result_is_known(league: SmallLeague, database: Database) -> None:
    known_at = NOON + timedelta(days=1) + FULL_TIME_AFTER
    await league.play(0, 4, 0, known_at)
    for instant, is_in in ((known_at - timedelta(seconds=1), False), (known_at, True)):
        past = await read_history(database.pool, league.league_id, instant)
        assert (league.coming[0] in past.match_ids) is is_in


async def test_an_awarded_match_is_left_out(league: SmallLeague, database: Database) -> None:
    awarded = replace(past_matches()[3], is_awarded=True)
    async with database.transaction() as session:
        await record_matches(session, SOURCE, [awarded], now=NOW)
    past = await read_history(database.pool, league.league_id, NOW)
    assert league.past[3] not in past.match_ids
    assert len(past.history) == len(league.past) - 1


async def test_a_match_of_an_unknown_hour_is_known_when_its_day_is_over(
    league: SmallLeague, database: Database
) -> None:
    midnight = NOW.replace(hour=0) + timedelta(days=4)
    match = replace(
        coming_matches()[0], home="Southampton", away="Arsenal", kickoff=midnight, is_kickoff_time_known=False, leg=2
    )
    async with database.transaction() as session:
        await record_matches(session, SOURCE, [replace(match, home_goals=1, away_goals=1)], now=midnight)
    late = midnight + timedelta(hours=23)
    assert len((await read_history(database.pool, league.league_id, late)).history) == len(league.past)
    next_day = midnight + timedelta(days=1)
    assert len((await read_history(database.pool, league.league_id, next_day)).history) == len(league.past) + 1


async def test_fixtures_share_the_clubs_and_bring_new_ones_behind(league: SmallLeague, database: Database) -> None:
    new = replace(coming_matches()[0], home="Sunderland", kickoff=NOON + timedelta(days=5))
    async with database.transaction() as session:
        await record_matches(session, SOURCE, [new], now=NOW)
    past = await read_history(database.pool, league.league_id, NOW)
    coming = await read_fixtures(database.pool, league.league_id, NOW, past.history)
    assert coming.match_ids[:3] == league.coming
    assert coming.fixtures.clubs == (*past.history.clubs, "sunderland")
    assert coming.fixtures.clubs[coming.fixtures.home[3]] == "sunderland"
    assert coming.fixtures.days_ahead[0] == pytest.approx(1 + 3 / 24)


async def test_what_kicked_off_or_lies_far_ahead_is_no_fixture(league: SmallLeague, database: Database) -> None:
    past = await read_history(database.pool, league.league_id, NOW)
    at_kickoff = NOON + timedelta(days=1)
    coming = await read_fixtures(database.pool, league.league_id, at_kickoff, past.history)
    assert coming.match_ids == league.coming[1:]
    assert (await read_fixtures(database.pool, league.league_id, NOW, past.history, 1)).match_ids == ()


async def _quote(
    database: Database, match_id: int, book: str, market: MarketKey, days_before: float, *prices: float
) -> None:
    """Prices of a past match in outcome order, so long before its kick-off."""
    async with database.transaction() as session:
        connection = await connection_of(session)
        markets = await dictionary(connection, [market])
        books = await bookmakers(connection, BOOKS)
        kickoff = await connection.fetchval("select kickoff_at from match where id = $1", match_id)
        at = kickoff - timedelta(days=days_before)
        ticks = [
            Tick(match_id, markets.selection_id(market, outcome), books[book], price, at)
            for outcome, price in zip(market.outcomes, prices, strict=False)
        ]
        await record(session, ticks, source=SOURCE, is_history=True)


async def test_closing_prices_are_the_last_of_the_sharpest_complete_book(
    league: SmallLeague, database: Database
) -> None:
    first, second, third, fourth = league.past[:4]
    await _quote(database, first, "pinnacle", RESULT, 2, 2.1, 3.3, 3.9)
    await _quote(database, first, "pinnacle", RESULT, 0, 2.0, 3.4, 4.0)
    await _quote(database, first, "exchange", RESULT, 0, 2.2, 3.5, 4.4)
    await _quote(database, second, "pinnacle", RESULT, 1, 1.5)  # two outcomes are missing
    await _quote(database, second, "exchange", RESULT, 1, 1.6, 4.2, 6.0)
    await _quote(database, third, "corner", RESULT, 1, 1.9, 3.6, 4.2)  # neither sharp nor an exchange
    await _quote(database, fourth, "pinnacle", OVER_25, 0, 1.85, 2.05)
    history = (await read_history(database.pool, league.league_id, NOW)).history
    assert history.closing_result[0].tolist() == [2.0, 3.4, 4.0]
    assert history.closing_result[1].tolist() == [1.6, 4.2, 6.0]
    assert np.isnan(history.closing_result[2]).all()
    assert history.closing_total[3].tolist() == [1.85, 2.05]


async def test_an_average_stands_in_where_no_sharp_book_is_known(league: SmallLeague, database: Database) -> None:
    await database.pool.execute(
        """insert into price_aggregate (match_id, selection_id, name, is_closing, price, observed_at, source)
           select $1, s.id, 'Avg', c.closing, 2 + s.position + c.closing::int, m.kickoff_at, 'x'
           from selection s join market k on k.id = s.market_id and k.key = 'match_result::ft',
                (values (true), (false)) c(closing), match m where m.id = $1""",
        league.past[0],
    )
    history = (await read_history(database.pool, league.league_id, NOW)).history
    assert history.closing_result[0].tolist() == [3.0, 4.0, 5.0]


async def _abroad(database: Database) -> int:
    """A league of another country with one match that was played; its id."""
    factory = Factory(database)
    league = await factory.league("spain-liga", country="ES")
    await factory.matches([Fixture(league, "Aviles", "Zamora", NOW - timedelta(days=900), goals=(2, 1))])
    return league


async def test_every_league_is_one_history(league: SmallLeague, database: Database) -> None:
    abroad = await _abroad(database)
    past = await read_history(database.pool, league.league_id, NOW, Reach(every_league=True))
    assert past.history.leagues == ("england-premier-league", "spain-liga")
    assert past.history.clubs == (*sorted({"aviles", "zamora", *(name.lower() for name in CLUBS)}),)
    assert past.match_ids[1:] == league.past  # the oldest is the one abroad
    assert [past.history.leagues[index] for index in past.history.league[:2]] == [
        "spain-liga",
        "england-premier-league",
    ]
    there = await read_history(database.pool, abroad, NOW, Reach(every_league=True))
    assert _digest(there.history) == _digest(past.history)
    assert (await read_history(database.pool, league.league_id, NOW)).match_ids == league.past


async def test_days_bound_what_is_seen_and_simulated_leagues_are_apart(league: SmallLeague, database: Database) -> None:
    abroad = await _abroad(database)
    recent = await read_history(database.pool, league.league_id, NOW, Reach(every_league=True, days=899))
    assert recent.match_ids == league.past
    await database.pool.execute("update league set is_simulated = true where id = $1", abroad)
    for own, count in ((league.league_id, len(league.past)), (abroad, 1)):
        past = await read_history(database.pool, own, NOW, Reach(every_league=True))
        assert len(past.history) == count


async def test_a_model_sees_by_its_reach_and_its_class_of_odds(league: SmallLeague, database: Database) -> None:
    await _abroad(database)
    await _quote(database, league.past[0], "pinnacle", RESULT, 0, 2.0, 3.4, 4.0)
    for model, count, is_priced in (
        (Fickle("steady"), 27, True),
        (Fickle("steady", reach=Reach(every_league=True), odds_use=OddsUse.PAST), 28, True),
        (Fickle("steady", odds_use=OddsUse.NONE), 27, False),
    ):
        past = await past_of(database.pool, model, league.league_id, NOW)
        assert len(past.history) == count
        assert bool(np.isfinite(past.history.closing_result).any()) is is_priced
        assert past.history.closing_result.shape == (count, 3)
