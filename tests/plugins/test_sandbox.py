"""The child process: same numbers as without it, and every way of misbehaving ends in one sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.plugins.histories import drawn, empty, every_pairing, fixtures
from tests.plugins.whole_plugin import CARDS, CARDS_45, Shares, TotalCards
from touchline import RESULT, BetResult, Facts, Fixtures, Forecasts, History, Lines, MarketKey, wire
from touchline.outputs import Fault, PluginError
from touchline.sandbox import (
    FitResult,
    Limits,
    PredictResult,
    Settled,
    run_fit,
    run_fit_and_predict,
    run_predict,
    run_settle,
)
from touchline.settings import configured, settings_of
from touchline_markets import corners, match_result

BAD = Path(__file__).parent / "bad"
ENTRY, KEY = "touchline_markets.match_result", "touchline.match_result"


@pytest.fixture(autouse=True)
def _bad_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BAD))


@pytest.fixture(scope="module")
def past() -> History:
    return drawn(np.random.default_rng(1), clubs=8)[0]


@pytest.fixture(scope="module")
def coming(past: History) -> Fixtures:
    return every_pairing(past)


def both(way: str, **limits: Any) -> tuple[FitResult, PredictResult]:
    history = empty()
    coming = fixtures(history, [0, 1], [1, 2])
    return run_fit_and_predict("unruly", f"bad.{way}", history, coming, limits=Limits(**{"seconds": 20.0, **limits}))


def failure(way: str, **limits: Any) -> PluginError:
    with pytest.raises(PluginError) as caught:
        both(way, **limits)
    return caught.value


def test_a_child_computes_what_we_would(past: History, coming: Fixtures) -> None:
    (model,) = match_result.models()
    fitted = model.fit(past, np.random.default_rng(0))
    result, predicted = run_fit_and_predict(ENTRY, KEY, past, coming, markets=(RESULT,))
    assert result.state.keys() == fitted.state().keys()
    np.testing.assert_allclose(result.state["attack"], fitted.state()["attack"], atol=1e-12)
    ours = fitted.predict(coming)
    np.testing.assert_allclose(predicted.forecasts.probabilities[RESULT], ours.probabilities[RESULT], atol=1e-12)
    assert list(predicted.forecasts.basis) == list(ours.basis)
    assert predicted.forecasts.family == "score_grid"
    assert (result.version, dict(result.settings)) == ("1", settings_of(model))
    assert 0 < result.seconds < 20
    assert 0 < predicted.milliseconds < 20_000


def test_fit_then_predict_is_fit_and_predict(past: History, coming: Fixtures) -> None:
    entry, key = "touchline_markets.corners", corners.models()[0].key
    fitted = run_fit(entry, key, past)
    later = run_predict(entry, key, past, fitted.state, coming)
    _, at_once = run_fit_and_predict(entry, key, past, coming)
    for market, rows in at_once.forecasts.probabilities.items():
        np.testing.assert_array_equal(later.forecasts.probabilities[market], rows)


def test_the_same_history_and_seed_give_the_same_digest_in_fresh_processes(past: History) -> None:
    digests = {run_fit(ENTRY, KEY, past, seed=7).digest for _ in range(2)}
    assert len(digests) == 1
    random = [run_fit("unruly", "bad.behaves", past, seed=seed).digest for seed in (7, 7, 8)]
    assert random[0] == random[1] != random[2]


def test_a_model_that_behaves_is_believed() -> None:
    result, predicted = both("behaves")
    np.testing.assert_allclose(predicted.forecasts.probabilities[RESULT], 1 / 3)
    assert result.digest == wire.digest(result.state)


@pytest.mark.parametrize("way", ["prints", "comes_back_twice"])
def test_printing_and_answering_twice_do_no_harm(way: str) -> None:
    _, predicted = both(way)
    np.testing.assert_allclose(predicted.forecasts.probabilities[RESULT], 1 / 3)


def test_a_child_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET", "sk_live_nobody_may_see")
    result, _ = both("behaves", nice=7)
    assert result.state["secret"].tolist() == [0.0]
    assert result.state["nice"].tolist() == [os.nice(0) + 7.0]
    assert result.state["core"].tolist() == 0.0


@pytest.mark.parametrize(
    ("way", "kind", "sentence"),
    [
        ("vanishes", Fault.DIED, "Its process ended with status 0 without an answer."),
        (
            "above_one",
            Fault.INVALID_OUTPUT,
            "match_result::ft, row 1: probabilities must lie from 0 to 1 and are 1.1, -0.05, -0.05.",
        ),
        ("not_finite", Fault.INVALID_OUTPUT, "match_result::ft, row 1: a probability is not a finite number."),
        (
            "short",
            Fault.INVALID_OUTPUT,
            "match_result::ft has 1 rows for 2 fixtures: one row for each, in their order.",
        ),
        (
            "long",
            Fault.INVALID_OUTPUT,
            "match_result::ft has 3 rows for 2 fixtures: one row for each, in their order.",
        ),
        ("multiplies", Fault.DIED, "It had more than 32 processes at once."),
        ("short_basis", Fault.INVALID_OUTPUT, "The basis must be a list of 2, one for each fixture."),
        ("nothing", Fault.INVALID_OUTPUT, "predict() must return Forecasts and returned NoneType."),
        (
            "elsewhere",
            Fault.INVALID_OUTPUT,
            "The market match_result::ft is promised by the model and missing from its forecasts.",
        ),
        ("negative_mean", Fault.INVALID_OUTPUT, "The parameter 'home_mean', row 0, must be above 0."),
        ("state_of_text", Fault.INVALID_OUTPUT, "The state's array 'drawn' must hold numbers and holds <U1."),
    ],
)
def test_misbehaving_ends_in_one_sentence(way: str, kind: Fault, sentence: str) -> None:
    error = failure(way)
    assert (error.kind, error.sentence) == (kind, sentence)


@pytest.mark.parametrize(
    ("way", "kind", "start"),
    [
        ("off", Fault.INVALID_OUTPUT, "match_result::ft, row 1: probabilities must sum to 1 and sum to 1.000001"),
        ("raises", Fault.RAISED, "fit() raised RuntimeError: no idea how to fit this (unruly.py, line "),
        ("exits", Fault.RAISED, "fit() raised SystemExit: 3 (unruly.py, line "),
        ("grows", Fault.RAISED, "fit() raised"),
        ("shouts", Fault.RAISED, "fit() raised OSError: [Errno 27] File too large (unruly.py, line "),
        ("scrambles", Fault.RAISED, "fit() raised Scrambled: no message (unruly.py, line "),
        ("unheard_of", Fault.RAISED, "unruly offers no model 'bad.unheard_of'."),
    ],
)
def test_other_ways_of_misbehaving(way: str, kind: Fault, start: str) -> None:
    error = failure(way, file_mb=1)
    assert error.kind == kind
    assert error.sentence.startswith(start)


def test_an_answer_has_a_longest_length() -> None:
    error = failure("heavy", file_mb=1)
    assert (error.kind, error.sentence) == (Fault.INVALID_OUTPUT, "Its answer has more than 1 MiB.")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands over what was left behind")
def test_what_flees_is_ended() -> None:
    both("flees")
    assert not _children()
    both("flees_far")
    assert not _running(b"4242.5")
    assert failure("flees_and_loops", seconds=1.0).kind == Fault.TIMED_OUT
    assert not _children()


def test_what_a_child_leaves_in_its_folder_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    both("litters")
    assert list(tmp_path.iterdir()) == []


def test_a_history_cannot_be_written_to(past: History) -> None:
    with pytest.raises(PluginError, match="read-only"):
        run_fit("unruly", "bad.writes", past)


@pytest.fixture
def crowded() -> Iterator[None]:
    """One processor for this thread and what it starts, and two others that never leave it alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    busy = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(2)]
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
        for process in busy:
            process.kill()
            process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how long a process waited for a processor")
