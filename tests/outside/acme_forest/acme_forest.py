"""The match result from a random forest on the form of both sides; its state is its trees as arrays.

A club's form is the goals for and against of its matches, the latest counting most: form += pace · (match - form).
The forest learns each match from the form that both clubs had before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import touchline as tl
from touchline.names import codes, positions

USUAL = np.array([0.44, 0.26, 0.30])
NEW_CLUB = (1.2, 1.5)
TABLES = ("children_left", "children_right", "feature", "threshold")
"""What a tree of scikit-learn says of each node; a leaf has no children, told as -1."""


@dataclass(frozen=True)
class FittedForest:
    """Trees `(t, nodes)`, and the form of clubs; the last form is that of a club never seen."""

    arrays: tl.State

    def predict(self, fixtures: tl.Fixtures) -> tl.Forecasts:
        club = positions(codes(fixtures.clubs), self.arrays["clubs"])  # -1, the last, where a club is not known
        pair = club[np.stack([fixtures.home, fixtures.away], axis=1)]
        seen = self.arrays["matches"][pair].min(axis=1)
        basis = [tl.Basis.LEAGUE_PRIOR if n == 0 else tl.Basis.MODEL_SPARSE if n < 6 else tl.Basis.MODEL for n in seen]
        return tl.Forecasts({tl.RESULT: self._shares(self.arrays["form"][pair].reshape(len(pair), 4))}, basis)

    def _shares(self, form: tl.Floats) -> tl.Floats:
        left, right, feature = (self.arrays[name].astype(np.int64) for name in TABLES[:3])
        match, tree = np.ogrid[: len(form), : len(left)]
        node = np.zeros((len(form), len(left)), np.int64)
        while (left[tree, node] >= 0).any():
            is_low = form[match, feature[tree, node]] <= self.arrays["threshold"][tree, node]
            node = np.where(left[tree, node] < 0, node, np.where(is_low, left[tree, node], right[tree, node]))
        shares: tl.Floats = self.arrays["shares"][tree, node].mean(axis=1)
        return shares

    def state(self) -> dict[str, tl.Floats]:
        return dict(self.arrays)


@dataclass(frozen=True)
class Forest:
    """A random forest of scikit-learn; below fifty matches, what is usual everywhere."""

    key: str = "acme.forest"
    version: str = "1"
    markets: tuple[tl.MarketKey, ...] = (tl.RESULT,)
    odds_use: tl.OddsUse = tl.OddsUse.NONE
    trees: int = tl.setting(100, low=1, high=1000, help="Trees of the forest.")
    leaf: int = tl.setting(30, low=5, help="Fewest matches in a leaf.")
    pace: float = tl.setting(0.08, low=0.0, high=1.0, help="What the latest match counts for in a club's form.")

    def fit(self, history: tl.History, rng: np.random.Generator) -> FittedForest:
        goals = np.stack([history.home_goals, history.away_goals], axis=1)
        told = np.stack([goals, goals[:, ::-1]], axis=1)
        form, before = np.tile(NEW_CLUB, (len(history.clubs) + 1, 1)), np.empty_like(told)
        for row, pair in enumerate(np.stack([history.home, history.away], axis=1)):
            before[row] = form[pair]
            form[pair] += self.pace * (told[row] - form[pair])
        clubs = {"clubs": codes(history.clubs), "form": form, "matches": np.append(history.matches_of(), 0.0)}
        if len(history) < 50:
            stump = {name: np.full((1, 1), -1.0) for name in TABLES}
            return FittedForest(clubs | stump | {"shares": USUAL[None, None]})
        from sklearn.ensemble import RandomForestClassifier  # heavy, and only a fit needs it

        forest = RandomForestClassifier(self.trees, min_samples_leaf=self.leaf, random_state=int(rng.integers(2**31)))
        return FittedForest(clubs | _tables(forest.fit(before.reshape(-1, 4), 1 - np.sign(goals[:, 0] - goals[:, 1]))))

    def restore(self, history: tl.History, state: tl.State) -> FittedForest:
        return FittedForest(state)


def _tables(forest: Any) -> dict[str, tl.Floats]:
    """Its trees as tables (t, nodes), each leaf a little nearer to what is usual; padding is never reached."""
    trees, outcomes = [one.tree_ for one in forest.estimators_], forest.classes_.astype(np.int64)
    size = max(tree.node_count for tree in trees)
    tables = {name: np.array([np.resize(getattr(tree, name), size) for tree in trees], np.float64) for name in TABLES}
    shares = np.zeros((len(trees), size, 3))
    shares[..., outcomes] = [np.resize(tree.value[:, 0], (size, len(outcomes))) for tree in trees]
    return tables | {"shares": 0.95 * shares + 0.05 * USUAL}


@tl.hookimpl
def models() -> Sequence[tl.Model]:
    return [Forest()]
