"""The demo's visitors: they can sign in, and their past is one that could have been."""

from __future__ import annotations

import pytest
from pwdlib import PasswordHash

from domain.accounts.rules import new_password, normal_email
from domain.infra.clock import match_now
from domain.infra.database import Database
from domain.infra.settings import Settings
from workers.demo_people import ADDRESSES, PASSWORD, invitation
from workers.demo_visitors import VISITORS, seed_visitors
from workers.seed_demo import seed_demo


@pytest.fixture
async def demo(settings: Settings, database: Database) -> Database:
    await seed_demo(settings, seed=7, speed=1.0)
    return database


async def test_three_people_are_there(demo: Database, settings: Settings) -> None:
    await _assert_accounts(demo)
    await _assert_bets(demo)
    await _assert_prices(demo)
    await _assert_bankrolls(demo)
    follows = await demo.pool.fetch("select account_id, kind from following group by 1, 2")
    assert len(follows) == 3 * len(("LEAGUE", "TEAM", "MATCH"))

    newest = await demo.pool.fetchval("select max(id) from bet")
    await seed_demo(settings, seed=7, speed=1.0)
    assert await demo.pool.fetchval("select max(id) from bet") == newest
    assert await demo.pool.fetchval("select count(*) from account") == len(VISITORS)


async def _assert_accounts(demo: Database) -> None:
    accounts = await demo.pool.fetch("select * from account order by id")
    assert {row["email"]: row["tier"] for row in accounts} == {email: tier for tier, email in ADDRESSES.items()}
    for row in accounts:
        assert row["is_email_verified"]
        assert normal_email(row["email"]) == row["email"]
        assert new_password(PASSWORD, row["email"]) == PASSWORD
        assert row["email"].partition("@")[0] in invitation()
    assert PasswordHash.recommended().verify(PASSWORD, accounts[0]["password_hash"])
    assert PASSWORD in invitation()


async def _assert_bets(demo: Database) -> None:
    """All are settled and graded against the close; who looks around pays less."""
    rows = await demo.pool.fetch(
        """select a.tier, count(*) as bets, count(*) filter (where b.status = 'PENDING') as pending,
               count(*) filter (where b.closing_line_value is null) as ungraded, avg(b.closing_line_value) as closing,
               bool_and(b.settled_at > b.placed_at) as are_in_order, max(b.settled_at) as newest,
               bool_and(b.kind = 'SINGLE') as are_single
           from bet b join account a on a.id = b.account_id group by a.tier order by closing"""
    )
    assert [row["tier"] for row in rows] == ["FREE", "PRO", "VIP"]
    assert [row["are_single"] for row in rows] == [False, True, True]
    now = await match_now(demo.pool)
    for row in rows:
        assert 60 <= row["bets"] <= 200
        assert (row["pending"], row["ungraded"], row["are_in_order"]) == (0, 0, True)
        assert row["newest"] <= now


async def _assert_prices(demo: Database) -> None:
    """Prices are those that a bookmaker of ours had when a bet was placed, before kick-off."""
    wrong = await demo.pool.fetchval(
        """select count(*) from bet_leg l join bet b on b.id = l.bet_id join match m on m.id = l.match_id
           where b.placed_at >= m.kickoff_at or l.price is distinct from (
             select c.price from quote_change c
             where c.match_id = l.match_id and c.selection_id = l.selection_id and c.bookmaker_id = l.bookmaker_id
               and c.observed_at <= b.placed_at order by c.observed_at desc limit 1)"""
    )
    assert wrong == 0


async def _assert_bankrolls(demo: Database) -> None:
    bankrolls = await demo.pool.fetch(
        """select k.is_paper, k.currency, k.balance, sum(e.amount) as entries,
               (array_agg(e.amount order by e.occurred_at, e.id))[1] as first
           from bankroll k join bankroll_entry e on e.bankroll_id = k.id group by k.id order by k.id"""
    )
    assert [row["currency"] for row in bankrolls] == ["EUR", "USD", "EUR"]
    for row in bankrolls:
        assert row["is_paper"]
        assert row["first"] == 100_000
        assert row["balance"] == row["entries"] > 0


SHOWN = """select a.tier, b.placed_at, b.stake, b.price, b.status, b.payout, b.tags, t.slug
    from bet b join account a on a.id = b.account_id join bet_leg l on l.bet_id = b.id join match m on m.id = l.match_id
    join team t on t.id = m.home_team_id order by a.tier, b.placed_at, l.position, t.slug"""


async def test_their_past_is_a_function_of_the_seed(demo: Database) -> None:
    first = await demo.pool.fetch(SHOWN)
    await _forget(demo)
    await seed_visitors(demo, seed=7)
    assert await demo.pool.fetch(SHOWN) == first
    await _forget(demo)
    await seed_visitors(demo, seed=8)
    assert await demo.pool.fetch(SHOWN) != first


async def _forget(demo: Database) -> None:
    async with demo.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local touchline.erasing = 'on'")
        await connection.execute("delete from account")
