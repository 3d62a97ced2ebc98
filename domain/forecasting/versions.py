"""Stored fits: with everything that makes them again, and the proof that it does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from domain.forecasting.history import past_of
from domain.infra.database import Reader
from domain.infra.errors import NotFound
from touchline import Model
from touchline.plugins import Registry
from touchline.sandbox import TIMEOUT, limits_of, run_fit
from touchline.settings import SettingError, configured, settings_declared, settings_of
from touchline.wire import inputs_digest


@dataclass(frozen=True, slots=True)
class Version:
    """A stored fit."""

    id: int
    model_key: str
    code_version: str
    league_id: int
    data_cutoff_at: datetime
    settings: Mapping[str, Any]
    seed: int
    state: bytes
    state_digest: str
    inputs_digest: str
    is_retrospective: bool

    @property
    def name(self) -> str:
        """As people see it: the version of the code and the number of the fit."""
        return f"{self.code_version}+{self.id}"


@dataclass(frozen=True, slots=True)
class Refitted:
    """A fit made again from its stored cut-off, seed and settings."""

    version: Version
    digest: str
    inputs_digest: str
    code_version: str
    settings: Mapping[str, Any]

    @property
    def is_same(self) -> bool:
        """Whether the new state is the stored one, bit for bit."""
        return self.digest == self.version.state_digest

    @property
    def reasons(self) -> list[str]:
        """What is different now, where the states differ."""
        told = []
        if self.code_version != self.version.code_version:
            told.append(f"the code is version {self.code_version} and was {self.version.code_version}")
        if dict(self.settings) != dict(self.version.settings):
            told.append("the model's settings were changed")
        if self.inputs_digest != self.version.inputs_digest and not told:
            told.append("matches before the cut-off were added or corrected since")
        return told or ([] if self.is_same else ["the same code gave another state from the same inputs"])


async def refit(reader: Reader, registry: Registry, version_id: int, *, timeout: float = TIMEOUT) -> Refitted:
    """Make a stored fit again and compare; nothing is written.

    Raises NotFound when the version or its model is not there, and PluginError when the model fails.
    """
    version = await read_version(reader, version_id)
    if version.model_key not in registry.models:
        raise NotFound(f"No installed plugin has the model {version.model_key}.")
    model, values = _as_it_was(registry.models[version.model_key], version)
    past = await past_of(reader, model, version.league_id, version.data_cutoff_at)
    plugin = registry.plugin_of(model.key)
    fitted = await asyncio.to_thread(
        run_fit,
        plugin.entry,
        model.key,
        past.history,
        seed=version.seed,
        settings=values,
        limits=limits_of(plugin, timeout),
    )
    inputs = inputs_digest(past.history, None, settings_of(model), model.version)
    return Refitted(version, fitted.digest, inputs, fitted.version, fitted.settings)


def _as_it_was(model: Model, version: Version) -> tuple[Model, dict[str, Any]]:
    """The installed model with the settings of a version, as far as its code still takes them, and those settings."""
    values = {one.name: version.settings[one.name] for one in settings_declared(model) if one.name in version.settings}
    try:
        return configured(model, values), values
    except SettingError:  # what is different is told by `Refitted.reasons`
        return model, {}


async def latest_version(reader: Reader, model_key: str, league_id: int) -> Version | None:
    """The newest fit of a model on a league."""
    row = await reader.fetchrow(
        f"{_VERSION} where model_key = $1 and league_id = $2 and not is_retrospective order by id desc limit 1",
        model_key,
        league_id,
    )
    return None if row is None else _version(row)


async def read_version(reader: Reader, version_id: int) -> Version:
    """A fit by its id; raises NotFound, also for a strategy's version, which has no fit."""
    row = await reader.fetchrow(f"{_VERSION} where id = $1 and league_id is not null", version_id)
    if row is None:
        raise NotFound(f"There is no fit with the id {version_id}.")
    return _version(row)


_VERSION = """select id, model_key, code_version, league_id, data_cutoff_at, settings::text as settings, seed, state,
                     state_digest, inputs_digest, is_retrospective from model_version"""


def _version(row: asyncpg.Record) -> Version:
    return Version(**{**row, "settings": orjson.loads(row["settings"])})
