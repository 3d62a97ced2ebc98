"""Which models are shown, by the record: a challenger takes over where it is better beyond doubt.

The loss of a model in a match is the mean of its log losses in the main markets of a group. Two models are compared on
the matches that both forecast, each under its installed code, by the differences of these losses:

    d̄ ± 1.96 · s / √n    n ≥ 200

The challenger is shown from then on when the whole interval lies below 0; of several such the one with the smallest d̄.
The markets of goals are one group, so that they stay those of one model and agree. What an operator chose stays until
the operator gives it back (`chosen_by` is `default` again).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt

import asyncpg

from domain.forecasting import rules
from domain.forecasting.serving import choices, choose, read_ranking
from domain.infra.database import Reader
from touchline import BTTS, CORNERS_95, OVER_25, RESULT, Kind, MarketKey

LEAST_MATCHES = 200
"""Common graded matches from which two models are compared."""
BY_RECORD = "record"
BY_DEFAULT = "default"

_NORMAL = 1.96
"""Half the width of a 95 % interval in standard errors."""


@dataclass(frozen=True, slots=True)
class Group:
    """Kinds of market that are given to one model, and the markets by which it is measured."""

    kinds: tuple[Kind, ...]
    markets: tuple[MarketKey, ...]


GROUPS = (Group(rules.GOAL_KINDS, (RESULT, OVER_25, BTTS)), Group((Kind.TOTAL_CORNERS,), (CORNERS_95,)))


@dataclass(frozen=True, slots=True)
class Duel:
    """A challenger against the model that is shown, on the same matches."""

    challenger: str
    shown: str
    matches: int
    challenger_loss: float
    shown_loss: float
    difference: float
    """Mean of challenger less shown; below 0 the challenger is better."""
    error: float
    """Standard error of the difference."""

    @property
    def is_won(self) -> bool:
        """Whether the challenger is better and the 95 % interval leaves out 0."""
        return self.matches >= LEAST_MATCHES and self.difference + _NORMAL * self.error < 0

    @property
    def words(self) -> str:
        """The comparison in one sentence."""
        low, high = self.difference - _NORMAL * self.error, self.difference + _NORMAL * self.error
        return (
            f"Mean log loss {self.challenger_loss:.4f} against {self.shown_loss:.4f} of {self.shown} on the same "
            f"{self.matches} matches: a difference of {self.difference:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}."
        )


async def choose_by_record(connection: asyncpg.Connection, now: datetime) -> list[Duel]:
    """Let every challenger that won be shown, in the open transaction; answers the duels that decided.

    Only one at a time decides.
    """
    await connection.execute("select pg_advisory_xact_lock(hashtextextended('choices by record', 0))")
    ranking, chosen = await read_ranking(connection), await choices(connection)
    won = []
    for group in GROUPS:
        if any(kind in chosen and chosen[kind].chosen_by not in (BY_RECORD, BY_DEFAULT) for kind in group.kinds):
            continue
        able = [
            key for key in ranking.get(group.kinds[0], ()) if all(key in ranking.get(kind, ()) for kind in group.kinds)
        ]
        duels = await _duels(connection, group, able)
        best = min((duel for duel in duels if duel.is_won), key=lambda duel: duel.difference, default=None)
        if best is not None:
            await choose(connection, group.kinds, best.challenger, reason=best.words, by=BY_RECORD, now=now)
            won.append(best)
    return won


async def _duels(reader: Reader, group: Group, models: Sequence[str]) -> list[Duel]:
    """Every other model against the first one, where they have matches in common."""
    if len(models) < 2:
        return []
    rows = await reader.fetch(
        """with each as (
             select g.match_id, g.model_key, avg(g.log_loss) as loss
             from current_grade g join market k on k.id = g.market_id
             join model m on m.key = g.model_key and m.version = g.code_version
             where k.key = any($1::text[]) and g.model_key = any($2::text[])
             group by 1, 2 having count(*) = cardinality($1::text[]))
           select c.model_key, count(*) as matches, avg(c.loss) as challenger, avg(s.loss) as shown,
                  avg(c.loss - s.loss) as difference, stddev_samp(c.loss - s.loss) as deviation
           from each c join each s using (match_id)
           where s.model_key = $3 and c.model_key <> $3 group by 1 having count(*) > 1 order by 1""",
        [str(market) for market in group.markets],
        list(models),
        models[0],
    )
    return [
        Duel(
            challenger=row["model_key"],
            shown=models[0],
            matches=row["matches"],
            challenger_loss=row["challenger"],
            shown_loss=row["shown"],
            difference=row["difference"],
            error=row["deviation"] / sqrt(row["matches"]),
        )
        for row in rows
    ]
