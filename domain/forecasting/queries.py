"""Reads of predictions, and of the models and versions that made them.

Each answers for many at once with one statement. `key` is the primary key, `owner` the parent. What a model of a plugin
in shadow says is read only with `sees_shadow`, but for what users were shown while its plugin was active.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from asyncpg import Record

from domain.infra.database import Reader
from domain.infra.listing import SortKey, Where, Window
from domain.markets.queries import graph_kind

IN_SHADOW = """array(select dark.key from model dark join plugin darker on darker.key = dark.plugin_key
    where darker.status = 'SHADOW')"""
"""Keys of the models and strategies of plugins in shadow, which PostgreSQL reads once a statement."""

PREDICTION = """p.id as key, p.match_id, p.market_id, k.key as market_key, k.kind as market_kind, p.model_version_id,
    p.model_key, p.probabilities, p.family, p.parameters, p.expected_value, p.confidence, p.basis, p.predicted_at,
    p.data_cutoff_at, p.compute_milliseconds, p.inputs_digest, p.job_id"""

_STANDING = f"""{PREDICTION}, c.confirmed_at, c.is_stale, c.is_served
    from current_prediction c join prediction p on p.id = c.prediction_id join market k on k.id = c.market_id"""

# Any prediction, with what is true of it today.
_PAST = f"""{PREDICTION}, case when c.prediction_id = p.id then c.confirmed_at else p.predicted_at end as confirmed_at,
    c.prediction_id = p.id and c.is_stale as is_stale, coalesce(c.is_served, false) as is_served
    from prediction p join market k on k.id = p.market_id
    left join current_prediction c using (match_id, market_id, model_key)"""

# What was shown at the instant $2, which nothing that happens later changes.
_SHOWN_THEN = """(select distinct on (s.match_id, s.market_id) s.match_id, s.market_id, s.prediction_id
    from served_prediction s where s.match_id = any($1::bigint[]) and s.served_from <= $2
    order by s.match_id, s.market_id, s.served_from desc, s.id desc)"""

_THEN = f"{PREDICTION}, p.predicted_at as confirmed_at, false as is_stale"


def _may_be_seen(sees_shadow: str) -> str:
    """A condition on `prediction p`; the parameter says whether what was never shown counts."""
    return f"""({sees_shadow} or p.model_key <> all({IN_SHADOW}) or exists (select 1 from served_prediction s
        where s.match_id = p.match_id and s.market_id = p.market_id and s.prediction_id = p.id))"""


async def served(db: Reader, match_ids: Sequence[int]) -> list[Record]:
    """Standing predictions that are shown, of all markets of each match."""
    return await db.fetch(
        f"select {_STANDING} where c.match_id = any($1::bigint[]) and c.is_served order by k.kind, k.line", match_ids
    )


async def served_at(db: Reader, match_ids: Sequence[int], as_of: datetime) -> list[Record]:
    """What was shown at `as_of`, of all markets of each match."""
    return await db.fetch(
        f"""select {_THEN}, true as is_served from {_SHOWN_THEN} shown
            join prediction p on p.id = shown.prediction_id join market k on k.id = p.market_id
            order by k.kind, k.line""",
        match_ids,
        as_of,
    )


async def of_version(
    db: Reader, match_ids: Sequence[int], version_id: int, as_of: datetime | None, *, sees_shadow: bool = False
) -> list[Record]:
    """The newest prediction of each market by one model version."""
    return await db.fetch(
        f"""select * from (
              select distinct on (p.match_id, p.market_id) {_PAST}
              where p.match_id = any($1::bigint[]) and p.model_version_id = $2
                and ($3::timestamptz is null or p.predicted_at <= $3) and {_may_be_seen("$4::bool")}
              order by p.match_id, p.market_id, p.predicted_at desc, p.id desc) newest order by market_key""",
        match_ids,
        version_id,
        as_of,
        sees_shadow,
    )


async def newest_predictions(
    db: Reader,
    match_ids: Sequence[int],
    *,
    kinds: Sequence[str] | None,
    model_keys: Sequence[str] | None,
    as_of: datetime | None,
    include_shadow: bool,
    sees_shadow: bool = False,
) -> list[Record]:
    """The newest prediction of each market by each model, or that of `as_of`: the served model first, then by model.

    `include_shadow` adds the models that are not served; `sees_shadow` is what they are narrowed by.
    """
    wanted = f"""($3::text[] is null or {graph_kind("market_kind")} = any($3))
        and ($4::text[] is null or model_key = any($4))
        and (is_served or $5::bool and ($6::bool or model_key <> all({IN_SHADOW})))
        order by market_kind, market_key, is_served desc, model_key"""
    return await db.fetch(
        f"select * from ({_ALL_NOW if as_of is None else _ALL_THEN}) each_model where {wanted}",
        match_ids,
        as_of,
        kinds,
        model_keys,
        include_shadow,
        sees_shadow,
    )


_ALL_NOW = f"select {_STANDING} where c.match_id = any($1::bigint[]) and $2::timestamptz is null"
_ALL_THEN = f"""select distinct on (p.match_id, p.market_id, p.model_key) {_THEN},
      p.model_key is not distinct from shown.model_key as is_served
    from prediction p join market k on k.id = p.market_id
    left join (select s.match_id, s.market_id, w.model_key from {_SHOWN_THEN} s
               join prediction w on w.id = s.prediction_id) shown using (match_id, market_id)
    where p.match_id = any($1::bigint[]) and p.predicted_at <= $2
    order by p.match_id, p.market_id, p.model_key, p.predicted_at desc, p.id desc"""


async def predictions(db: Reader, ids: Sequence[int], *, sees_shadow: bool = False) -> list[Record]:
    """Predictions by id."""
    return await db.fetch(
        f"select {_PAST} where p.id = any($1::bigint[]) and {_may_be_seen('$2::bool')}", ids, sees_shadow
    )


async def successors(db: Reader, ids: Sequence[int]) -> list[Record]:
    """The prediction that replaced each: the next of the same model for the same market, as `owner` and `key`."""
    return await db.fetch(
        """select p.id as owner, next.id as key from prediction p cross join lateral (
             select n.id from prediction n
             where n.match_id = p.match_id and n.market_id = p.market_id and n.model_key = p.model_key
               and (n.predicted_at, n.id) > (p.predicted_at, p.id)
             order by n.predicted_at, n.id limit 1) next
           where p.id = any($1::bigint[])""",
        ids,
    )


async def compared(db: Reader, match_ids: Sequence[int], market_key: str, *, sees_shadow: bool = False) -> list[Record]:
    """What each enabled model says of a market of each match, unless it failed since: the shown one first."""
    return await db.fetch(
        f"""select {_STANDING} join model m on m.key = c.model_key join plugin g on g.key = m.plugin_key
            where c.match_id = any($1::bigint[]) and k.key = $2 and not c.is_stale
              and (g.status = 'ACTIVE' or $3::bool and g.status = 'SHADOW')
            order by c.is_served desc, c.model_key""",
        match_ids,
        market_key,
        sees_shadow,
    )


async def forecast_markets(db: Reader) -> list[str]:
    """Canonical keys of all markets that models price, by key."""
    rows = await db.fetch("select distinct jsonb_array_elements_text(markets) as key from model order by key")
    return [row["key"] for row in rows]


HISTORY_ORDER = SortKey("p.predicted_at")


async def history_page(
    db: Reader,
    match_ids: Sequence[int],
    market_key: str,
    model_key: str | None,
    window: Window,
    *,
    sees_shadow: bool = False,
) -> list[Record]:
    """A page of all predictions of one market of each match, by the served model where none is named."""
    condition, ordering, arguments = Where(list(match_ids), market_key, model_key, sees_shadow).paged(window)
    return await db.fetch(
        f"""select owner.id as owner, page.* from unnest($1::bigint[]) as owner(id) cross join lateral (
              select {HISTORY_ORDER.sql} as sort_key, {_PAST}
              where p.match_id = owner.id and {_OF_HISTORY} and {condition} {ordering}) page""",
        *arguments,
    )


async def history_counts(
    db: Reader, match_ids: Sequence[int], market_key: str, model_key: str | None, *, sees_shadow: bool = False
) -> dict[int, int]:
    """Sizes of the histories by match; a match without one is missing."""
    rows = await db.fetch(
        f"""select p.match_id, count(*) from prediction p join market k on k.id = p.market_id
            left join current_prediction c using (match_id, market_id, model_key)
            where p.match_id = any($1::bigint[]) and {_OF_HISTORY} group by 1""",
        match_ids,
        market_key,
        model_key,
        sees_shadow,
    )
    return {row["match_id"]: row["count"] for row in rows}


_OF_HISTORY = f"""k.key = $2 and case when $3::text is null then c.is_served else p.model_key = $3 end
    and {_may_be_seen("$4::bool")}"""

MODEL = """m.key as model_key, m.key, m.plugin_key, m.kind as role, m.version as code_version,
    m.markets as market_keys, m.odds_use as uses_odds, m.settings, m.settings_schema,
    exists (select 1 from plugin o where o.key = m.plugin_key and o.status = 'SHADOW') as is_shadow"""
MODEL_ORDER = SortKey("m.key")
PRICES = f"""exists (select 1 from (select split_part(jsonb_array_elements_text(m.markets), ':', 1) as kind) priced
    where {graph_kind("priced.kind")} = {{}})"""


async def models(db: Reader, keys: Sequence[str]) -> list[Record]:
    """Models and strategies by key."""
    return await db.fetch(f"select {MODEL} from model m where m.key = any($1::text[])", keys)


async def models_of_plugins(db: Reader, plugin_keys: Sequence[str]) -> list[Record]:
    """Models and strategies of plugins."""
    return await db.fetch(
        f"select {MODEL} from model m where m.plugin_key = any($1::text[]) order by m.key", plugin_keys
    )


def models_where(kind: str | None) -> Where:
    """Models that price a kind of market."""
    where = Where()
    if kind is not None:
        where.add(PRICES, kind)
    return where


async def model_page(db: Reader, where: Where, window: Window) -> list[Record]:
    """A page of models by key."""
    condition, ordering, arguments = where.paged(window)
    return await db.fetch(f"select {MODEL}, m.key as sort_key from model m where {condition} {ordering}", *arguments)


async def model_count(db: Reader, where: Where) -> int:
    """Size of the whole list."""
    count: int = await db.fetchval(f"select count(*) from model m where {where.sql}", *where.arguments)
    return count


_NEWEST = """(select max(n.id) from model_version n
    where n.model_key = v.model_key and n.league_id is not distinct from v.league_id and not n.is_retrospective)"""
VERSION = f"""v.id as key, v.model_key, v.code_version, v.league_id, v.fitted_at, v.data_from, v.data_cutoff_at,
    v.training_matches, v.fit_seconds, v.settings, v.seed, v.state_size, v.state_digest, v.inputs_digest, v.job_id,
    v.is_retrospective as is_looking_back, {_NEWEST} as newest_id,
    pin.model_version_id as pinned_id, pin.reason as pin_reason, pin.pinned_at"""
_VERSIONS = """model_version v left join lateral (
      select n.model_version_id, n.reason, n.pinned_at from model_pin n
      where n.model_key = v.model_key and n.league_id = v.league_id order by n.id desc limit 1) pin on true"""
VERSION_ORDER = SortKey("v.id")


async def versions(db: Reader, ids: Sequence[int]) -> list[Record]:
    """Model versions by id, without their state, and with the newest word on which is pinned in their league."""
    return await db.fetch(f"select {VERSION} from {_VERSIONS} where v.id = any($1::bigint[])", ids)


async def is_version_in_shadow(db: Reader, version_id: int) -> bool:
    """Whether a version is of a model whose plugin is in shadow."""
    return bool(
        await db.fetchval(
            f"select exists (select 1 from model_version where id = $1 and model_key = any({IN_SHADOW}))", version_id
        )
    )


async def versions_in_force(db: Reader, model_keys: Sequence[str]) -> list[Record]:
    """The version of each model that is in force in each league, last fitted first."""
    return await db.fetch(
        f"""select {VERSION} from {_VERSIONS}
            where v.model_key = any($1::text[]) and v.id = coalesce(pin.model_version_id, {_NEWEST})
            order by v.fitted_at desc, v.id desc""",
        model_keys,
    )


async def version_page(db: Reader, model_keys: Sequence[str], window: Window) -> list[Record]:
    """A page of the versions of each model, with `owner`."""
    condition, ordering, arguments = Where(list(model_keys)).paged(window)
    return await db.fetch(
        f"""select owner.key as owner, page.* from unnest($1::text[]) as owner(key) cross join lateral (
              select {VERSION}, v.id as sort_key from {_VERSIONS}
              where v.model_key = owner.key and {condition} {ordering}) page""",
        *arguments,
    )


async def version_counts(db: Reader, model_keys: Sequence[str]) -> Mapping[str, int]:
    """How many versions each model has; one without is missing."""
    rows = await db.fetch(
        "select model_key, count(*) from model_version where model_key = any($1::text[]) group by 1", model_keys
    )
    return {row["model_key"]: row["count"] for row in rows}
