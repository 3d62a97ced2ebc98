"""A scorecard on the terminal: the table of each market, reliability diagrams, and what it comes to in words."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from touchline.calibration import Calibration
from touchline.evaluation.report import MISSING, number, told_difference
from touchline.evaluation.scorecard import TRUTH, Card, Line, Scored, sentences
from touchline.metrics import Bin, reliability
from touchline.types import Floats, Ints

BINS: Final = 10
WIDTH: Final = 41
"""Characters of a diagram's scale from 0 to 1."""
WIDEST: Final = 1.0
"""Width of the interval of a slope above which it is not told."""
STYLES: Final = {"truth": "bold", "plugin": "bold cyan", "market": "", "baseline": "dim"}
SIMULATED: Final = (
    "Simulated, not football: fictional clubs whose strengths stand still (seed {seed}). Skill is measured on the true "
    "probabilities, without the luck of results; the other figures have it. A model that is good here knows how to "
    "learn from results. How good it is in a real league, --from FOLDER tells."
)


def show(console: Console, scored: Scored, own: Collection[str], seed: int | None) -> None:
    """Everything about the models of these keys; `seed` is the simulated league's, None where matches are real."""
    found = scored.evaluation
    for card in scored.cards:
        console.print(_table(card))
        for line in card.lines:
            if line.key in own:
                console.print(diagram(line.key, card.board.forecasts[line.key], card.board.outcomes))
    for sentence in sentences(scored, own):
        console.print(Text(sentence))
    console.print(
        Text(
            f"{found.evaluated} matches in {found.rounds} rounds of {', '.join(found.leagues)}, each forecast from "
            f"what was known before its round; {found.seconds:.1f} seconds. ± is one standard error."
        )
    )
    if seed is not None:
        console.print(Text(SIMULATED.format(seed=seed)))


def _table(card: Card) -> Table:
    title = f"{card.board.question.title}: {card.board.matches} matches"
    table = Table(box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False, title=title, title_justify="left")
    table.add_column("", no_wrap=True)
    apart = f"to {card.baseline}"
    for name in ("log loss", "RPS", "Brier", "slope", "error", "skill %", apart, "s"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in card.lines:
        table.add_row(*_cells(line), style=STYLES[line.role])
    return table


def _cells(line: Line) -> tuple[str, ...]:
    score = line.score
    return (
        line.key if line.key != TRUTH else f"{TRUTH} (ceiling)",
        number(score.log_loss, 4),
        number(score.ranked_score, 4),
        number(score.brier_score, 4),
        _slope(score.calibration),
        number(score.calibration_error, 3),
        number(100 * line.skill, 1),
        told_difference(line.from_baseline),
        number(line.seconds, 2) if line.seconds is not None else MISSING,
    )


def _slope(line: Calibration | None) -> str:
    """The slope, where its 95 % interval is narrow enough to say something."""
    if line is None or line.slope_interval[1] - line.slope_interval[0] > WIDEST:
        return MISSING
    return f"{line.slope:.2f}"


def diagram(key: str, probabilities: Floats, outcomes: Ints) -> Table:
    """How often came true what was given a probability: a scale from 0 to 1 for each range that holds something.

    `●` is the share, the line its 95 % interval (Wilson), `│` the mean of the probabilities, where it should be.
    """
    table = Table(box=None, padding=(0, 1), title=f"{key}: ● came true, │ told", title_justify="left")
    for name in ("told", "came true", "count"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("0" + "1".rjust(WIDTH - 1), no_wrap=True)
    for one in reliability(probabilities, outcomes, BINS):
        table.add_row(f"{one.mean:.3f}", f"{one.share:.3f}", str(one.count), _scale(one))
    return table


def _scale(one: Bin) -> Text:
    low, high = (_place(bound) for bound in one.interval)
    cells = ["─" if low <= place <= high else " " for place in range(WIDTH)]
    cells[_place(one.mean)] = "│"
    cells[_place(one.share)] = "●"
    is_inside = one.interval[0] <= one.mean <= one.interval[1]
    return Text("".join(cells), style="green" if is_inside else "red")


def _place(share: float) -> int:
    return round(share * (WIDTH - 1))
