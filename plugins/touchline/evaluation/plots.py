"""Calibration plots as SVG: for each question how often came true what was given a probability.

The same evaluation gives the same bytes. Needs matplotlib (the extra `models`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from touchline.evaluation.run import Board, Evaluation
from touchline.metrics import Bin, reliability

PLOT_BINS: Final = 10
SALT: Final = "touchline"
"""From which the SVG makes its identifiers."""
FEWEST: Final = 20
"""Probabilities in a range below which its point is not drawn."""


class NoPlots(Exception):
    """matplotlib is not installed."""


def write_plots(evaluation: Evaluation, folder: Path) -> list[Path]:
    """A calibration plot of each question in a folder, which is made if need be; their paths. Raises NoPlots."""
    try:
        import matplotlib as mpl
    except ImportError:
        raise NoPlots('plots need matplotlib: pip install "touchline[plots]"') from None
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for board in evaluation.boards:
        with mpl.rc_context({"svg.hashsalt": SALT, "svg.fonttype": "none"}):
            path = folder / f"calibration_{board.question.key}.svg"
            _figure(board).savefig(path, format="svg", metadata={"Date": None, "Creator": None})
            written.append(path)
    return written


def _figure(board: Board) -> Any:  # matplotlib has no types
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 8), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=0)
    for key, score in board.scores.items():
        bins = [one for one in reliability(board.forecasts[key], board.outcomes, PLOT_BINS) if one.count >= FEWEST]
        slope = f", slope {score.calibration.slope:.2f}" if score.calibration else ""
        axes.errorbar(
            [one.mean for one in bins],
            [one.share for one in bins],
            yerr=_bars(bins),
            marker="o",
            markersize=3,
            linewidth=1,
            elinewidth=0.7,
            capsize=2,
            label=f"{key} ({score.log_loss:.4f}{slope})",
        )
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability", ylabel="share that came true (95 %, Wilson)")
    axes.set_title(f"{board.question.title}: {board.matches} matches, log loss in brackets")
    axes.legend(fontsize="small", loc="upper left")
    return figure


def _bars(bins: list[Bin]) -> list[list[float]]:
    """Lengths of the intervals below and above each share."""
    return [[one.share - one.interval[0] for one in bins], [one.interval[1] - one.share for one in bins]]
