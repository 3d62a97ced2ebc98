"""Whether something grows: the trend of the soak, on series whose growth is known."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.soak_samples import BOUNDS, Held, Samples, draw, growing, trend_of


def samples(**per_hour: float) -> Samples:
    """Half an hour of measurements every five seconds, with noise; each process grows by so much an hour."""
    rng = np.random.default_rng(5)
    made = Samples(Path())
    for number in range(360):
        hours = number * 5 / 3600
        made.seconds.append(number * 5.0)
        made.held.append(
            {name: Held(100.0 + per_hour.get(name, 0.0) * hours + rng.normal(0, 2.0), 50) for name in BOUNDS}
        )
    return made


def test_a_trend_is_found_within_its_error() -> None:
    trend = samples(api=120.0).trend("api", "megabytes", after=300)
    assert abs(trend.per_hour - 120.0) < 3 * trend.error
    assert 0 < trend.error < 10
    assert trend.end - trend.start == pytest.approx(120.0 * 1425 / 3600, rel=0.1)  # from mean to mean


def test_the_error_is_that_of_the_textbook() -> None:
    trend = trend_of(np.array([0.0, 3600.0, 7200.0, 10800.0]), np.array([1.0, 3.0, 2.0, 4.0]))
    assert trend.per_hour == pytest.approx(0.8)
    assert trend.error == pytest.approx(np.sqrt(1.8 / 2 / 5))


def test_only_growth_beyond_chance_is_told() -> None:
    assert growing(samples(), after=300) == []
    assert growing(samples(worker=BOUNDS["worker"].megabytes), after=300) == []
    (told,) = growing(samples(worker=10 * BOUNDS["worker"].megabytes), after=300)
    assert told.startswith("worker grows by")


def test_descriptors_that_pile_up_are_told() -> None:
    made = samples()
    for number, held in enumerate(made.held):
        held["api"] = Held(100.0, 50 + number // 10)
    (told,) = growing(made, after=300)
    assert "descriptors an hour" in told


def test_too_few_measurements_make_no_trend() -> None:
    with pytest.raises(ValueError, match="let it run longer"):
        trend_of(np.array([1.0, 2.0]), np.array([1.0, 2.0]))


def test_the_plot_shows_every_process(tmp_path: Path) -> None:
    draw(samples(api=60.0), tmp_path / "soak.svg", after=300, title="A title")
    drawn = (tmp_path / "soak.svg").read_text()
    assert drawn.startswith("<?xml")
    assert drawn.count("<path") > 2 * len(BOUNDS)


def test_a_process_that_was_started_again_is_counted(tmp_path: Path) -> None:
    made = Samples(tmp_path)
    for pid in (os.getpid(), os.getppid(), os.getppid()):
        pids = dict.fromkeys(BOUNDS, os.getpid()) | {"worker": pid}
        (tmp_path / "run.json").write_text(json.dumps({"pids": pids}))
        made.take()
    assert made.restarts == {"worker": 1}
    assert made.held[0]["api"].megabytes > 10
    assert made.held[0]["api"].descriptors > 0
