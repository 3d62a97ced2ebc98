"""A demo backed up while its prices move, brought back into an empty folder, and served from there."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.product import TOUCHLINE, Product, clean_environment, launch, running
from workers.stack.archive import Manifest, read_manifest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

POSITION = "{ status { oddsPosition } }"
COMING = """{ matches(filter: {window: NEXT_7_DAYS}, first: 20) { nodes {
  id predictions { id } bestOdds(market: MATCH_RESULT) { id } } } }"""
SAID = """query ($ids: [ID!]!, $at: DateTime!) { nodes(ids: $ids) { ... on Match {
  id kickoffAt predictions(asOf: $at) { id market { key } expectedValue confidence basis predictedAt dataCutoffAt
    inputsDigest family parameters jobId outcomes { probability } } } } }"""
SIGN_IN = """mutation { login(input: {email: "vip@demo.touchline.example", password: "a day at the match"}) {
  tokens { accessToken } user { bankrolls { nodes { name currencyCode } } } } }"""
HUSH = "hush-of-the-planted-dsn"


def command(line: str, *, urls: Mapping[str, str] | None = None, **places: object) -> subprocess.CompletedProcess[str]:
    """A command of the product that ends by itself; whatever it says, no planted password is in it.

    Capital words get their places.
    """
    _uv, _run, _touchline, *words = line.split()
    done = subprocess.run(
        [TOUCHLINE, *(str(places.get(word, word)) for word in words)],
        env=clean_environment(**(urls or {})),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert HUSH not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def well(line: str, *, urls: Mapping[str, str] | None = None, **places: object) -> str:
    """What a command says that must succeed."""
    done = command(line, urls=urls, **places)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def said(product: Product, ids: list[str], manifest: Manifest) -> list[dict[str, Any]]:
    """What the product says that its models had said when the backup was taken."""
    found: list[dict[str, Any]] = product.query(SAID, {"ids": ids, "at": manifest.taken_at})["nodes"]
    return found


def test_a_backup_of_a_living_demo_comes_back_whole() -> None:
    with running(["demo"], seconds=300) as demo:
        home = demo.data_dir.parent
        file, restored = home / "day.backup", home / "restored"
        coming = demo.until(COMING, lambda data: all(node["predictions"] for node in data["matches"]["nodes"]))
        ids = [node["id"] for node in coming["matches"]["nodes"]]
        first = demo.query(POSITION)["status"]["oddsPosition"]
        demo.until(POSITION, lambda data: data["status"]["oddsPosition"] > first)

        printed = well("uv run touchline backup FILE --data-dir FOLDER", FILE=file, FOLDER=demo.data_dir)
        manifest = read_manifest(file)
        assert f"{manifest.rows:,} rows" in printed
        demo.until(POSITION, lambda data: data["status"]["oddsPosition"] > manifest.tables["quote_change"].rows)
        before = said(demo, ids, manifest)
        visitor = demo.query(SIGN_IN)["login"]["user"]
        assert sum(len(match["predictions"]) for match in before) > len(ids)
        _hold_passwords_back(demo, home)
        assert demo.stop() == 0

        print("\n" + well("uv run touchline restore FILE --verify --data-dir FOLDER", FILE=file, FOLDER=restored))
        copy = home / "again.backup"  # of a folder where nothing runs
        well("uv run touchline backup FILE --data-dir FOLDER", FILE=copy, FOLDER=restored)
        again = read_manifest(copy)
        assert {name: again.tables[name] for name in manifest.tables} == manifest.tables
        assert manifest.tables["quote"].rows > 1000
        assert manifest.tables["prediction"].rows > 100

        up = launch(["up"], restored, seconds=300)
        try:
            assert said(up, ids, manifest) == before
            assert up.query(SIGN_IN)["login"]["user"] == visitor
            after = manifest.tables["quote_change"].rows
            up.until(POSITION, lambda data: data["status"]["oddsPosition"] > after)  # its time goes on
            assert httpx.get(up.url.replace("/graphql", "/readyz")).status_code == httpx.codes.OK
        finally:
            assert up.stop() == 0

        full = command("uv run touchline restore FILE --data-dir FOLDER", FILE=file, FOLDER=restored)
        assert (full.returncode, "is not empty" in full.stderr) == (1, True)
        _damage(file, home / "new")


def _hold_passwords_back(demo: Product, home: Path) -> None:
    """The demo's own servers, with a password that they do not ask for: it works, and nobody tells it."""
    urls = demo.run_file()
    planted = {
        "DATABASE_URL": urls["database_url"].replace("touchline@", f"touchline:{HUSH}@"),
        "REDIS_URL": urls["redis_url"],
    }
    well("uv run touchline backup FILE", urls=planted, FILE=home / "planted.backup")
    well("uv run touchline top --once", urls=planted)
    well("uv run touchline top --json", urls=planted)
    well("uv run touchline doctor --port 0 --data-dir FOLDER", urls=planted, FOLDER=home / "none")
    refused = command("uv run touchline restore FILE", urls=planted, FILE=home / "planted.backup")
    assert (refused.returncode, "Make a new database" in refused.stderr) == (1, True)


def _damage(file: Path, folder: Path) -> None:
    """A bit that turned, and an end that is missing: each is noticed, and no folder is made."""
    whole = file.read_bytes()
    for damaged in (whole[: len(whole) // 2] + b"\0\0\0\0" + whole[len(whole) // 2 + 4 :], whole[:-100]):
        file.write_bytes(damaged)
        done = command("uv run touchline restore FILE --verify --data-dir FOLDER", FILE=file, FOLDER=folder)
        assert done.returncode == 1
        assert "damaged" in done.stderr
        assert not folder.exists()
