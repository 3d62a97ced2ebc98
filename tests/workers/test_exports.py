"""Exports as a worker does them: bets that can be imported again, and everything about a person."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from domain.bets import dossier
from domain.bets.exporting import Dataset, Format
from domain.infra.clock import machine_now
from domain.infra.database import Database
from domain.tables import METADATA
from domain.tasks import service as tasks
from tests.factories import NOW
from tests.people import person
from tests.workers.desk import DATA, Desk, lines, open_desk
from workers.upkeep import retention

QUOTE = '"'


@pytest.fixture
async def desk(database: Database, database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database, database_url, redis_url) as opened:
        yield opened


async def _varied(desk: Desk) -> int:
    """A bankroll with bets of every kind: by hand, accumulators, settled by hand, pending, with awkward words."""
    world, bankroll = desk.world, await desk.world.open_bankroll(desk.world.ann)
    await desk.run(await desk.ask((DATA / "tracker_en.csv").read_text(), bankroll=bankroll))
    awkward = ["=1+1", "+x", "-y", "@z", "'=q", '"quoted", with; all|signs\\', "línea\n=dos", "ünï ¥ 漢字"]
    results = ["won", "lost", "push", "void", "half won", "half lost", "open", "won"]
    text = "Bet ID,Placed,Settled,Event,Description,Odds,Stake,Result,Bookmaker,Tags,Notes\n"
    for n, (words, result) in enumerate(zip(awkward, results, strict=True), start=1):
        cell = f'"{words.replace(QUOTE, QUOTE * 2)}"'
        when = f"2026-02-0{n} 10:00:00.12345,2026-02-0{n} 12:00"
        text += f"{n},{when},,{cell},1.91,12.34,{result},{cell},{cell},{cell}\n"
    text += "20,2026-02-20,,A v B,,2.5,10,won,,,\n20,2026-02-20,,C v D,,1.5,,half won,,,\n"
    text += "21,2026-02-20,,A v B,,2.5,10,lost,,,\n21,2026-02-20,,C v D,,1.5,,open,,,\n"
    text += "22,2026-02-20,,A v B,,2.5,10,won,,,\n22,2026-02-20,,C v D,,1.5,,open,,,\n"
    row = await desk.run(await desk.ask(text, bankroll=bankroll))
    assert row["failure_count"] == 0, row["failures"]
    await world.place(bankroll_id=bankroll, tags=["a, b", "c|d"], notes="two\nlines", stake="7.77")
    await world.place(world.leg(0), world.leg(1, "2.60", bookmaker_name="=Elsewhere"), bankroll_id=bankroll)
    return bankroll


async def test_what_is_exported_gives_another_bankroll_the_same_record(desk: Desk) -> None:
    bankroll = await _varied(desk)
    before = await desk.bets(bankroll)
    assert len(before) == 7 + 8 + 3 + 2
    task = await desk.export(Dataset.BETS, Format.CSV)
    row = await desk.run(task)
    assert (row["status"], row["completed_count"]) == ("SUCCEEDED", row["total_count"])
    assert row["result"] == {"fileName": f"touchline-bets-{machine_now():%Y-%m-%d}.csv", "rowCount": row["total_count"]}
    body = await desk.file(task)
    row = await desk.run(await desk.ask(body.decode()))
    assert (row["status"], row["failures"]) == ("SUCCEEDED", [])
    assert row["result"]["columnsLeftOut"] == ["Bankroll", "Closing Line Value"]
    assert await desk.bets() == before
    entries = """select e.kind, e.amount, e.occurred_at from bankroll_entry e
        where e.bankroll_id = $1 and e.bet_id is not null order by e.occurred_at, e.kind, e.amount"""
    first, second = [await desk.database.pool.fetch(entries, each) for each in (bankroll, desk.bankroll)]
    assert [tuple(each) for each in first] == [tuple(each) for each in second]
    settlements = """select s.status, s.payout, s.leg_results, s.settled_at from settlement s
        join bet b on b.id = s.bet_id where b.bankroll_id = $1 order by s.settled_at, s.status, s.payout"""
    first, second = [await desk.database.pool.fetch(settlements, each) for each in (bankroll, desk.bankroll)]
    assert [tuple(each) for each in first] == [tuple(each) for each in second]


async def test_no_cell_of_an_export_begins_a_formula(desk: Desk) -> None:
    await _varied(desk)
    task = await desk.export(Dataset.BETS, Format.CSV)
    await desk.run(task)
    rows = list(csv.reader((await desk.file(task)).decode().splitlines(keepends=True)))
    numbers = {rows[0].index(name) for name in ("Odds", "Stake", "Payout", "Closing Line Value")}
    cells = [cell for row in rows for place, cell in enumerate(row) if place not in numbers]
    assert any(cell == "'=1+1" for cell in cells)
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


async def test_an_export_is_of_a_span_and_of_one_person(desk: Desk) -> None:
    world = desk.world
    bob_bankroll = await world.open_bankroll(world.bob)
    await world.place(account=world.bob, bankroll_id=bob_bankroll)
    await desk.run(await desk.ask(lines(100)))
    task = await desk.export(Dataset.BETS, Format.JSONL, NOW - timedelta(minutes=30), NOW - timedelta(minutes=10))
    row = await desk.run(task)
    told = [orjson.loads(line) for line in (await desk.file(task)).splitlines()]
    assert row["total_count"] == len(told) == 20
    assert [each["description"] for each in told] == [f"A v B: pick {n}" for n in range(29, 9, -1)]
    assert told[0]["placed"] == "2026-03-14T11:30:00Z"
    assert (told[0]["stake"], told[0]["payout"], told[0]["tags"]) == ("10.00", "20.00", [])


async def test_an_export_without_rows_is_a_header(desk: Desk) -> None:
    task = await desk.export(Dataset.BETS, Format.CSV)
    row = await desk.run(task)
    assert (row["status"], row["total_count"]) == ("SUCCEEDED", 0)
    assert (await desk.file(task)).decode().splitlines() == [
        "Bet ID,Bankroll,Placed,Settled,Kickoff,League,Home,Away,Description,Market,Selection,Odds,Stake,Currency,"
        "Result,Payout,Bookmaker,Tags,Notes,Closing Line Value"
    ]


async def test_an_export_comes_in_parts_of_one_snapshot(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.bets.exporting.ROWS", 10)
    await desk.run(await desk.ask(lines(45)))
    task = await desk.export(Dataset.BETS, Format.CSV)
    add = tasks.add_output

    async def while_bets_come(*arguments: Any, **named: Any) -> None:
        await add(*arguments, **named)
        if arguments[2] == 1:
            await desk.world.place()

    monkeypatch.setattr(tasks, "add_output", while_bets_come)
    row = await desk.run(task)
    assert (row["completed_count"], row["total_count"]) == (45, 45)
    assert len((await desk.file(task)).splitlines()) == 46
    assert await desk.database.pool.fetchval("select count(*) from task_file where task_id = $1", task) == 5


async def test_an_export_begins_anew_after_a_death(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.bets.exporting.ROWS", 10)
    await desk.run(await desk.ask(lines(45)))
    task = await desk.export(Dataset.BETS, Format.CSV)
    add = tasks.add_output

    async def dies(*arguments: Any, **named: Any) -> None:
        await add(*arguments, **named)
        if arguments[2] == 2:
            raise ConnectionResetError

    monkeypatch.setattr(tasks, "add_output", dies)
    with pytest.raises(ConnectionResetError):
        await desk.run(task)
    assert (await desk.row(task))["completed_count"] == 20
    monkeypatch.setattr(tasks, "add_output", add)
    row = await desk.run(task)
    assert (row["status"], row["completed_count"]) == ("SUCCEEDED", 45)
    assert len((await desk.file(task)).splitlines()) == 46


def _leading_to_accounts() -> set[str]:
    """Tables whose rows belong to an account: by a foreign key, or by one to such a table."""
    found, more = {"account"}, True
    while more:
        reached = {
            table.name
            for table in METADATA.tables.values()
            if any(key.column.table.name in found for key in table.foreign_keys)
        }
        more = not reached <= found
        found |= reached
    return found


def test_every_table_about_a_person_is_in_their_dossier() -> None:
    assert set(dossier.PARTS) == _leading_to_accounts()


async def test_a_dossier_is_everything_about_one_person_and_no_secret(desk: Desk) -> None:
    await _varied(desk)
    world, db = desk.world, desk.database.pool
    carol = await person(desk.database, email="carol@example.com", first_name="Carol")
    await _fill(desk, world.ann)
    await _fill(desk, carol)
    await desk.run(await desk.export(Dataset.BETS, Format.CSV))
    task = await desk.export(Dataset.ACCOUNT, Format.JSONL)
    row = await desk.run(task)
    assert row["status"] == "SUCCEEDED", row["error"]
    body = (await desk.file(task)).decode()
    told = [orjson.loads(line) for line in body.splitlines()]
    assert row["total_count"] == len(told)
    assert {each["table"] for each in told} == set(dossier.PARTS)
    assert "carol" not in body.lower()
    secrets = await db.fetchrow(
        """select a.password_hash, r.id::text, c.id::text, c.password_hash
           from account a join session s on s.account_id = a.id join refresh_token r on r.session_id = s.id
           join email_code c on c.account_id = a.id where a.id = $1""",
        world.ann,
    )
    assert secrets is not None
    assert not [secret for secret in secrets if secret in body]
    bets = [each["row"] for each in told if each["table"] == "bet"]
    assert len(bets) == await db.fetchval("select count(*) from bet where account_id = $1", world.ann)
    assert '"price": 2.5000' in body  # numbers as the table holds them


async def _fill(desk: Desk, account: int) -> None:
    """A row in each table that betting does not fill."""
    await desk.database.pool.execute(
        f"""insert into session (account_id, device_name, created_at, last_used_at, expires_at)
            values ({account}, 'x', now(), now(), now());
            insert into refresh_token (id, session_id, created_at, expires_at)
            select gen_random_uuid(), id, now(), now() from session where account_id = {account};
            insert into email_code (id, account_id, purpose, password_hash, created_at, expires_at)
            values (gen_random_uuid(), {account}, 'VERIFY', 'hash of a registration', now(), now());
            insert into mail (id, account_id, recipient, kind, locale, created_at)
            select gen_random_uuid(), id, email, 'VERIFY', 'en', now() from account where id = {account};
            insert into following (account_id, kind, object_id, created_at) values ({account}, 'TEAM', 1, now());
            insert into audit_entry (account_id, action, details, occurred_at)
            values ({account}, 'session.begin', '{{}}', now());
            insert into care_limit (account_id, kind, period, currency, value, set_at, pending_is_removal)
            values ({account}, 'TIME', 'DAY', '', 60, now(), false);
            insert into care_break (account_id, kind, begins_at, until)
            values ({account}, 'BREAK', now() - interval '2 days', now() - interval '1 day');
            insert into care_activity (account_id, day, seconds, last_seen_at)
            values ({account}, '2026-03-01', 9, now());
            insert into placement (account_id, key, fingerprint, recorded_at) values ({account}, 'k', 'f', now());
            insert into bettor (account_id, position) values ({account}, 0) on conflict do nothing"""
    )


async def test_retention_deletes_expired_files(desk: Desk) -> None:
    task = await desk.export(Dataset.BETS, Format.CSV)
    await desk.run(task)
    assert await desk.file(task)
    await desk.database.pool.execute("update task_file set expires_at = now() - interval '1 second'")
    await retention(desk.boot, "retention")
    assert await desk.database.pool.fetchval("select count(*) from task_file") == 0
