"""Jobs of the markets that plugins declare: what became of them is asked in a child, stored, and then acted upon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from domain.forecasting.plugin_states import note_call
from domain.infra import jobs
from domain.infra.clock import match_now
from domain.infra.database import connection_of
from domain.infra.errors import NotFound
from domain.infra.outbox import ask
from domain.markets.asking import (
    QUESTIONS,
    Answer,
    Question,
    kinds_to_ask,
    questions_of,
    settle_market_request,
    store_answers,
)
from domain.matches.service import SETTLE, grade_request
from touchline.plugins import Plugin
from touchline.sandbox import PluginError, Settled, limits_of, run_settle
from workers.boot import Boot


async def settle_markets(boot: Boot, job_id: str, *, match_ids: Sequence[int] = ()) -> None:
    """Ask for a job for each plugin's market about which there is something to ask.

    `match_ids` are matches whose facts changed; without any, all that were played of late are looked at.
    """
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        kinds = await kinds_to_ask(connection, now=await match_now(connection), match_ids=match_ids)
        if await jobs.finish(connection, job_id, {"markets": kinds}):
            await ask(connection, [settle_market_request(kind, match_ids) for kind in kinds])


async def settle_market(boot: Boot, job_id: str, *, market: str, match_ids: Sequence[int] = ()) -> None:
    """Ask a plugin what became of its market, keep what it says, and have it graded and its bets settled.

    A failure is counted, and a later look asks again.
    """
    try:
        plugin = boot.registry.plugin_of_market(market)
    except KeyError:
        raise NotFound(f"No installed plugin has the market {market}.") from None
    pool = boot.database.pool
    now = await match_now(pool)
    questions = await questions_of(pool, market, now=now, match_ids=match_ids)
    if not questions:
        await jobs.finish(pool, job_id, {"asked": 0, "answered": 0})
        return
    fault = error = milliseconds = None
    answers: list[Answer] = []
    try:
        began = time.perf_counter()
        answers = await asyncio.to_thread(_ask, boot, plugin, market, questions)
        milliseconds = 1000 * (time.perf_counter() - began)
    except PluginError as failure:
        fault, error = failure.kind, failure.sentence
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        if not await jobs.finish(connection, job_id, {"asked": len(questions), "answered": len(answers)}):
            return
        told = await store_answers(connection, answers, version=plugin.version, now=now, job_id=job_id)
        if told:
            more = [settle_market_request(market, match_ids)] if len(questions) == QUESTIONS else []
            await ask(connection, [*more, SETTLE, grade_request(told, are_repriced=True)])
        await note_call(connection, market, fault=fault, error=error, milliseconds=milliseconds, now=now, job_id=job_id)


def _ask(boot: Boot, plugin: Plugin, market: str, questions: Sequence[Question]) -> list[Answer]:
    """The plugin's answers from a child process; raises PluginError."""
    limits = limits_of(plugin, boot.settings.fit_timeout_seconds)
    settled = run_settle(plugin.entry, market, [(each.market, each.facts) for each in questions], limits)
    return [_answer(question, told) for question, told in zip(questions, settled, strict=True)]


def _answer(question: Question, told: Settled) -> Answer:
    if told.results is None:
        return Answer(question, None, None, told.reason)
    return Answer(question, told.results, told.sentences, None)
