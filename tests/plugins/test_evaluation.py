"""The walk forward and its boards, on small leagues drawn from known strengths."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.plugins.evaluation_models import Breaking, Shares
from tests.plugins.seasons import drawn_league
from touchline import Basis, OddsUse
from touchline.evaluation.baselines import Elo, closing_forecasts
from touchline.evaluation.dataset import DAY, Dataset, read_dataset
from touchline.evaluation.questions import FULL_RESULT, HALF_TIME, OVER, QUESTIONS
from touchline.evaluation.report import as_json, gap_ratio
from touchline.evaluation.rounds import rounds
from touchline.evaluation.run import CLOSING, Board, Evaluation, RowKind, evaluate, evaluated_rows
from touchline.evaluation.walk_forward import instants, walk_forward
from touchline.metrics import log_losses
from touchline.types import Model


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("leagues")
    drawn_league(folder, [2020, 2021, 2022], division="E0")
    drawn_league(folder, [2020, 2021, 2022], division="D1", seed=2)
    return read_dataset(folder)


def board_of(found: Evaluation, key: str) -> Board:
    return next(board for board in found.boards if board.question.key == key)


def without_cost(found: Evaluation) -> dict[str, object]:
    told = as_json(found)
    for row in told["rows"]:
        for name in ("fit_seconds", "predict_seconds", "peak_bytes"):
            del row[name]
    return {name: value for name, value in told.items() if name not in ("seconds", "peak_bytes")}


def test_a_walk_sees_what_was_before_each_round(dataset: Dataset) -> None:
    model = Shares()
    walked = walk_forward(model, dataset, ["E0"], [2022])
    every = rounds(dataset, "E0", [2022])
    assert sorted(walked.rows.tolist()) == evaluated_rows(dataset, ["E0"], [2022]).tolist()
    assert walked.fits == len(every) == len(model.notes)
    in_league = dataset.kickoff[dataset.history.league == dataset.leagues.index("E0")]
    assert [count for count, _, _ in model.notes] == [int((in_league < one.instant).sum()) for one in every]
    assert {leagues for _, leagues, _ in model.notes} == {1}


def test_a_reach_is_kept(dataset: Dataset) -> None:
    near, far = Shares(days=30), Shares(every_league=True, days=400)
    walk_forward(near, dataset, ["E0"], [2022])
    walk_forward(far, dataset, ["E0", "D1"], [2022])
    assert max(oldest for _, _, oldest in near.notes) <= 30
    assert 300 < max(oldest for _, _, oldest in far.notes) <= 400
    assert {leagues for _, leagues, _ in far.notes} == {2}
    assert len(far.notes) == len(list(instants(dataset, ["E0", "D1"], [2022])))
    with pytest.raises(ValueError, match="one league at a time"):
        walk_forward(Shares(), dataset, ["E0", "D1"], [2022])


def test_a_model_that_can_advance_is_fitted_once_and_goes_on_from_there(dataset: Dataset) -> None:
    model = Shares(is_growing=True, days=200)
    walked = walk_forward(model, dataset, ["E0"], [2021, 2022])
    assert len(model.notes) == 1
    assert walked.fits == len(rounds(dataset, "E0", [2021, 2022]))
    anew = walk_forward(Shares(days=5000), dataset, ["E0"], [2021, 2022])
    first = rounds(dataset, "E0", [2021])[0].instant
    begins = first - 200 * DAY
    before = (dataset.kickoff < begins) & (dataset.history.league == dataset.leagues.index("E0"))
    assert before.sum() > 0
    assert not np.array_equal(walked.probabilities[FULL_RESULT.market], anew.probabilities[FULL_RESULT.market])
    last = dataset.before(rounds(dataset, "E0", [2022])[-1].instant, "E0", since=begins)
    assert (
        walked.probabilities[FULL_RESULT.market][-1].tolist()
        == Shares().fit(last, np.random.default_rng()).row.tolist()
    )
    assert set(walked.basis[8:].tolist()) == {0}


def test_boards_compare_the_same_matches(dataset: Dataset) -> None:
    rows = evaluated_rows(dataset, ["E0", "D1"], [2021, 2022])
    told = closing_forecasts(dataset, rows)[FULL_RESULT.key].copy()
    told[:5] = np.nan
    model = Shares()
    found = evaluate(
        dataset, [model], ["E0", "D1"], [2021, 2022], outside={"elsewhere": {FULL_RESULT.key: told}}, jobs=1
    )
    board = board_of(found, "result")
    assert board.left_out == {"no forecast of elsewhere": 5}
    assert board.matches == len(rows) - 5 == found.evaluated - 5
    assert board.digest == dataset.digest_of(rows[5:])
    assert set(board.scores) == {"test.shares", "elo", "climatology", CLOSING, "elsewhere"}
    assert board.scores["elsewhere"].log_loss == pytest.approx(board.scores[CLOSING].log_loss)
    kinds = {row.key: (row.kind, row.odds_use) for row in found.rows}
    assert kinds["test.shares"] == (RowKind.MODEL, OddsUse.NONE)
    assert kinds[CLOSING] == (RowKind.MARKET, OddsUse.SAME_MATCH)
    assert {row.key: row.coverage for row in found.rows}["elsewhere"] == {FULL_RESULT.key: 1 - 5 / len(rows)}


def test_scores_are_what_the_forecasts_say(dataset: Dataset) -> None:
    found = evaluate(dataset, [Shares()], ["E0", "D1"], [2022], jobs=1)
    board = board_of(found, "result")
    rows = evaluated_rows(dataset, ["E0", "D1"], [2022])
    outcomes = 1 - np.sign(dataset.history.home_goals - dataset.history.away_goals)[rows].astype(int)
    assert board.outcomes.tolist() == outcomes.tolist()
    before = dataset.history.season < 2022
    margins = np.sign(dataset.history.home_goals - dataset.history.away_goals)[before]
    counts = np.array([(margins == side).sum() for side in (1, 0, -1)])
    shares = (counts + np.array([4.5, 2.6, 2.9])) / (before.sum() + 10)
    climatology = board.scores["climatology"]
    assert climatology.log_loss == pytest.approx(-np.log(shares[outcomes]).mean())
    closing, model = board.scores[CLOSING], board.scores["test.shares"]
    assert closing.skill_share == pytest.approx(1.0)
    assert climatology.skill_share == pytest.approx(0.0)
    assert model.from_closing is not None
    assert model.from_closing.mean == pytest.approx(model.log_loss - closing.log_loss)
    assert model.best == ""
    assert closing.best == "test.shares"
    assert gap_ratio(board, "test.shares", "climatology") == pytest.approx(
        (model.log_loss - closing.log_loss) / (climatology.log_loss - closing.log_loss)
    )
    for parts in (board.by_league, board.by_season, board.by_league_season):
        total = sum(part["elo"].matches * part["elo"].log_loss for part in parts.values())
        assert total / board.matches == pytest.approx(board.scores["elo"].log_loss)
    assert set(board.by_league_season) == {"D1 2022", "E0 2022"}


def test_a_model_that_fails_is_told_of_and_the_others_are_compared(dataset: Dataset) -> None:
    found = evaluate(dataset, [Breaking(), Shares()], ["E0"], [2021], jobs=1)
    failure = next(row.failure for row in found.rows if row.key == "test.breaking")
    assert failure.startswith("E0: ArithmeticError: it cannot count further (evaluation_models.py")
    assert "test.breaking" not in board_of(found, "result").scores
    assert "test.shares" in board_of(found, "result").scores


def test_processes_give_what_one_process_gives(dataset: Dataset) -> None:
    models: list[Model] = [Shares(), Breaking()]
    ticks: list[int] = []

    def started(count: int):  # type: ignore[no-untyped-def]
        ticks.append(-count)
        return lambda: ticks.append(1)

    alone = evaluate(dataset, models, ["E0"], [2022], jobs=1)
    together = evaluate(dataset, models, ["E0"], [2022], jobs=2, started=started)
    assert without_cost(alone) == without_cost(together)
    assert sum(ticks) == -len(rounds(dataset, "E0", [2022]))
    for one, other in zip(alone.boards, together.boards, strict=True):
        assert all(np.array_equal(one.forecasts[key], other.forecasts[key]) for key in one.forecasts)


def test_questions_without_a_number_or_a_price_have_no_row_for_it(dataset: Dataset) -> None:
    nothing = np.full(len(dataset), np.nan)
    poor = dataset.with_columns(
        {
            **dict.fromkeys(("home_corners", "away_corners", "half_time_home_goals"), nothing),
            "closing_result": np.full((len(dataset), 3), np.nan),
        }
    )
    found = evaluate(poor, [Shares()], ["E0"], [2022], jobs=1)
    assert {board.question.key for board in found.boards} == {"result", "over_2.5", "both_teams_to_score"}
    result = board_of(found, "result")
    assert CLOSING not in result.scores
    assert np.isnan(result.scores["test.shares"].skill_share)
    assert CLOSING in board_of(found, OVER.key).scores
    json.dumps(as_json(found), allow_nan=False)


def test_two_rows_of_one_name_are_refused(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match="two rows are called 'elo'"):
        evaluate(dataset, [Elo()], ["E0"], [2022], jobs=1)
    with pytest.raises(ValueError, match="no match of the league I1"):
        evaluate(dataset, [], ["I1"], [2022], jobs=1)
    with pytest.raises(ValueError, match="no match of E0 in the seasons 1999"):
        evaluate(dataset, [], ["E0"], [1999], jobs=1)


def test_the_market_says_what_its_prices_say(dataset: Dataset) -> None:
    rows = np.arange(20)
    told = closing_forecasts(dataset, rows)
    for table in told.values():
        assert table.sum(axis=1) == pytest.approx(np.ones(20))
    favourites = dataset.history.closing_result[rows].argmin(axis=1)
    assert told[FULL_RESULT.key].argmax(axis=1).tolist() == favourites.tolist()
    outcomes = HALF_TIME.truth(dataset.history)[rows]
    assert log_losses(told[HALF_TIME.key], outcomes).mean() < log_losses(told[FULL_RESULT.key], outcomes).mean()
    early = dataset.with_columns({})
    object.__setattr__(early, "result_quote", np.full(len(early), 5))
    assert np.isnan(closing_forecasts(early, rows)[FULL_RESULT.key]).all()


def test_truths_of_a_match(dataset: Dataset) -> None:
    past = dataset.before(int(dataset.kickoff[60]))
    home, away = past.home_goals, past.away_goals
    truths = {question.key: question.truth(past) for question in QUESTIONS}
    assert truths["result"].tolist() == [0 if h > a else 1 if h == a else 2 for h, a in zip(home, away, strict=True)]
    assert truths["over_2.5"].tolist() == [0 if h + a > 2 else 1 for h, a in zip(home, away, strict=True)]
    assert truths["both_teams_to_score"].tolist() == [0 if min(h, a) else 1 for h, a in zip(home, away, strict=True)]
    assert truths["corners_over_9.5"].tolist() == (1 - (past.home_corners + past.away_corners > 9)).tolist()


def test_elo_moves_by_its_formula(dataset: Dataset) -> None:
    past = dataset.before(int(dataset.kickoff[9]), "E0")
    assert len(past) >= 4
    ratings = dict.fromkeys(past.clubs, 1500.0)
    for home, away, margin in zip(past.home, past.away, past.home_goals - past.away_goals, strict=True):
        one, other = past.clubs[home], past.clubs[away]
        expected = 1 / (1 + 10 ** ((ratings[other] - ratings[one]) / 400))
        step = 10 * (1 + abs(margin)) * ((np.sign(margin) + 1) / 2 - expected)
        ratings[one] += step
        ratings[other] -= step
    fitted = Elo().fit(past, np.random.default_rng(0))
    assert fitted.ratings_of(past.clubs) == pytest.approx([ratings[club] for club in past.clubs])
    assert np.isnan(fitted.ratings_of(["E/Nobody"])[0])


def test_elo_finds_a_result_by_the_likeliest_line(dataset: Dataset) -> None:
    past = dataset.before(int(dataset.kickoff[-1]), "E0")
    fitted = Elo().fit(past, np.random.default_rng(0))
    everyone = dataset.fixtures(rounds(dataset, "E0", [2022])[-1].rows, int(dataset.kickoff[-1]), "E0")
    told = fitted.predict(everyone)
    assert told.probabilities[FULL_RESULT.market].sum(axis=1) == pytest.approx(np.ones(len(everyone)))
    assert set(told.basis) == {Basis.MODEL}
    again = Elo().restore(past, fitted.state()).predict(everyone)
    assert np.array_equal(again.probabilities[FULL_RESULT.market], told.probabilities[FULL_RESULT.market])
    strong = fitted.ratings_of([everyone.clubs[club] for club in everyone.home])
    weak = fitted.ratings_of([everyone.clubs[club] for club in everyone.away])
    order = np.argsort(strong - weak)
    assert (np.diff(told.probabilities[FULL_RESULT.market][order, 0]) >= 0).all()


def test_elo_knows_nothing_of_a_first_round(dataset: Dataset) -> None:
    first = rounds(dataset, "E0")[0]
    fitted = Elo().fit(dataset.before(first.instant, "E0"), np.random.default_rng(0))
    told = fitted.predict(dataset.fixtures(first.rows, first.instant, "E0"))
    assert set(told.basis) == {Basis.LEAGUE_PRIOR}
    assert np.ptp(told.probabilities[FULL_RESULT.market], axis=0).max() == 0


def test_forecasts_in_a_small_file(tmp_path: Path, dataset: Dataset) -> None:
    from touchline.evaluation.outside import BadForecasts, read_forecasts

    rows = evaluated_rows(dataset, ["E0"], [2022])[:3]
    lines = [dataset.match_line(row).split(",")[:5] for row in rows.tolist()]
    file = tmp_path / "told.csv"

    def write(
        *cells: str, header: str = "model,league,season,date,home,away,prob_home,prob_draw,prob_away,over25"
    ) -> None:
        file.write_text(
            "\n".join([header, *(f"m,{','.join(lines[at])},{told}" for at, told in enumerate(cells))]) + "\n"
        )

    write("0.5,0.3,0.2,0.6", ",,,0.55")
    found = read_forecasts(file, dataset, rows)["m"]
    assert found[FULL_RESULT.key][0].tolist() == [0.5, 0.3, 0.2]
    assert np.isnan(found[FULL_RESULT.key][1:]).all()
    assert found[OVER.key][:2].tolist() == pytest.approx(np.array([[0.6, 0.4], [0.55, 0.45]]))
    for cells, message in {
        "0.5,0.3,0.3,": r"told.csv:2: prob_home, prob_draw, prob_away sum to 1.1 and not to 1",
        "0.5,0.3,,": r"told.csv:2: prob_away '' is not a number",
        ",,,1.2": r"over25 '1.2' does not lie from 0 to 1",
    }.items():
        write(cells)
        with pytest.raises(BadForecasts, match=message):
            read_forecasts(file, dataset, rows)
    write("0.5,0.3,0.2,", header="model,league,season")
    with pytest.raises(BadForecasts, match="no column date, home, away"):
        read_forecasts(file, dataset, rows)
    write("0.5,0.3,0.2,")
    with pytest.raises(BadForecasts, match="nothing of the matches"):
        read_forecasts(file, dataset, rows[1:])
    file.write_text(file.read_text() + file.read_text().splitlines()[1] + "\n")
    with pytest.raises(BadForecasts, match="has told of this match before"):
        read_forecasts(file, dataset, rows)
