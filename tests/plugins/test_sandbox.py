"""The child process: same numbers as without it, and every way of misbehaving ends in one sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.plugins.histories import drawn, empty, every_pairing, fixtures
from touchline import RESULT, Fixtures, History, wire
from touchline.outputs import Fault, PluginError
from touchline.sandbox import FitResult, PredictResult, run_fit, run_fit_and_predict, run_predict
from touchline.settings import settings_of
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


def both(way: str, timeout: float = 20.0) -> tuple[FitResult, PredictResult]:
    history = empty()
    return run_fit_and_predict("unruly", f"bad.{way}", history, fixtures(history, [0, 1], [1, 2]), timeout=timeout)


def failure(way: str, timeout: float = 20.0) -> PluginError:
    with pytest.raises(PluginError) as caught:
        both(way, timeout)
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


def test_printing_does_no_harm() -> None:
    _, predicted = both("prints")
    np.testing.assert_allclose(predicted.forecasts.probabilities[RESULT], 1 / 3)


def test_a_child_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET", "sk_live_nobody_may_see")
    result, _ = both("behaves")
    assert result.state["secret"].tolist() == [0.0]


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
            "The probabilities of match_result::ft must have the shape (2, 3) and have (1, 3).",
        ),
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
        ("unheard_of", Fault.RAISED, "unruly offers no model 'bad.unheard_of'."),
    ],
)
def test_other_ways_of_misbehaving(way: str, kind: Fault, start: str) -> None:
    error = failure(way)
    assert error.kind == kind
    assert error.sentence.startswith(start)


def test_a_history_cannot_be_written_to(past: History) -> None:
    with pytest.raises(PluginError, match="read-only"):
        run_fit("unruly", "bad.writes", past)


@pytest.mark.parametrize("way", ["loops", "forks"])
def test_time_runs_out(way: str) -> None:
    started = time.monotonic()
    error = failure(way, timeout=1.0)
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
sys.path.insert(0, {bad!r})
from tests.plugins.histories import empty
from touchline.sandbox import run_fit
print("ready", flush=True)
run_fit("unruly", "bad.loops", empty(), timeout=60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children of their parent's death on Linux only")
def test_a_child_dies_with_its_worker() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER.format(bad=str(BAD))],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"ready\n"
    child = _eventually(lambda: _children(worker.pid))
    assert child
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    assert _eventually(lambda: not _runs(child[0]))


def _children(worker: int | None = None) -> list[int]:
    """Processes of a worker's sandbox, grandchildren too: each has the worker's number in its command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[-3:-1] == [b"touchline.child", str(worker or os.getpid()).encode()]:
            found.append(int(entry.name))
    return found


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _eventually(what: object, seconds: float = 15.0) -> list[int]:
    assert callable(what)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = what()
        if seen:
            return seen if isinstance(seen, list) else [1]
        time.sleep(0.02)
    return []


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