def test_the_clock_stands_while_no_processor_is_free(crowded: None) -> None:
    """A child that works for 1.5 seconds has a third of a processor: by the wall alone it would be stopped."""
    began = time.monotonic()
    both("burns", seconds=2.8)
    assert time.monotonic() - began > 2.8


@pytest.mark.parametrize("way", ["loops", "forks"])
def test_time_runs_out(way: str) -> None:
    started = time.monotonic()
    error = failure(way, seconds=1.0)
    assert (error.kind, error.sentence) == (Fault.TIMED_OUT, "It was stopped after 1 seconds.")
    assert time.monotonic() - started < 10
    assert _eventually(lambda: not _children())


def test_a_plugin_that_cannot_be_imported_is_told(past: History) -> None:
    with pytest.raises(PluginError) as caught:
        run_fit("broken_import", "bad.any", past)
    assert caught.value.kind == Fault.RAISED
    assert caught.value.sentence.startswith("Importing broken_import failed: RuntimeError")


WORKER = """
import sys
import tempfile
sys.path.insert(0, {bad!r})
tempfile.tempdir = {folder!r}
from tests.plugins.histories import empty
from touchline.sandbox import Limits, run_fit
print("ready", flush=True)
run_fit("unruly", "bad.flees_and_loops", empty(), limits=Limits(seconds=60))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children of their parent's death on Linux only")
def test_a_child_dies_with_its_worker(tmp_path: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER.format(bad=str(BAD), folder=str(tmp_path))],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"ready\n"
    assert _eventually(lambda: len(_children(worker.pid)) == 3)  # guard, runner, and one that fled
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    assert _eventually(lambda: not _children(worker.pid))
    assert list(tmp_path.iterdir()) == []


def _running(word: bytes) -> list[int]:
    """Processes with a word in their command line."""
    return [process for process, words in _commands() if word in words]


def _commands() -> list[tuple[int, list[bytes]]]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found.append((int(entry.name), (entry / "cmdline").read_bytes().split(b"\0")))
    return found


def _children(worker: int | None = None) -> list[int]:
    """Processes of a worker's sandbox, grandchildren too: each has the worker's number in its command line."""
    wanted = [b"touchline.child", b"once", str(worker or os.getpid()).encode()]
    return [process for process, words in _commands() if words[-5:-2] == wanted]


def _eventually(what: object, seconds: float = 15.0) -> list[int]:
    assert callable(what)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = what()
        if seen:
            return seen if isinstance(seen, list) else [1]
        time.sleep(0.02)
    return []


MATCH = Facts("FINISHED", 2, 1, home_yellow_cards=1, away_yellow_cards=3, home_red_cards=0, away_red_cards=1)
WHOLE = "tests.plugins.whole_plugin"


def test_a_market_is_settled_as_here() -> None:
    keys = [MarketKey.parse(f"{CARDS}:{line}") for line in (4.5, 5, 5.25)]
    settled = run_settle(WHOLE, CARDS, [*((key, MATCH) for key in keys), (keys[0], Facts("FINISHED", 2, 1))])
    market = TotalCards()
    for key, told in zip(keys, settled, strict=False):
        verdicts = [market.settle(key, outcome, MATCH) for outcome in market.outcomes]
        assert told == Settled(
            tuple(BetResult(verdict.result) for verdict in verdicts), tuple(verdict.words for verdict in verdicts)
        )
    assert settled[-1] == Settled(None, reason="yellow cards are not known yet")


@pytest.mark.parametrize(
    ("line", "kind", "start"),
    [
        (1.5, Fault.RAISED, "settle() raised LookupError: no such table (temperamental.py, line "),
        (
            2.5,
            Fault.INVALID_OUTPUT,
            "bad.shameless:2.5:ft must have one winner, or return every stake; its outcomes came to WON, WON.",
        ),
        (3.5, Fault.INVALID_OUTPUT, "bad.shameless:3.5:ft cannot come to PUSH, PUSH: its lines are half."),
    ],
)
def test_a_market_that_misbehaves(line: float, kind: Fault, start: str) -> None:
    with pytest.raises(PluginError) as caught:
        run_settle("temperamental", "bad.shameless", [(MarketKey.parse(f"bad.shameless:{line}"), MATCH)])
    assert caught.value.kind == kind
    assert caught.value.sentence.startswith(start)


def test_words_of_others_are_one_short_line() -> None:
    keys = [MarketKey.parse(f"bad.shameless:{line}") for line in (0.5, 4.5)]
    not_yet, told = run_settle("temperamental", "bad.shameless", [(key, MATCH) for key in keys])
    assert not_yet.reason == "nobody [31m counted"
    assert told.sentences[1].startswith("under it is.!!!")
    assert [len(sentence) for sentence in told.sentences] == [300, 300]


def test_an_operators_settings_are_those_of_the_run(past: History) -> None:
    usual, set_by_operator = (run_fit(WHOLE, "whole.shares", past, settings=values) for values in ({}, {"prior": 30.0}))
    assert (usual.settings, set_by_operator.settings) == (
        {"prior": 3.0, "side": "both"},
        {"prior": 30.0, "side": "both"},
    )
    expected = configured(Shares(), {"prior": 30.0}).fit(past, np.random.default_rng(0))
    np.testing.assert_array_equal(set_by_operator.state["shares"], expected.shares)
    with pytest.raises(PluginError) as caught:
        run_fit(WHOLE, "whole.shares", past, settings={"prior": 0.25})
    assert caught.value.sentence == "Its setting prior must be at least 0.5 and is 0.25."


def test_markets_of_others_are_checked_where_they_are_known(past: History, coming: Fixtures) -> None:
    def ask(outcomes: dict[str, int], lines: dict[str, Lines]) -> Forecasts:
        state = {"shares": np.array([0.5, 0.25, 0.25])}
        told = run_predict(WHOLE, "whole.shares", past, state, coming, outcomes=outcomes, lines=lines)
        return told.forecasts

    assert set(ask({CARDS: 2}, {CARDS: Lines.QUARTER}).probabilities) == {RESULT, CARDS_45}
    with pytest.raises(PluginError, match="a market that no installed plugin declares"):
        ask({}, {})


def test_inputs_have_a_digest(past: History, coming: Fixtures) -> None:
    first = wire.inputs_digest(past, coming, {"a": 1.0}, "1")
    assert first == wire.inputs_digest(past, coming, {"a": 1.0}, "1")
    others = [
        wire.inputs_digest(past, coming, {"a": 2.0}, "1"),
        wire.inputs_digest(past, coming, {"a": 1.0}, "2"),
        wire.inputs_digest(past, None, {"a": 1.0}, "1"),
        wire.inputs_digest(empty(), coming, {"a": 1.0}, "1"),
    ]
    assert len({first, *others}) == 5


def test_a_state_survives_as_bytes() -> None:
    state = {"file": np.arange(3.0), "x": np.ones((2, 2))}
    again = wire.unpack_state(wire.pack_state(state))
    assert wire.digest(again) == wire.digest(state)
    with pytest.raises(ValueError, match="not a message"):
        wire.unpack_state(b"PK nonsense")


def test_a_message_never_holds_a_pickle() -> None:
    with pytest.raises(ValueError, match="Object arrays"):
        wire.pack({}, {"state.x": np.array([{}], dtype=object)})
