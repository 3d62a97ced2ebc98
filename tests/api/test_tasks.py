"""Jobs through the graph: asked for, followed, canceled, fetched; and nobody else's."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from api.nodes import global_id, key_of
from domain.bets.importing.reading import MOST_BYTES
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.infra.settings import read_settings
from domain.tasks import service as tasks
from tests.api.betting import Bettor, betting
from tests.api.client import Client
from tests.bettors import make_bankroll
from tests.people import open_desk, person, signed_in
from tests.serving import Api, serving, socket
from touchline.plugins import Registry
from workers.boot import Boot, booted
from workers.tasks import run_task

CSV = "Date,Match,Selection,Odds,Stake,Result\n2026-03-01,A v B,1,2.10,10,won\n2026-03-01,A v B,2,none,10,won\n"
JOB = """id kind status progress stage completedCount totalCount failureCount failures { line message } result
    etaSeconds error downloadUrl createdAt startedAt finishedAt"""
ERRORS = "errors { __typename ... on UserError { code path message } }"
IMPORT = f"mutation($input: ImportBetsInput!) {{ importBets(input: $input) {{ job {{ {JOB} }} {ERRORS} }} }}"
EXPORT = f"mutation($input: ExportDataInput!) {{ exportData(input: $input) {{ job {{ {JOB} }} {ERRORS} }} }}"
CANCEL = f"mutation($input: CancelJobInput!) {{ cancelJob(input: $input) {{ job {{ {JOB} }} {ERRORS} }} }}"
FOLLOW = "subscription($id: ID!) { jobProgressed(id: $id) { status completedCount progress } }"


@pytest.fixture
async def ann(client: Client) -> AsyncIterator[Bettor]:
    async with betting(client.app) as bettor:
        yield bettor


@pytest.fixture
async def bob(client: Client) -> AsyncIterator[Bettor]:
    async with betting(client.app, "bob@example.com") as bettor:
        yield bettor


@pytest.fixture
async def bankroll(database: Database, ann: Bettor) -> str:
    return global_id("Bankroll", await make_bankroll(database.pool, ann.account))


@pytest.fixture
async def boot(database_url: str, redis_url: str, client: Client) -> AsyncIterator[Boot]:
    async with booted(read_settings(database_url=database_url, redis_url=redis_url), Registry) as opened:
        yield opened


async def run(boot: Boot, job: str) -> None:
    """Let a worker do a job."""
    key = key_of("Job", job)
    assert key is not None
    await run_task(boot, f"job-{key}", task_id=key)


async def job_of(bettor: Client, job: str) -> Any:
    return (await bettor.data(f"query($id: ID!) {{ job(id: $id) {{ {JOB} }} }}", id=job))["job"]


async def wanted(bettor: Client, **given: Any) -> Any:
    """The payload of importBets."""
    return (await bettor.data(IMPORT, input=given))["importBets"]


async def test_an_import_is_asked_for_and_looked_at(ann: Bettor, bankroll: str, boot: Boot, database: Database) -> None:
    payload = await wanted(ann, bankrollId=bankroll, csv=CSV)
    assert payload["errors"] == []
    job = payload["job"]
    assert (job["kind"], job["status"], job["progress"], job["totalCount"]) == ("IMPORT", "QUEUED", 0.0, None)
    await run(boot, job["id"])
    done = await job_of(ann, job["id"])
    assert (done["status"], done["progress"], done["completedCount"], done["totalCount"]) == ("PARTIAL", 1.0, 2, 2)
    assert (done["failureCount"], done["stage"], done["etaSeconds"], done["downloadUrl"]) == (1, None, None, None)
    assert done["failures"] == [{"line": 3, "message": "'none' is not a price; write for example 2.10, 11/10 or +110"}]
    assert done["result"]["recordedCount"] == 1
    assert done["createdAt"] <= done["startedAt"] <= done["finishedAt"]
    bets = "{ viewer { bets { nodes { status profit { amount } source legs { description } } } } }"
    assert (await ann.data(bets))["viewer"]["bets"]["nodes"] == [
        {
            "status": "WON",
            "profit": {"amount": "11.00"},
            "source": "IMPORT",
            "legs": [{"description": "A v B: 1"}],
        }
    ]
    assert (
        await database.pool.fetchval("select action from audit_entry where action like '%import'") == "bankroll.import"
    )


async def test_a_dry_run_with_a_mapping_and_bytes_of_another_encoding(
    ann: Bettor, bankroll: str, boot: Boot, database: Database
) -> None:
    body = "Día;Qué;Cuánto;A cuánto\n01/02/2026;Málaga gana;10;2,5\n".encode("latin-1")
    url = "data:text/csv;base64," + b64encode(body).decode()
    mapping = {
        "placed": "dia",
        "description": "Qué",
        "stake": "Cuánto",
        "odds": "A cuánto",
        "dateFormat": "%d/%m/%Y",
    }
    job = (await wanted(ann, bankrollId=bankroll, csv=url, mapping=mapping, isDryRun=True))["job"]
    await run(boot, job["id"])
    done = await job_of(ann, job["id"])
    assert done["status"] == "SUCCEEDED", done
    assert (done["result"]["encoding"], done["result"]["isDryRun"]) == ("Latin-1", True)
    assert done["result"]["firstBets"][0]["legs"][0]["description"] == "Málaga gana"
    assert done["result"]["firstBets"][0]["status"] == "PENDING"
    assert await database.pool.fetchval("select count(*) from bet") == 0


@pytest.mark.parametrize(
    ("given", "code", "path", "said"),
    [
        ({"csv": ""}, "INVALID", ["input", "csv"], "is empty"),
        ({"csv": "a\nb\n"}, "INVALID", ["input", "csv"], "one column"),
        ({"csv": "PK\u0003\u0004"}, "INVALID", ["input", "csv"], "workbook"),
        ({"csv": "a,b\n1,2\n"}, "INVALID", ["input", "csv"], "first line must name the columns"),
        ({"csv": "x" * (MOST_BYTES + 1)}, "INVALID", ["input", "csv"], "5,242,880"),
        ({"csv": "Date,Odds,Match\n"}, "INVALID", ["input", "mapping", "stake"], "the stake"),
        ({"mapping": {"odd": "Odds"}}, "INVALID", ["input", "mapping", "odd"], "not known"),
        ({"mapping": [1]}, "INVALID", ["input", "mapping"], "object"),
        ({"bankrollId": "nonsense"}, "NOT_FOUND", ["input", "bankrollId"], "no such bankroll"),
        ({"bankrollId": global_id("Bankroll", 99999)}, "NOT_FOUND", ["input", "bankrollId"], "no such bankroll"),
    ],
)
async def test_what_cannot_be_imported_is_refused_at_once(
    ann: Bettor, bankroll: str, database: Database, given: dict[str, Any], code: str, path: list[str], said: str
) -> None:
    payload = await wanted(ann, **({"bankrollId": bankroll, "csv": CSV} | given))
    [error] = payload["errors"]
    assert payload["job"] is None
    assert (error["code"], error["path"]) == (code, path)
    assert said in error["message"]
    assert await database.pool.fetchval("select count(*) from task") == 0
    assert await database.pool.fetchval("select count(*) from outbox where job = 'run_task'") == 0


async def test_nobody_elses_bankroll_job_or_file_is_seen(
    ann: Bettor, bob: Bettor, client: Client, bankroll: str, boot: Boot
) -> None:
    [error] = (await wanted(bob, bankrollId=bankroll, csv=CSV))["errors"]
    assert error["__typename"] == "NotFoundError"
    job = (await wanted(ann, bankrollId=bankroll, csv=CSV))["job"]["id"]
    assert await job_of(bob, job) is None
    assert (await bob.data("query($id: ID!) { node(id: $id) { id } }", id=job))["node"] is None
    assert (await ann.data("query($id: ID!) { node(id: $id) { id } }", id=job))["node"] == {"id": job}
    assert (await client.data("query($id: ID!) { node(id: $id) { id } }", id=job))["node"] is None
    [error] = (await bob.data(CANCEL, input={"id": job}))["cancelJob"]["errors"]
    assert (error["code"], error["path"]) == ("NOT_FOUND", ["input", "id"])
    assert (await job_of(ann, job))["status"] == "QUEUED"
    listed = "{ viewer { jobs { totalCount nodes { id } } } }"
    assert (await ann.data(listed))["viewer"]["jobs"] == {"totalCount": 1, "nodes": [{"id": job}]}
    assert (await bob.data(listed))["viewer"]["jobs"] == {"totalCount": 0, "nodes": []}
    for query, given in ((IMPORT, {"bankrollId": bankroll, "csv": CSV}), (CANCEL, {"id": job})):
        answer = await client.ask(query, {"input": given})
        assert answer.errors[0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_three_unfinished_jobs_are_enough(ann: Bettor, bankroll: str) -> None:
    jobs = [(await wanted(ann, bankrollId=bankroll, csv=CSV))["job"]["id"] for _ in range(3)]
    [error] = (await wanted(ann, bankrollId=bankroll, csv=CSV))["errors"]
    assert (error["code"], error["path"]) == ("INVALID", ["input"])
    canceled = (await ann.data(CANCEL, input={"id": jobs[0]}))["cancelJob"]
    assert canceled["errors"] == []
    assert (canceled["job"]["status"], canceled["job"]["finishedAt"] is None) == ("CANCELED", False)
    assert (await wanted(ann, bankrollId=bankroll, csv=CSV))["errors"] == []


async def test_a_job_that_has_ended_is_not_canceled(ann: Bettor, bankroll: str, boot: Boot) -> None:
    job = (await wanted(ann, bankrollId=bankroll, csv=CSV))["job"]["id"]
    await run(boot, job)
    payload = (await ann.data(CANCEL, input={"id": job}))["cancelJob"]
    assert payload["job"] is None
    assert payload["errors"][0]["__typename"] == "ConflictError"


async def test_jobs_are_listed_newest_first_in_pages(ann: Bettor, bankroll: str) -> None:
    jobs = [(await wanted(ann, bankrollId=bankroll, csv=CSV))["job"]["id"] for _ in range(3)]
    query = """query($after: String) { viewer { jobs(first: 2, after: $after) { totalCount nodes { id downloadUrl }
        pageInfo { hasNextPage endCursor } } } }"""
    first = (await ann.data(query))["viewer"]["jobs"]
    assert [each["id"] for each in first["nodes"]] == [jobs[2], jobs[1]]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
    second = (await ann.data(query, after=first["pageInfo"]["endCursor"]))["viewer"]["jobs"]
    assert [each["id"] for each in second["nodes"]] == [jobs[0]]


async def test_what_is_left_is_estimated_from_what_was_done(ann: Bettor, bankroll: str, database: Database) -> None:
    job = (await wanted(ann, bankrollId=bankroll, csv=CSV))["job"]["id"]
    await database.pool.execute(
        """update task set status = 'RUNNING', stage = 'Recording bets', completed_count = 25, total_count = 100,
           started_at = now() - interval '10 seconds'"""
    )
    shown = await job_of(ann, job)
    assert (shown["progress"], shown["stage"]) == (0.25, "Recording bets")
    assert 30 <= shown["etaSeconds"] < 60


async def test_an_export_is_fetched_by_its_signed_address(
    ann: Bettor, client: Client, bankroll: str, boot: Boot
) -> None:
    await run(boot, (await wanted(ann, bankrollId=bankroll, csv=CSV))["job"]["id"])
    payload = (await ann.data(EXPORT, input={"dataset": "BETS", "format": "CSV"}))["exportData"]
    assert (payload["errors"], payload["job"]["downloadUrl"]) == ([], None)
    await run(boot, payload["job"]["id"])
    done = await job_of(ann, payload["job"]["id"])
    assert (done["kind"], done["status"], done["result"]["rowCount"]) == ("EXPORT", "SUCCEEDED", 1)
    response = await client.http.get(done["downloadUrl"])
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == f'attachment; filename="{done["result"]["fileName"]}"'
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert int(response.headers["content-length"]) == len(response.content)
    assert response.text.splitlines()[1].split(",")[8] == "A v B: 1"
    expires = int(parse_qs(urlsplit(done["downloadUrl"]).query)["expires"][0])
    assert abs(expires - (machine_now() + timedelta(hours=24)).timestamp()) < 60


async def test_an_address_that_was_not_given_out_is_no_file(
    ann: Bettor, client: Client, boot: Boot, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = (await ann.data(EXPORT, input={"dataset": "BETS", "format": "JSONL"}))["exportData"]["job"]["id"]
    await run(boot, job)
    url = (await job_of(ann, job))["downloadUrl"]
    assert (await client.http.get(url)).status_code == 200
    path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
    expires, signature = query["expires"][0], query["signature"][0]
    other = global_id("Job", (key_of("Job", job) or 0) + 1)
    wrong = [
        f"{path}?expires={int(expires) + 1}&signature={signature}",
        f"{path}?expires={expires}&signature={signature[:-1]}",
        f"{path}?expires={expires}&signature=%C3%A9",
        f"{path}?expires={expires}",
        f"{path}?signature={signature}",
        path,
        f"{path}?expires=soon&signature={signature}",
        f"{path}?expires={'9' * 400}&signature={signature}",
        f"/files/{other}?expires={expires}&signature={signature}",
        f"/files/nonsense?expires={expires}&signature={signature}",
    ]
    for address in wrong:
        response = await client.http.get(address)
        assert response.status_code == 404, address
        assert response.headers["cache-control"] == "no-store"
    later = machine_now() + timedelta(hours=24, seconds=1)
    with monkeypatch.context() as patch:
        patch.setattr("api.files.machine_now", lambda: later)
        assert (await client.http.get(url)).status_code == 404
    await database.pool.execute("delete from task_file")
    assert (await client.http.get(url)).status_code == 404
    assert (await job_of(ann, job))["downloadUrl"] is None


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"dataset": "ACCOUNT", "format": "CSV"}, ["input", "format"]),
        ({"dataset": "ACCOUNT", "format": "JSONL", "during": {"from": "2026-01-01T00:00:00Z"}}, ["input", "during"]),
        (
            {
                "dataset": "BETS",
                "format": "CSV",
                "during": {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
            },
            ["input", "during"],
        ),
    ],
)
async def test_an_export_that_cannot_be_is_refused(ann: Bettor, given: dict[str, Any], path: list[str]) -> None:
    payload = (await ann.data(EXPORT, input=given))["exportData"]
    assert payload["job"] is None
    assert (payload["errors"][0]["code"], payload["errors"][0]["path"]) == ("INVALID", path)


async def test_everything_about_oneself_is_fetched(ann: Bettor, client: Client, boot: Boot) -> None:
    job = (await ann.data(EXPORT, input={"dataset": "ACCOUNT", "format": "JSONL"}))["exportData"]["job"]["id"]
    await run(boot, job)
    response = await client.http.get((await job_of(ann, job))["downloadUrl"])
    told = [orjson.loads(line) for line in response.text.splitlines()]
    [account] = [each["row"] for each in told if each["table"] == "account"]
    assert account["email"] == "ann@example.com"
    assert "password_hash" not in account
    actions = [each["row"]["action"] for each in told if each["table"] == "audit_entry"]
    assert "account.export" in actions


async def _signed_in(api: Api, database: Database, redis_url: str, email: str) -> tuple[int, str]:
    async with open_desk(database, redis_url) as desk:
        account = await person(desk, email)
        return account, (await signed_in(desk, account)).access_token


async def _task(database: Database, account: int) -> tuple[int, str]:
    async with database.transaction() as session:
        key = await tasks.create(
            await connection_of(session), account, tasks.Kind.IMPORT, {}, b"", machine=machine_now()
        )
    return key, global_id("Job", key)


async def _advance(api: Api, database: Database, key: int, completed: int) -> None:
    async with database.transaction() as session:
        connection = await connection_of(session)
        if completed == 0:
            await tasks.begin(connection, key, machine=machine_now())
            await tasks.enter(connection, key, "Recording bets", total=10)
        elif completed < 10:
            await tasks.advance(connection, key, tasks.Step(completed))
        else:
            await tasks.finish(connection, key, {}, machine=machine_now())
    await api.state.doors.redis.publish("touchline:news", f"task:{key}")


async def test_a_job_is_followed_to_its_end(database: Database, database_url: str, redis_url: str) -> None:
    async with serving(database_url, redis_url) as api:
        account, token = await _signed_in(api, database, redis_url, "ann@example.com")
        key, job = await _task(database, account)
        async with socket(api.port, token=token) as ear:
            name = await ear.subscribe(FOLLOW, {"id": job})
            assert await ear.event("jobProgressed") == {"status": "QUEUED", "completedCount": 0, "progress": 0.0}
            for completed, progress in ((0, 0.0), (4, 0.4), (8, 0.8)):
                await _advance(api, database, key, completed)
                event = await ear.event("jobProgressed")
                assert event == {"status": "RUNNING", "completedCount": completed, "progress": progress}
            await _advance(api, database, key, 10)
            event = await ear.event("jobProgressed")
            assert event == {"status": "SUCCEEDED", "completedCount": 8, "progress": 1.0}
            assert await ear.receive() == {"id": name, "type": "complete"}


async def test_a_job_that_has_ended_is_told_once(database: Database, database_url: str, redis_url: str) -> None:
    async with serving(database_url, redis_url) as api:
        account, token = await _signed_in(api, database, redis_url, "ann@example.com")
        key, job = await _task(database, account)
        async with database.transaction() as session:
            await tasks.cancel(await connection_of(session), account, key, machine=machine_now())
        async with socket(api.port, token=token) as ear:
            name = await ear.subscribe(FOLLOW, {"id": job})
            assert (await ear.event("jobProgressed"))["status"] == "CANCELED"
            assert await ear.receive() == {"id": name, "type": "complete"}


async def test_nobody_elses_job_is_followed(database: Database, database_url: str, redis_url: str) -> None:
    async with serving(database_url, redis_url) as api:
        account, _ = await _signed_in(api, database, redis_url, "ann@example.com")
        _, token = await _signed_in(api, database, redis_url, "bob@example.com")
        _, job = await _task(database, account)
        for who, code in ((token, "NOT_FOUND"), (None, "UNAUTHENTICATED")):
            async with socket(api.port, token=who) as ear:
                await ear.subscribe(FOLLOW, {"id": job})
                message = await ear.receive()
                errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
                assert errors[0]["extensions"]["code"] == code
