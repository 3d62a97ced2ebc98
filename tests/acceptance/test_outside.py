"""Two packages that nobody here wrote, installed as wheels beside the application: found, judged, and then shown.

Everything is asked over HTTP or the command line, and nothing of the application knows of them. One is enabled in the
demo; a round of a recorded season, whose matches really had cards, is played at full speed to have both graded.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.outside import OUTSIDE, Environment, wheel
from tests.acceptance.person import told
from tests.acceptance.product import Product, running

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

NAMES = ("acme_cards", "acme_forest")
CARDS = "acme.total_cards:4.5:ft"
LEAST = 5
"""Graded matches of a row; a round has ten."""
SEASONS = ("2223", "2324", "2425")
OUTCOMES = ["over", "under"]
REASON = "A round of matches and no fault."

PLUGINS = """{ plugins(first: 50) { nodes { key status statusReason isBuiltIn distribution version markets
  models { key isShadow settings settingsSchema champion { version hyperparameters } }
  marketKinds { key title outcomes lines }
  stateChanges(first: 5) { status reason changedBy }
  health { callCount failureCount lastError p95Milliseconds } } } }"""
PREDICTIONS = """query ($shadow: Boolean!) { matches(filter: {window: NEXT_7_DAYS, statuses: [SCHEDULED]}, first: 10) {
  nodes { id predictions(includeShadow: $shadow) { isServed isStale basis
    market { key kind name line status selections { key name } }
    modelVersion { model { key } } outcomes { key probability selection { name } } } } } }"""
BOARD = """query ($market: MarketKind, $key: String, $least: Int!) {
  leaderboard(market: $market, marketKey: $key, minSampleSize: $least) { matchCount leftOutModels { key }
    nodes { rank name isMarket isShadow model { key } scorecard { sampleSize logLoss } } } }"""


@pytest.fixture(scope="module")
def environment() -> Iterator[Environment]:
    with tempfile.TemporaryDirectory(prefix="touchline-outside-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # root's servers run as nobody, who must be able to pass
        made = Environment.made(folder / "environment")
        made.install(*(wheel(name, folder / "wheels") for name in NAMES))
        yield made


@pytest.fixture(scope="module")
def demo(environment: Environment) -> Iterator[Product]:
    with running(["demo"], seconds=180, program=str(environment.touchline)) as product:
        yield product


@pytest.fixture
def replay(environment: Environment, recorded: Path, tmp_path: Path) -> Iterator[Product]:
    """A round at full speed, with two seasons to learn from."""
    for season in SEASONS:
        (tmp_path / season).mkdir()
        shutil.copy(recorded / "football-data" / season / "E0.csv", tmp_path / season / "E0.csv")
    words = ["--from", str(tmp_path), "--league", "E0", "--season", SEASONS[-1], "--rounds", "1", "--speed", "max"]
    with running(["replay", *words], seconds=180, program=str(environment.touchline)) as product:
        yield product


def theirs(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Those of the plugins that are not ours, by key."""
    return {node["key"]: node for node in data["plugins"]["nodes"] if not node["isBuiltIn"]}


def predictions_of(data: dict[str, Any], model: str) -> list[dict[str, Any]]:
    return [
        one
        for match in data["matches"]["nodes"]
        for one in match["predictions"]
        if one["modelVersion"]["model"]["key"] == model
    ]


