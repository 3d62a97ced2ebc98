"""What a model version is to users, and why: shown, kept in the dark, retired or rolled back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import auto
from typing import TYPE_CHECKING

from api.rows import Columns, Rows
from api.scalars import Words, described
from domain.forecasting.plugin_queries import model_states
from domain.forecasting.plugin_states import PluginStatus
from domain.forecasting.rules import ranking
from domain.forecasting.serving import Choice, choices, offered_models

if TYPE_CHECKING:
    from api.models import ModelVersion


@described(
    "Roles of a model version.",
    TRAINING="Being trained.",
    SHADOW="Graded in the dark.",
    CANDIDATE="Ready to become champion.",
    CHAMPION="Shown to users.",
    RETIRED="No longer run; its predictions stay.",
    ROLLED_BACK="Taken back by an operator, who promoted an earlier version in its place; its predictions stay.",
)
class ModelStage(Words):
    TRAINING = auto()
    SHADOW = auto()
    CANDIDATE = auto()
    CHAMPION = auto()
    RETIRED = auto()
    ROLLED_BACK = auto()


@dataclass(frozen=True, slots=True)
class Standing:
    """What the version of a model that is in force is to users. Picked by the model's key."""

    key: str
    stage: ModelStage
    reason: str

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[str]) -> list[Standing | None]:
        chosen = await choices(db)
        ranked = ranking(await offered_models(db), {kind: choice.model_key for kind, choice in chosen.items()})
        rows = {row["key"]: row for row in await model_states(db, keys)}
        return [_standing(key, rows[key], ranked, chosen) if key in rows else None for key in keys]


def stage_of(version: ModelVersion, standing: Standing) -> tuple[ModelStage, str]:
    """Role of a version, and a sentence that says why."""
    if version.is_looking_back:
        return ModelStage.RETIRED, "Made to look back on an instant of the past; it was never in force."
    in_force = version.newest_id if version.pinned_id is None else version.pinned_id
    if version.key == in_force and version.pinned_id is None:
        return standing.stage, standing.reason
    if version.key == in_force:
        return standing.stage, f"Promoted by an operator {_on(version.pinned_at)}: {version.pin_reason}"
    if version.pinned_id is not None and version.key > version.pinned_id:
        words = f"fit {version.pinned_id} in its place {_on(version.pinned_at)}: {version.pin_reason}"
        return ModelStage.ROLLED_BACK, f"An operator promoted {words}"
    return ModelStage.RETIRED, f"Fit {in_force} took its place."


def _standing(key: str, row: Columns, ranked: Mapping[str, Sequence[str]], chosen: Mapping[str, Choice]) -> Standing:
    if row["state"] != PluginStatus.ACTIVE:
        stage = ModelStage.SHADOW if row["state"] == PluginStatus.SHADOW else ModelStage.RETIRED
        return Standing(key, stage, f"{_HIDDEN[row['state']]}: {row['reason']}")
    if row["role"] == "strategy":
        return Standing(key, ModelStage.CHAMPION, "It weighs the shown probabilities against prices.")
    shown = [kind for kind, keys in ranked.items() if keys[0] == key]
    if not shown:
        return Standing(key, ModelStage.SHADOW, "Other models are shown for its markets; its predictions are graded.")
    return Standing(key, ModelStage.CHAMPION, " ".join(_shown(kind, key, chosen.get(kind)) for kind in shown))


_HIDDEN: Mapping[str, str] = {
    PluginStatus.SHADOW: "Its plugin is in shadow",
    PluginStatus.DISABLED: "Its plugin is disabled",
    PluginStatus.QUARANTINED: "Its plugin is quarantined",
    PluginStatus.REFUSED: "Its plugin is refused",
}


def _shown(kind: str, key: str, choice: Choice | None) -> str:
    words = kind.replace("_", " ")
    if choice is None or choice.model_key != key:
        return f"Shown for {words}, as the first in the usual order."
    return f"Shown for {words} {_on(choice.chosen_at)}: {choice.reason}"


def _on(at: datetime | None) -> str:
    return "" if at is None else f"since {at:%Y-%m-%d %H:%M} UTC"
