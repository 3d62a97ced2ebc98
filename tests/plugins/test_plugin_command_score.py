"""`touchline plugin score`: the card on a league whose truth is known, for any market, and on files."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from tests.plugins.seasons import drawn_league
from touchline import (
    RESULT,
    Basis,
    Facts,
    Fitted,
    Fixtures,
    Forecasts,
    History,
    Kind,
    Lines,
    Market,
    MarketKey,
    Model,
    Predictor,
    State,
    Verdict,
    settle_total,
    total_of,
)
from touchline.cli import main
from touchline.command.cards import show
from touchline.command.score import Plugins, on_simulated
from touchline.dixon_coles import GoalModel
from touchline.evaluation.scorecard import Card, Scored, as_json

CARDS = MarketKey.parse("acme.cards:4.5")
GOALS_35 = MarketKey(Kind.TOTAL_GOALS, 3.5)


@dataclass(frozen=True)
class Cards:
    """Over or under a number of cards."""

    key: str = "acme.cards"
    title: str = "Over/Under {line} cards"
    outcomes: tuple[str, ...] = ("over", "under")
    lines: Lines = Lines.WHOLE

    def settle(self, market: MarketKey, outcome: str, facts: Facts) -> Verdict:
        return settle_total(market, outcome, total_of(facts, "yellow_cards", "red_cards"), "card")


@dataclass(frozen=True)
class TwoWinners(Cards):
    """A rule by which both sides win."""

    def settle(self, market: MarketKey, outcome: str, facts: Facts) -> Verdict:
        return Verdict("WON", f"{total_of(facts, 'goals')} goals")


class Failing:
    """A model that raises when it is fitted."""

    key, version, markets = "acme.failing", "1", (RESULT,)

    def fit(self, history: History, rng: np.random.Generator) -> Fitted:
        raise RuntimeError("no data")

    def restore(self, history: History, state: State) -> Fitted:
        raise RuntimeError("no data")


def even(*markets: MarketKey, key: str = "acme.even") -> Model:
    """Every outcome of every market as likely as the others."""

    def predict(fixtures: Fixtures) -> Forecasts:
        shares = {market: 3 if market == RESULT else 2 for market in markets}
        told = {market: np.full((len(fixtures), outcomes), 1 / outcomes) for market, outcomes in shares.items()}
        return Forecasts(told, [Basis.LEAGUE_PRIOR] * len(fixtures))

    return Predictor(key, "1", markets, predict)


def scored(*models: Model, markets: tuple[Market, ...] = (), seed: int = 1) -> Scored:
    """The last season of two of a league of eight clubs: 56 matches."""
    plugins = Plugins(("",), models, {market.key: market for market in markets})
    return on_simulated(plugins, seed, lambda _: lambda: None, seasons=2, scored=1, clubs=8)


def printed(found: Scored, *own: str) -> str:
    screen = Console(file=io.StringIO(), width=200)
    show(screen, found, own, 1)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def skills(card: Card) -> dict[str, float]:
    return {line.key: line.skill for line in card.lines}


@pytest.fixture(scope="module")
def result() -> Scored:
    return scored(GoalModel("acme.goals", (RESULT, GOALS_35)), even(RESULT))


def test_the_truth_is_the_ceiling_and_the_base_rates_are_the_floor(result: Scored) -> None:
    card = result.cards[0]
    assert [line.key for line in card.lines][:2] == ["truth", "closing"]
    told = skills(card)
    assert (told["truth"], told["climatology"]) == (1.0, 0.0)
    assert set(told) == {"truth", "closing", "acme.goals", "dixon_coles", "elo", "climatology", "acme.even"}
    assert all(skill < 1 for key, skill in told.items() if key != "truth")
    assert told["acme.even"] < 0 < told["acme.goals"]
    assert told["acme.goals"] == told["dixon_coles"]


def test_the_expected_loss_above_the_truth_is_never_negative(result: Scored) -> None:
    for card in result.cards:
        for line in card.lines:
            assert (line.from_truth is None) == (line.key == "truth")
            assert line.from_truth is None or line.from_truth.mean > 0


def test_each_market_has_a_card_with_those_who_answer_it(result: Scored) -> None:
    assert [card.board.question.title for card in result.cards] == ["Match result", "Total goals 3.5"]
    assert set(skills(result.cards[1])) == {"truth", "acme.goals", "dixon_coles", "climatology"}
    assert all(card.board.matches == 56 for card in result.cards)


def test_the_table_the_diagram_and_the_words(result: Scored) -> None:
    text = printed(result, "acme.goals", "acme.even")
    assert "Match result: 56 matches" in text
    for word in (
        "truth (ceiling)",
        "log loss",
        "RPS",
        "Brier",
        "slope",
        "error",
        "skill %",
        f"to {result.cards[0].baseline}",
        "±",
    ):
        assert word in text
    assert "acme.goals: ● came true, │ told" in text
    assert text.count("●") > 5
    assert "% of the way from the base rates to the truth; against" in text
    assert "Simulated, not football" in text
    assert "56 matches in " in text


def test_what_is_against_the_best_baseline_is_paired(result: Scored) -> None:
    card = result.cards[0]
    best = min((line for line in card.lines if line.role == "baseline"), key=lambda line: line.score.log_loss)
    assert best.key == card.baseline
    assert best.from_baseline is None
    for line in card.lines:
        if line.from_baseline is not None:
            assert line.from_baseline.mean == pytest.approx(line.score.log_loss - best.score.log_loss)
            assert line.from_baseline.count == 56


def test_a_plugin_s_own_market_is_settled_by_its_own_rule() -> None:
    found = scored(even(CARDS), markets=(Cards(),))
    (card,) = found.cards
    assert card.board.question.title == "Over/Under 4.5 cards"
    assert set(skills(card)) == {"truth", "climatology", "acme.even"}
    assert card.lines[0].key == "truth"
    # Cards are Poisson in the simulator, about 4.2 a match: P(5 or more) is about 0.41.
    assert card.board.forecasts["truth"][:, 0].mean() == pytest.approx(0.41, abs=0.03)


def test_a_match_whose_stakes_come_back_is_left_out() -> None:
    (card,) = scored(even(MarketKey.parse("acme.cards:4")), markets=(Cards(),)).cards
    assert card.board.left_out["the source has no number"] == 56 - card.board.matches > 0
    assert card.board.forecasts["truth"].sum(axis=1) == pytest.approx(1.0)


def test_what_cannot_be_scored_is_told() -> None:
    found = scored(even(RESULT, MarketKey.parse("acme.cards:4.25")), markets=(Cards(),))
    assert found.not_asked == (
        "acme.cards:4.25:ft is not scored: at a quarter line a stake is split, and no outcome simply wins.",
    )
    with pytest.raises(ValueError, match="it settles over WON, under WON; one outcome must win"):
        scored(even(CARDS), markets=(TwoWinners(),))


def test_a_model_that_fails_is_told_and_the_others_are_scored() -> None:
    found = scored(Failing(), even(RESULT))
    assert "acme.even" in skills(found.cards[0])
    assert "acme.failing is not scored: testland-premier: RuntimeError: no data" in printed(found, "acme.failing")


def test_the_wrong_number_of_outcomes_is_the_model_s_failure() -> None:
    def predict(fixtures: Fixtures) -> Forecasts:
        return Forecasts({CARDS: np.full((len(fixtures), 3), 1 / 3)}, [Basis.MODEL] * len(fixtures))

    found = scored(Predictor("acme.three", "1", (CARDS,), predict), markets=(Cards(),))
    (row,) = [row for row in found.evaluation.rows if row.key == "acme.three"]
    assert "must have the shape (4, 2)" in row.failure


def test_the_same_seed_gives_the_same_figures() -> None:
    first, again, other = (as_json(scored(even(RESULT), seed=seed)) for seed in (1, 1, 2))

    def losses(told: dict[str, dict[str, list[dict[str, float]]]]) -> list[float]:
        return [row["log_loss"] for row in told["result"]["rows"]]

    assert losses(first) == losses(again) != losses(other)


def test_figures_are_plain_json(result: Scored) -> None:
    told = json.loads(json.dumps(as_json(result), allow_nan=False))
    rows = {row["key"]: row for row in told["result"]["rows"]}
    assert rows["truth"]["role"] == "truth"
    assert rows["acme.goals"]["skill"] == pytest.approx(skills(result.cards[0])["acme.goals"])
    assert rows["acme.goals"]["from_truth"]["mean"] > 0
    assert math.isfinite(rows["acme.goals"]["seconds"])
    assert told["total_goals_3.5"]["market"] == "total_goals:3.5:ft"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["plugin", "score", *map(str, arguments)])


def test_on_files_the_closing_price_is_the_best(tmp_path: Path) -> None:
    drawn_league(tmp_path, [2021, 2022], clubs=6, division="E0")
    figures = tmp_path / "told.json"
    asked = ("--from", tmp_path, "--leagues", "E0", "--seasons", "2022")
    done = run("match_result", *asked, "--json", figures, "--plots", tmp_path / "plots")
    assert done.exit_code == 0, done.output
    assert "Match result: 30 matches" in done.output
    assert "Simulated" not in done.output
    assert "of the way from the base rates to the closing price" in done.output
    told = json.loads(figures.read_text())
    assert told["is_simulated"] is False
    rows = {row["key"]: row for row in told["scorecard"]["result"]["rows"]}
    assert set(rows) == {"touchline.match_result", "dixon_coles", "elo", "climatology", "closing"}
    assert rows["closing"]["skill"] == 1.0
    assert rows["elo"]["from_truth"] is None
    (plot,) = (tmp_path / "plots").iterdir()
    assert plot.name == "calibration_result.svg"
    assert "touchline.match_result" in plot.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--seasons", "2022"), 2, "--leagues and --seasons choose among files: name their folder with --from."),
        (("--from", "."), 2, "--from needs both --leagues and --seasons"),
        (("--from", ".", "--leagues", "E0", "--seasons", "2022"), 2, "no match files for leagues E0"),
    ],
)
def test_what_does_not_go_together_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("match_result", *arguments)
    assert done.exit_code == code
    assert sentence in " ".join(done.output.split())


def test_a_plugin_without_a_model_has_nothing_to_score() -> None:
    done = run("value")
    assert done.exit_code == 1
    assert "value has no model: nothing can be scored." in done.output