def rows_of(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Rows of a leaderboard by model."""
    return {row["model"]["key"]: row for row in data["leaderboard"]["nodes"] if not row["isMarket"]}


@pytest.mark.parametrize("name", NAMES)
def test_they_are_clean_on_their_authors_side(environment: Environment, name: str, tmp_path: Path) -> None:
    """`mypy --strict` and their own tests, which hold them to the contract, in a folder away from this checkout."""
    environment.install("pytest", "mypy")
    shutil.copytree(OUTSIDE / name, tmp_path / name)
    for words in (["mypy", "--strict", f"{name}.py"], ["pytest", "-q"]):
        done = environment.run(words, tmp_path / name)
        assert done.returncode == 0, done.stdout + done.stderr
        told(name, said=done.stdout.strip().splitlines()[-1])


def test_the_command_finds_them_by_name(environment: Environment, tmp_path: Path) -> None:
    done = environment.run(["touchline", "plugin", "test", "acme_cards"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    told("plugin test", said=done.stdout.strip().splitlines()[-1])


def test_both_are_found_and_kept_in_shadow(demo: Product, environment: Environment) -> None:
    found = theirs(demo.until(PLUGINS, lambda data: theirs(data).keys() == set(NAMES)))
    assert {node["status"] for node in found.values()} == {"SHADOW"}
    assert found["acme_cards"]["marketKinds"] == [
        {
            "key": "acme.total_cards",
            "title": "Over/Under {line} cards",
            "outcomes": ["over", "under"],
            "lines": "QUARTER",
        }
    ]
    assert found["acme_cards"]["markets"] == ["CUSTOM"]
    assert found["acme_forest"]["markets"] == ["MATCH_RESULT"]
    (cards,) = found["acme_cards"]["models"]
    assert (cards["key"], cards["isShadow"]) == ("acme.cards", True)
    assert cards["settingsSchema"]["properties"]["prior"]["minimum"] == 1.0

    servers = {"DATABASE_URL": demo.run_file()["database_url"], "REDIS_URL": demo.run_file()["redis_url"]}
    listed = environment.run(["touchline", "plugin", "list"], demo.data_dir, **servers)
    assert listed.returncode == 0, listed.stderr
    for name in NAMES:
        assert re.search(rf"{name}\b.*shadow", listed.stdout, re.IGNORECASE), listed.stdout


@pytest.mark.parametrize("shadow", [False, True])
def test_nobody_is_told_what_they_say(demo: Product, shadow: bool) -> None:
    data = demo.until(
        PREDICTIONS, lambda data: predictions_of(data, "touchline.match_result"), variables={"shadow": True}
    )
    assert not any(predictions_of(data, model) for model in ("acme.cards", "acme.forest"))
    assert "acme" not in str(demo.query(PREDICTIONS, {"shadow": shadow}))


def test_an_enabled_market_is_in_the_predictions_without_a_change_of_the_schema(
    demo: Product, environment: Environment
) -> None:
    words = ["touchline", "plugin", "enable", "acme_cards", "--reason", REASON]
    done = environment.run([*words, "--data-dir", demo.data_dir], demo.data_dir)
    assert done.returncode == 0, done.stdout + done.stderr

    variables = {"shadow": False}
    data = demo.until(PREDICTIONS, lambda data: predictions_of(data, "acme.cards"), variables=variables)
    told_of = {one["market"]["key"]: one for one in predictions_of(data, "acme.cards")}
    assert told_of.keys() == {f"acme.total_cards:{line}:ft" for line in (3.5, 4.5, 5.5)}
    one = told_of[CARDS]
    assert (one["isServed"], one["isStale"], one["basis"]) == (True, False, "MODEL")
    assert (one["market"]["kind"], one["market"]["name"]) == ("CUSTOM", "Over/Under 4.5 cards")
    assert [outcome["key"] for outcome in one["outcomes"]] == OUTCOMES
    assert sum(outcome["probability"] for outcome in one["outcomes"]) == pytest.approx(1, abs=1e-9)
    assert not predictions_of(data, "acme.forest"), "the other one is in shadow still"

    node = theirs(demo.query(PLUGINS))["acme_cards"]
    assert (node["status"], node["statusReason"]) == ("ENABLED", REASON)
    assert [change["status"] for change in node["stateChanges"]] == ["ENABLED", "SHADOW"]
    assert [change["changedBy"] for change in node["stateChanges"]] == ["OPERATOR", "PLATFORM"]


def test_a_setting_is_changed_without_code_and_kept_with_the_run(demo: Product, environment: Environment) -> None:
    words = ["touchline", "plugin", "set", "acme.cards", "prior=20", "--reason", "Fewer matches should do."]
    done = environment.run([*words, "--data-dir", demo.data_dir], demo.data_dir)
    assert done.returncode == 0, done.stdout + done.stderr

    def is_run(data: dict[str, Any]) -> bool:
        (cards,) = theirs(data)["acme_cards"]["models"]
        return {cards["settings"]["prior"], cards["champion"]["hyperparameters"]["prior"]} == {20.0}

    demo.until(PLUGINS, is_run)
    done = environment.run([*words[:4], "prior=0", *words[5:], "--data-dir", demo.data_dir], demo.data_dir)
    assert done.returncode != 0
    assert "prior" in done.stderr
    assert "at least 1" in done.stderr


def test_nothing_of_ours_suffered(demo: Product) -> None:
    data = demo.query(PLUGINS)
    ours = [node for node in data["plugins"]["nodes"] if node["isBuiltIn"]]
    assert {node["status"] for node in ours} == {"ENABLED"}
    assert sum(node["health"]["failureCount"] for node in ours) == 0
    status = demo.query("{ status { level queues { name deadLastHour } } }")["status"]
    assert {queue["deadLastHour"] for queue in status["queues"]} == {0}


def test_both_are_graded_and_stand_on_the_leaderboard_as_shadow(replay: Product) -> None:
    def has(model: str) -> Callable[[dict[str, Any]], bool]:
        return lambda data: model in rows_of(data) and rows_of(data)[model]["scorecard"]["sampleSize"] >= LEAST

    variables = {"market": "MATCH_RESULT", "key": None, "least": LEAST}
    board = replay.until(BOARD, has("acme.forest"), seconds=300, variables=variables)
    forest, ours = rows_of(board)["acme.forest"], rows_of(board)["touchline.match_result"]
    assert (forest["isShadow"], ours["isShadow"]) == (True, False)
    assert forest["scorecard"]["sampleSize"] == ours["scorecard"]["sampleSize"], "judged on the same matches"

    variables = {"market": None, "key": CARDS, "least": LEAST}
    board = replay.until(BOARD, has("acme.cards"), seconds=60, variables=variables)
    cards = rows_of(board)["acme.cards"]
    assert cards["isShadow"] is True
    for row in (forest, cards):
        assert 0.2 < row["scorecard"]["logLoss"] < 2
    told("graded", forest=forest["scorecard"], ours=ours["scorecard"], cards=cards["scorecard"])

    for node in theirs(replay.query(PLUGINS)).values():
        assert node["health"]["callCount"] >= LEAST, node
        assert node["health"]["failureCount"] == 0, node
        assert node["health"]["p95Milliseconds"] > 0, node
