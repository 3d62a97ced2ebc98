"""Imports as a worker does them: understood, recorded once, through deaths and cancellations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.bets.importing import service as importing
from domain.bets.past import record_past
from domain.infra import jobs
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.infra.jobs import Message
from domain.tasks import service as tasks
from tests.factories import hours
from tests.workers.desk import DATA, Desk, lines, open_desk
from touchline import BTTS, OVER_25, RESULT
from workers.tasks import run_task


@pytest.fixture
async def desk(database: Database, database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database, database_url, redis_url) as opened:
        yield opened


async def test_a_dry_run_tells_all_and_writes_nothing(desk: Desk) -> None:
    before = await desk.world.rows()
    row = await desk.run(await desk.ask((DATA / "tracker_en.csv").read_text(), is_dry_run=True))
    assert await desk.world.rows() == before
    assert (row["status"], row["completed_count"], row["total_count"]) == ("PARTIAL", 9, 9)
    result = row["result"]
    assert result["mapping"] == {
        "placed": "Date",
        "league": "League",
        "event": "Match",
        "market": "Market",
        "selection": "Pick",
        "odds": "Odds",
        "stake": "Stake",
        "currency": "Currency",
        "result": "Result",
        "profit": "Profit/Loss",
        "bookmaker": "Bookmaker",
        "tags": "Tags",
        "notes": "Notes",
    }
    assert (result["encoding"], result["delimiter"], result["columnsLeftOut"]) == ("UTF-8", "comma", [])
    counts = ("lineCount", "recordedCount", "alreadyThereCount", "linkedCount", "pendingCount", "rejectedLineCount")
    assert [result[name] for name in counts] == [9, 7, 0, 6, 2, 2]
    assert result["totals"] == [{"currency": "EUR", "stake": "165.00", "profit": "-51.00"}]
    assert result["firstBets"][0] == {
        "line": 2,
        "placedAt": "2026-03-13T19:30:00Z",
        "stake": "10.00",
        "payout": "21.00",
        "status": "WON",
        "tags": ["singles", "home"],
        "notes": "Early team news",
        "legs": [
            {
                "description": "Arsenal v Chelsea: 1X2 Arsenal",
                "odds": "2.1",
                "result": "WON",
                "bookmaker": "Pinnacle",
                "match": "Arsenal v Chelsea",
                "market": "match_result::ft",
                "outcome": "home",
            }
        ],
    }
    [contradiction, nonsense] = row["failures"]
    assert contradiction["line"] == 9
    assert "pays 36.00 EUR" in contradiction["message"]
    assert "says 22.00 EUR" in contradiction["message"]
    assert nonsense["line"] == 10
    assert "is in USD, and the bankroll in EUR; 'abc' is not a price" in nonsense["message"]


NET = """Date,Match,Selection,Odds,Stake,Result,Payout
2026-02-01,A v B,1,2.10,10,won,20.78
2026-02-02,A v B,1,2.10,10,won,21.00
2026-02-03,A v B,1,3.00,10,won,28.00
2026-02-04,A v B,1,3.00,10,won,27.50
"""


@pytest.mark.parametrize("is_dry_run", [True, False])
async def test_payouts_net_of_a_commission_are_counted_and_recorded_as_told(desk: Desk, is_dry_run: bool) -> None:
    row = await desk.run(await desk.ask(NET, is_dry_run=is_dry_run))
    result = row["result"]
    assert (result["recordedCount"], result["netOfCommissionCount"], result["rejectedLineCount"]) == (3, 2, 1)
    [remark] = result["remarks"]
    assert remark.startswith("2 won bets came back with up to 10% of the winnings less than the odds make")
    assert result["totals"] == [{"currency": "EUR", "stake": "30.00", "profit": "39.78"}]
    [refused] = row["failures"]
    assert refused["line"] == 5
    assert "pays 30.00 EUR" in refused["message"]
    assert "says 27.50 EUR" in refused["message"]
    recorded = [(bet["status"], bet["payout"]) for bet in await desk.bets()]
    assert sorted(recorded) == ([] if is_dry_run else [("WON", 2078), ("WON", 2100), ("WON", 2800)])


async def test_a_continued_import_goes_on_counting_commissions(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "LINES", 1)
    task = await desk.ask(NET)
    async with desk.database.transaction() as session:
        connection = await connection_of(session)
        running = await tasks.begin(connection, task, machine=machine_now())
        assert running is not None
        work = await importing.Import.open(desk.database.pool, running, now=hours(0))
        await tasks.advance(connection, task, await work.take(connection, next(work.batches()), machine=machine_now()))
    assert (await desk.row(task))["result"]["netOfCommissionCount"] == 1
    assert (await desk.run(task))["result"]["netOfCommissionCount"] == 2


async def test_bets_are_recorded_with_their_matches_and_results(desk: Desk) -> None:
    row = await desk.run(await desk.ask((DATA / "tracker_en.csv").read_text()))
    assert (row["status"], row["failure_count"], row["error"]) == ("PARTIAL", 2, None)
    words = await desk.world.factory.markets(RESULT, OVER_25, BTTS)
    bets = await desk.bets()
    assert [bet["status"] for bet in bets] == ["VOID", "WON", "LOST", "WON", "HALF_LOST", "PENDING", "PENDING"]
    assert [bet["payout"] for bet in bets] == [500, 2100, 0, 1800, 5000, None, None]
    legs = [bet["legs"][0] for bet in bets]
    assert [leg["selection_id"] for leg in legs[:4]] == [
        None,
        words.selection_id(RESULT, "home"),
        words.selection_id(OVER_25, "over"),
        words.selection_id(BTTS, "yes"),
    ]
    handicap = await desk.database.pool.fetchrow(
        "select m.key, s.key from selection s join market m on m.id = s.market_id where s.id = $1",
        legs[4]["selection_id"],
    )
    assert handicap is not None
    assert tuple(handicap) == ("asian_handicap:-0.75:ft", "away")
    assert legs[1]["kickoff_at"] == hours(-16)
    assert bets[1]["settled_at"] == hours(-16) + timedelta(minutes=115)
    assert [leg["bookmaker_name"] for leg in legs] == [None, None, None, "Somewhere Else", None, None, None]
    assert [leg["bookmaker_id"] for leg in legs[1:3]] == [
        desk.world.books["pinnacle"],
        desk.world.books["corner"],
    ]
    assert legs[0]["description"] == "Hamlet v Village: Hamlet"
    assert legs[1]["description"] == "Arsenal v Chelsea: Arsenal"
    assert legs[2]["price"] == Decimal("2.1")
    sources = await desk.database.pool.fetch("select distinct source, account_id from bet")
    assert [tuple(each) for each in sources] == [("IMPORT", desk.world.ann)]
    assert await desk.world.balance(desk.bankroll) == -16500 + 500 + 2100 + 1800 + 5000


async def test_a_spanish_file_of_another_encoding_is_understood(desk: Desk) -> None:
    body = (DATA / "registro_es.csv").read_text().encode("latin-1")
    await desk.database.pool.execute("update account set time_zone = 'Europe/Madrid'")
    row = await desk.run(await desk.ask(body))
    assert row["status"] == "SUCCEEDED", row
    result = row["result"]
    assert (result["encoding"], result["delimiter"], result["decimalMark"]) == ("Latin-1", "semicolon", ",")
    assert (result["dateFormat"], result["linkedCount"]) == ("%d/%m/%Y", 2)
    assert result["totals"] == [{"currency": "EUR", "stake": "1060.50", "profit": "800.00"}]
    bets = await desk.bets()
    assert {bet["placed_at"] for bet in bets} == {datetime(2026, 3, 13, 19, 30, tzinfo=UTC)}
    assert bets[0]["legs"][0]["bookmaker_name"] == "Apuestas Ñ"
    assert bets[0]["legs"][0]["match_id"] == bets[1]["legs"][0]["match_id"] is not None


async def test_the_same_file_again_adds_nothing(desk: Desk) -> None:
    text = (DATA / "tracker_en.csv").read_text()
    await desk.run(await desk.ask(text))
    before = await desk.world.rows()
    for is_dry_run in (True, False):
        row = await desk.run(await desk.ask(text, is_dry_run=is_dry_run))
        assert (row["result"]["recordedCount"], row["result"]["alreadyThereCount"]) == (0, 7)
        assert row["result"]["totals"] == [{"currency": "EUR", "stake": "0.00", "profit": "0.00"}]
    longer = f"{text}2026-03-11,,Another v Match,,1,2.0,10,EUR,Won,10,,,\n"
    row = await desk.run(await desk.ask(longer))
    assert (row["result"]["recordedCount"], row["result"]["alreadyThereCount"]) == (1, 7)
    after = await desk.world.rows()
    assert after["bet"] == before["bet"] + 1
    other = await desk.world.open_bankroll(desk.world.ann, balance="0.00")
    assert (await desk.run(await desk.ask(text, bankroll=other)))["result"]["recordedCount"] == 7


async def test_two_meetings_within_a_day_are_none(desk: Desk) -> None:
    [spain] = await desk.database.pool.fetch("select * from match where kickoff_at = $1", hours(-16.5))
    await desk.database.pool.execute(
        """insert into match (league_id, season_id, home_team_id, away_team_id, leg, kickoff_at, is_kickoff_time_known,
               status, source, updated_at)
           select league_id, season_id, home_team_id, away_team_id, 2, kickoff_at + interval '5 hours', true,
               'SCHEDULED', 'test', updated_at from match where id = $1""",
        spain["id"],
    )
    body = (DATA / "registro_es.csv").read_text()
    assert (await desk.run(await desk.ask(body)))["result"]["linkedCount"] == 0


async def test_a_league_that_is_named_must_be_the_matches(desk: Desk) -> None:
    header = "Date,League,Home,Away,Selection,Odds,Stake"
    told = ["Premier League", "England Premier League", "", "My own words", "Segunda"]
    text = "\n".join([header, *(f"2026-03-13 20:00,{league},Arsenal,Chelsea,1,2.0,10" for league in told)])
    await desk.run(await desk.ask(text))
    found = [bet["legs"][0]["match_id"] is not None for bet in await desk.bets()]
    assert sorted(found) == [False, True, True, True, True]


@pytest.mark.parametrize(
    ("csv", "said"),
    [
        ("Date,Match,Odds,Stake\n", "no line below its header"),
        ("Date,Match,Odds,Stake\n01/02/2026,A v B,2,10\n", '{"dateFormat": "%d/%m/%Y"}'),
        ("Date,Match,Odds,Stake\n2026-02-01,A v B,2,1.000\n", '"decimalMark"'),
        ('Date,Match,Odds,Stake\n2026-02-01,"A v B,2,10\n', "quotation mark"),
        ("Date,Match,Odds,Stake\n" + "x,y,z,w\n" * 3000, "not one of its 3,000 lines is a bet"),
    ],
)
async def test_a_file_that_is_no_table_of_bets_fails_with_a_sentence(desk: Desk, csv: str, said: str) -> None:
    task = await desk.ask(csv)
    before = await desk.world.rows()
    row = await desk.run(task)
    assert (row["status"], row["stage"]) == ("FAILED", None)
    assert said in row["error"]
    assert not row["error"].startswith("input.")
    assert row["failure_count"] == (3000 if "3,000" in said else 0)
    assert await desk.world.rows() == before
    assert await desk.database.pool.fetchval("select status from job") == "DONE"


async def test_a_worker_that_dies_is_followed_by_one_that_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "LINES", 10)
    text = lines(95) + "\nbad,line,,,,\n"
    task = await desk.ask(text)
    calls = 0

    async def dies(*arguments: Any, **named: Any) -> list[int]:
        nonlocal calls
        calls += 1
        written = await record_past(*arguments, **named)
        if calls == 4:
            raise ConnectionResetError  # between its effect and its commit
        return written

    monkeypatch.setattr(importing, "record_past", dies)
    with pytest.raises(ConnectionResetError):
        await desk.run(task)
    row = await desk.row(task)
    assert (row["status"], row["completed_count"], row["result"]["recordedCount"]) == ("RUNNING", 30, 30)
    assert len(await desk.bets()) == 30
    row = await desk.run(task)
    assert (row["status"], row["completed_count"], row["failure_count"]) == ("PARTIAL", 96, 1)
    assert (row["result"]["recordedCount"], row["result"]["alreadyThereCount"]) == (95, 0)
    assert row["result"]["totals"] == [{"currency": "EUR", "stake": "950.00", "profit": "950.00"}]
    assert len(row["result"]["firstBets"]) == 10
    assert len(await desk.bets()) == 95
    before = await desk.world.rows()
    await desk.run(task)  # the message comes once more
    assert await desk.world.rows() == before
    assert (await desk.row(task))["revision"] == row["revision"]


async def test_a_message_that_comes_twice_at_once_has_one_effect(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "LINES", 10)
    task = await desk.ask(lines(60))
    await asyncio.gather(*(run_task(desk.boot, "one-job", task_id=task) for _ in range(3)))
    row = await desk.row(task)
    assert (row["status"], row["result"]["recordedCount"]) == ("SUCCEEDED", 60)
    assert len(await desk.bets()) == 60
    assert await desk.world.balance(desk.bankroll) == 60 * 1000


async def test_a_canceled_import_stops_and_says_what_it_did(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "LINES", 10)
    task = await desk.ask(lines(200))
    advance = tasks.advance

    async def cancel(*arguments: Any) -> None:
        await advance(*arguments)
        if arguments[2].completed_count == 30:
            asyncio.get_running_loop().create_task(_cancel(desk, task))

    monkeypatch.setattr(tasks, "advance", cancel)
    row = await desk.run(task)
    assert row["status"] == "CANCELED"
    assert 30 <= row["completed_count"] < 200
    assert row["result"]["recordedCount"] == row["completed_count"] == len(await desk.bets())
    assert await desk.database.pool.fetchval("select count(*) from task_file") == 0
    assert (await desk.run(task))["revision"] == row["revision"]


async def _cancel(desk: Desk, task: int) -> None:
    async with desk.database.transaction() as session:
        await tasks.cancel(await connection_of(session), desk.world.ann, task, machine=machine_now())


async def test_a_fault_of_ours_is_tried_again_and_in_the_end_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    task = await desk.ask(lines(3))

    async def broken(*arguments: Any, **named: Any) -> list[int]:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(importing, "record_past", broken)
    message = Message("job", "run_task", {"task_id": task})
    for run in range(1, 7):
        assert await jobs.begin(desk.database.pool, message)
        with pytest.raises(ZeroDivisionError):
            await run_task(desk.boot, "job", task_id=task)
        status = (await desk.row(task))["status"]
        assert status == ("RUNNING" if run < 6 else "FAILED")
    row = await desk.row(task)
    assert row["error"] == tasks.GIVEN_UP
    assert "secret" not in row["error"]
    assert await desk.database.pool.fetchval("select status from job") == "RUNNING"  # its middleware says DEAD


async def test_a_bankroll_that_is_gone_fails_the_task(desk: Desk) -> None:
    task = await desk.ask(lines(3))
    await desk.database.pool.execute("update task set arguments = arguments || '{\"bankroll_id\": 99999}'")
    row = await desk.run(task)
    assert (row["status"], row["error"]) == ("FAILED", "the bankroll is gone: please import again")


async def test_progress_is_told_after_each_batch(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "LINES", 10)
    task = await desk.ask(lines(30))
    seen: list[tuple[int, int]] = []

    class Listening:
        async def tell(self, topics: Sequence[str]) -> None:
            assert f"task:{task}" in topics
            row = await desk.row(task)
            seen.append((row["revision"], row["completed_count"]))

    await run_task(replace(desk.boot, bus=Listening()), "job", task_id=task)  # type: ignore[arg-type]
    assert [completed for _, completed in seen] == [0, 0, 10, 20, 30, 30]
    assert [revision for revision, _ in seen] == [1, 2, 3, 4, 5, 6]
