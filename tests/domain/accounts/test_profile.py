"""Changing one's own row, following, the audit log, and reading all of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from domain.accounts import audit, following, queries, service
from domain.accounts.desk import Desk
from domain.accounts.people import Caller
from domain.accounts.service import Changes
from domain.infra.database import Database, connection_of
from domain.infra.errors import Invalid, NotFound
from tests.factories import Factory, Fixture, hours
from tests.people import person, signed_in, viewer_for

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
HOME = Caller("192.0.2.7", "Firefox\x00" + "x" * 1000)


@dataclass
class Newest:
    """The first items of a list by one expression, descending: a window without cursors."""

    key: str
    id: str
    size: int = 10

    def sql(self, arguments: list[Any]) -> tuple[str, str]:
        arguments.append(self.size)
        return "true", f"order by {self.key} desc, {self.id} desc limit ${len(arguments)}"


async def test_what_is_not_said_stays(desk: Desk) -> None:
    viewer = await viewer_for(desk, await person(desk, first_name="Ann", phone="+34 600"))
    changes = Changes(last_name="  Lee ", phone=None, currency="usd", time_zone="Europe/Madrid", min_edge=0.2)
    await service.update_profile(desk, viewer, changes, HOME, machine=NOW)
    [row] = await queries.accounts(desk.database.pool, [viewer.account_id])
    assert (row["first_name"], row["last_name"], row["phone"]) == ("Ann", "Lee", None)
    assert (row["currency"], row["time_zone"], row["locale"], row["min_edge"]) == ("USD", "Europe/Madrid", "en", 0.2)
    assert "password_hash" not in dict(row)
    [entry] = await queries.audit_page(desk.database.pool, [viewer.account_id], Newest("e.id", "e.id", 1))
    assert entry["action"] == "profile.update"
    assert entry["details"] == {"fields": ["currency", "last_name", "min_edge", "phone", "time_zone"]}
    assert entry["ip_address"] == "192.0.2.7"
    assert entry["user_agent"] == "Firefox" + "x" * 393
    await service.update_profile(desk, viewer, Changes(), HOME, machine=NOW)
    assert await queries.audit_counts(desk.database.pool, [viewer.account_id]) == {viewer.account_id: 2}


async def test_everything_of_a_profile_can_be_changed(desk: Desk) -> None:
    books = await Factory(desk.database).books()
    viewer = await viewer_for(desk, await person(desk))
    wanted: dict[str, Any] = {
        "first_name": "Ann",
        "last_name": "Lee",
        "phone": "+34 600 000 000",
        "company": "Lee & Daughters",
        "tax_id": "ES-12",
        "locale": "es",
        "time_zone": "Europe/Madrid",
        "currency": "GBP",
        "odds_format": "AMERICAN",
        "bookmaker_ids": sorted(books.values()),
        "min_edge": 0.05,
        "is_email_enabled": False,
        "is_value_bet_alert_enabled": False,
    }
    await service.update_profile(desk, viewer, Changes(**wanted), HOME, machine=NOW)
    [row] = await queries.accounts(desk.database.pool, [viewer.account_id])
    assert {name: row[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (Changes(first_name="Ann\nLee"), "input.firstName"),
        (Changes(tax_id="x" * 51), "input.taxId"),
        (Changes(locale=None), "input.locale"),
        (Changes(currency="EURO"), "input.currencyCode"),
        (Changes(odds_format="ROMAN"), "input.oddsFormat"),
        (Changes(min_edge=7.0), "input.minEdge"),
        (Changes(bookmaker_ids=[1]), "input.bookmakerIds"),
        (Changes(bookmaker_ids=list(range(300))), "input.bookmakerIds"),
    ],
)
async def test_a_refused_change_names_its_field_and_changes_nothing(desk: Desk, changes: Changes, field: str) -> None:
    viewer = await viewer_for(desk, await person(desk))
    before = await queries.accounts(desk.database.pool, [viewer.account_id])
    with pytest.raises((Invalid, NotFound)) as error:
        await service.update_profile(desk, viewer, changes, HOME, machine=NOW)
    assert error.value.field == field
    assert await queries.accounts(desk.database.pool, [viewer.account_id]) == before


async def follow(database: Database, account: int, kind: str, key: int, wanted: bool = True, minute: int = 0) -> None:
    async with database.transaction() as session:
        connection = await connection_of(session)
        await following.follow(connection, account, kind, key, wanted, machine=NOW + timedelta(minutes=minute))


async def test_following_is_a_set_and_read_newest_first(database: Database) -> None:
    factory = Factory(database)
    league = await factory.league("england-premier-league")
    fixtures = [Fixture(league, f"Home {place}", f"Away {place}", hours(place)) for place in range(3)]
    matches = await factory.matches(fixtures)
    team = (await factory.teams(["Home 0"]))["Home 0"]
    ann, bob = await person(database), await person(database, "bob@example.com")
    for minute, match in enumerate(matches):
        await follow(database, ann, "MATCH", match, minute=minute)
    await follow(database, ann, "MATCH", matches[0], minute=9)
    await follow(database, ann, "TEAM", team)
    await follow(database, bob, "MATCH", matches[1])
    await follow(database, bob, "LEAGUE", league)
    window = Newest("f.created_at", "f.object_id")
    rows = await queries.followed_page(database.pool, [ann, bob], "MATCH", window)
    assert [row["key"] for row in rows if row["owner"] == ann] == matches[::-1]
    assert [row["key"] for row in rows if row["owner"] == bob] == [matches[1]]
    assert await queries.followed_counts(database.pool, [ann, bob], "MATCH") == {ann: 3, bob: 1}
    assert await queries.followed_counts(database.pool, [ann, bob], "LEAGUE") == {bob: 1}
    assert await queries.followed_among(database.pool, bob, "MATCH", matches) == {matches[1]}
    await follow(database, ann, "MATCH", matches[2], False)
    await follow(database, ann, "MATCH", matches[2], False)
    assert await queries.followed_among(database.pool, ann, "MATCH", matches) == set(matches[:2])


async def test_nobody_follows_what_is_not_there_or_too_much(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    league = await Factory(database).league("england-premier-league")
    other = await Factory(database).league("england-championship")
    ann = await person(database)
    for wanted in (True, False):
        with pytest.raises(NotFound) as error:
            await follow(database, ann, "MATCH", 1, wanted)
        assert error.value.field == "input.id"
    monkeypatch.setattr(following, "MOST_FOLLOWED", 1)
    await follow(database, ann, "LEAGUE", league)
    await follow(database, ann, "LEAGUE", league)
    with pytest.raises(Invalid, match="stop following another"):
        await follow(database, ann, "LEAGUE", other)


async def test_sessions_and_entries_are_read_by_their_owner_alone(desk: Desk) -> None:
    ann, bob = await person(desk), await person(desk, "bob@example.com")
    old = await signed_in(desk, ann, machine=NOW - timedelta(days=8))
    first = await signed_in(desk, ann, machine=NOW - timedelta(hours=2), device="Phone")
    second = await signed_in(desk, ann, machine=NOW - timedelta(hours=1))
    ended = await signed_in(desk, ann, machine=NOW)
    foreign = await signed_in(desk, bob, machine=NOW)
    await desk.database.pool.execute("update session set ended_at = $2 where id = $1", ended.session_id, NOW)
    db = desk.database.pool
    window = Newest("s.last_used_at", "s.id")
    rows = await queries.session_page(db, [ann, bob], NOW, window)
    assert [row["key"] for row in rows if row["owner"] == ann] == [second.session_id, first.session_id]
    assert [row["key"] for row in rows if row["owner"] == bob] == [foreign.session_id]
    assert rows[1]["device_name"] == "Phone"
    assert await queries.session_counts(db, [ann, bob], NOW) == {ann: 2, bob: 1}
    own = await queries.sessions(db, [old.session_id, foreign.session_id], ann)
    assert [row["key"] for row in own] == [old.session_id]
    entries = await queries.audit_page(db, [ann], Newest("e.id", "e.id", 2))
    assert [entry["entity_id"] for entry in entries] == [str(ended.session_id), str(second.session_id)]
    assert await queries.audit_entries(db, [entries[0]["key"]], bob) == []
    [entry] = await queries.audit_entries(db, [entries[0]["key"]], ann)
    assert entry["entity_id"] == str(ended.session_id)


async def test_an_entry_is_written_with_its_deed_and_never_changed(database: Database) -> None:
    ann = await person(database)
    async with database.transaction() as session:
        await audit.note(await connection_of(session), ann, "bet.place", machine=NOW)
        await session.rollback()
    assert await database.pool.fetchval("select count(*) from audit_entry") == 0
    async with database.transaction() as session:
        await audit.note(
            await connection_of(session),
            ann,
            "bet.place",
            machine=NOW,
            entity=("Bet", 7),
            details={"stake": 500},
        )
    row = await database.pool.fetchrow("select * from audit_entry")
    assert row is not None
    assert (row["action"], row["entity_type"], row["entity_id"]) == ("bet.place", "Bet", "7")
    assert (row["details"], row["ip_address"], row["occurred_at"]) == ({"stake": 500}, None, NOW)
    for statement in ("update audit_entry set action = 'nothing'", "delete from audit_entry"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await database.pool.execute(statement)
