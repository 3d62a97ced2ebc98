"""Models and strategies of plugins, and their fitted versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import auto
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from api.batch import batch, derived
from api.calibrations import model_calibrations, version_calibrations
from api.leagues import League
from api.model_stages import ModelStage, Standing, stage_of
from api.nodes import Node
from api.paging import (
    After,
    Before,
    Connection,
    Counts,
    First,
    Last,
    Order,
    connect_each,
    connect_rows,
    read_page,
)
from api.rows import Key, Rows, grouped, in_order, rows_of
from api.scalars import MarketKind, Words, described
from api.scorecards import model_scorecards, version_scorecards
from domain.forecasting import queries

if TYPE_CHECKING:
    from api.plugins import Plugin

MODEL_ORDER = Order("models", queries.MODEL_ORDER.sql, "m.key")
VERSION_ORDER = Order("model-versions", queries.VERSION_ORDER.sql, "v.id", is_descending=True)


@described(
    "What a model of a plugin does.",
    MODEL="Gives probabilities of markets.",
    STRATEGY="Weighs probabilities against prices and finds value bets.",
)
class ModelRole(Words):
    MODEL = auto()
    STRATEGY = auto()


@described(
    "What a model knows of prices. A figure without its class says little: prices hold what others know.",
    A="No odds anywhere.",
    B="Closing prices of past matches as a training target, never as an input.",
    C="Prices of past matches as an input.",
    D="Prices of the match itself.",
)
class OddsUse(Words):
    A = auto()
    B = auto()
    C = auto()
    D = auto()


@strawberry.type(description="A prediction model or a strategy inside a plugin.")
class Model(Node):
    key: strawberry.Private[str]
    model_key: str = strawberry.field(
        name="key", description="Key, unique in the platform, for example `touchline.goals`."
    )
    plugin_key: strawberry.Private[str]
    role: strawberry.Private[str]
    uses_odds: strawberry.Private[str | None]
    market_keys: list[str] = strawberry.field(description="Canonical keys of the markets whose probabilities it gives.")
    code_version: str = strawberry.field(description="Version of the installed code.")
    settings: strawberry.scalars.JSON = strawberry.field(
        description="Settings in force: the defaults of its code, and what operators set in their place."
    )
    settings_schema: strawberry.scalars.JSON = strawberry.field(
        description="JSON Schema of the settings that operators may change with `configurePlugin`; without properties "
        "where there are none."
    )
    is_shadow: bool = strawberry.field(
        description="Whether its plugin is in shadow: what it says is graded, and shown to nobody but operators."
    )

    @classmethod
    def read_key(cls, key: str) -> Key | None:
        return key

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[str]) -> list[Model | None]:
        return in_order(keys, rows_of(cls, await queries.models(db, keys)), lambda row: row.key)

    @derived
    def name(self) -> str:
        """Name."""
        return self.key.rpartition(".")[2].replace("_", " ").capitalize()

    @derived
    def kind(self) -> ModelRole:
        """Whether it gives probabilities or weighs them against prices."""
        return ModelRole(self.role.upper())

    @batch
    @staticmethod
    async def plugin(models: Sequence[Model], db: Rows) -> list[Annotated[Plugin, strawberry.lazy("api.plugins")]]:
        """Plugin."""
        from api.plugins import Plugin

        return await db.pick(Plugin, [model.plugin_key for model in models])

    @derived
    def markets(self) -> list[MarketKind]:
        """Markets it prices."""
        return kinds_of(self)

    @derived
    def odds_use(self) -> OddsUse | None:
        """What it knows of prices; null for a strategy, and for a model that does not say."""
        return OddsUse(self.uses_odds) if self.uses_odds else None

    @derived
    def is_in_play_capable(self) -> bool:
        """Whether it can price in play."""
        return False

    @batch
    @staticmethod
    async def champion(models: Sequence[Model], db: Rows) -> list[ModelVersion | None]:
        """Version that speaks for the model: the last fitted one in force, of whichever league it is. Its `stage` tells
        whether users see it."""
        return [next(iter(each), None) for each in await versions_in_force(db, models)]

    @batch
    @staticmethod
    async def current_versions(models: Sequence[Model], db: Rows) -> list[list[ModelVersion]]:
        """The version in force for each league, newest first; a strategy has one for all leagues."""
        return await versions_in_force(db, models)

    @batch
    @staticmethod
    async def versions(
        models: Sequence[Model],
        db: Rows,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> list[ModelVersionConnection]:
        """All versions, newest first: current, earlier and rolled back."""
        page = read_page(VERSION_ORDER, first, after, last, before)
        keys = [model.key for model in models]
        rows = rows_of(ModelVersion, await queries.version_page(db, keys, page))
        counts = Counts(partial(queries.version_counts, model_keys=keys))
        return connect_each(ModelVersionConnection, page, keys, rows, counts)

    scorecard = batch(model_scorecards)
    calibration = batch(model_calibrations)


@strawberry.type(description="A trained, frozen version of a model, or of a strategy's code and settings.")
class ModelVersion(Node):
    key: strawberry.Private[int]
    model_key: strawberry.Private[str]
    league_id: strawberry.Private[int | None]
    is_looking_back: strawberry.Private[bool]
    """Whether it was made for an instant of the past, and never in force."""
    newest_id: strawberry.Private[int | None]
    """The newest fit of its model on its league."""
    pinned_id: strawberry.Private[int | None]
    """The version that an operator promoted there, with reason and instant below; None when none is."""
    pin_reason: strawberry.Private[str | None]
    pinned_at: strawberry.Private[datetime | None]
    fitted_at: strawberry.Private[datetime]
    fit_seconds: strawberry.Private[float]
    training_matches: strawberry.Private[int]
    data_cutoff_at: strawberry.Private[datetime]
    settings: strawberry.Private[Any]
    code_version: str = strawberry.field(description="Version of the model's code.")
    data_from: datetime | None = strawberry.field(description="Kick-off of the oldest match trained on.")
    inputs_digest: str = strawberry.field(description="Hash of the data and settings it was made from.")
    job_id: str = strawberry.field(description="Job of a worker that made it.")
    state_size: strawberry.Private[int]
    state_digest: strawberry.Private[str]

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[ModelVersion | None]:
        return in_order(keys, rows_of(cls, await queries.versions(db, keys)), lambda row: row.key)

    @batch
    @staticmethod
    async def model(versions: Sequence[ModelVersion], db: Rows) -> list[Model]:
        """Model."""
        return await db.pick(Model, [version.model_key for version in versions])

    @batch
    @staticmethod
    async def league(versions: Sequence[ModelVersion], db: Rows) -> list[League | None]:
        """League whose matches it was trained on; null for a strategy."""
        return await db.find(League, [version.league_id for version in versions])

    @derived
    def version(self) -> str:
        """Version: that of the code, and the number of the fit."""
        return f"{self.code_version}+{self.key}"

    @batch
    @staticmethod
    async def stage(versions: Sequence[ModelVersion], db: Rows) -> list[ModelStage]:
        """Role."""
        return [stage for stage, _ in await _stages(db, versions)]

    @batch
    @staticmethod
    async def stage_reason(versions: Sequence[ModelVersion], db: Rows) -> list[str | None]:
        """Why it has this role, a sentence."""
        return [reason for _, reason in await _stages(db, versions)]

    @derived
    def is_pinned(self) -> bool:
        """Whether an operator promoted it, so that no newer fit speaks in its league until it is released."""
        return self.pinned_id == self.key

    @derived
    def trained_at(self) -> datetime | None:
        """When training ended, match time."""
        return self.fitted_at

    @derived
    def training_seconds(self) -> float | None:
        """Training time, seconds."""
        return self.fit_seconds

    @derived
    def training_match_count(self) -> int | None:
        """Matches trained on, count."""
        return self.training_matches

    @derived
    def training_data_cutoff_at(self) -> datetime | None:
        """Match time up to which anything was known to it; nothing later was used."""
        return self.data_cutoff_at

    @derived
    def hyperparameters(self) -> strawberry.scalars.JSON:
        """Parameters chosen before training: the settings it was made with."""
        return self.settings  # type: ignore[no-any-return]

    @derived
    def artifact_bytes(self) -> int | None:
        """Size of the stored file, bytes."""
        return self.state_size

    @derived
    def artifact_digest(self) -> str | None:
        """SHA-256 of the stored file."""
        return self.state_digest

    scorecard = batch(version_scorecards)
    calibration = batch(version_calibrations)


@strawberry.type(description="A page of models.")
class ModelConnection(Connection[Model]):
    pass


@strawberry.type(description="A page of model versions.")
class ModelVersionConnection(Connection[ModelVersion]):
    pass


def kinds_of(model: Model) -> list[MarketKind]:
    """Kinds of the markets that a model prices, each once."""
    return list(dict.fromkeys(MarketKind.of(key.partition(":")[0]) for key in model.market_keys))


async def versions_in_force(db: Rows, models: Sequence[Model]) -> list[list[ModelVersion]]:
    """The version of each model that is in force in each league."""
    keys = [model.key for model in models]
    rows = rows_of(ModelVersion, await queries.versions_in_force(db, keys))
    return grouped(keys, rows, lambda version: version.model_key)


async def _stages(db: Rows, versions: Sequence[ModelVersion]) -> list[tuple[ModelStage, str]]:
    standings = await db.pick(Standing, [version.model_key for version in versions])
    return [stage_of(version, standing) for version, standing in zip(versions, standings, strict=True)]


async def models(
    db: Rows,
    market: Annotated[MarketKind | None, strawberry.argument(description="Only models that price this.")] = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> ModelConnection:
    """Models and strategies."""
    page = read_page(MODEL_ORDER, first, after, last, before)
    where = queries.models_where(market.stored if market else None)
    rows = rows_of(Model, await queries.model_page(db, where, page))
    return connect_rows(ModelConnection, page, rows, Counts.of(partial(queries.model_count, where=where)))
