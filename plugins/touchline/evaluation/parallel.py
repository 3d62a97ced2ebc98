"""Walks of many models at once, each in a process of its own, and what became of a model that failed.

Processes are started afresh, never forked: no thread or lock of the caller is copied, and the memory that a walk needed
can be told. Linear algebra runs on one thread in each, so that a walk gives the same bits whatever runs beside it.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final

from touchline.evaluation.dataset import Dataset
from touchline.evaluation.walk_forward import Tick, Walked, walk_forward
from touchline.plugins import describe
from touchline.types import Model, reach_of

ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Task:
    """A model and the leagues that it is walked through together."""

    model: Model
    leagues: tuple[str, ...]
    outcomes: Mapping[str, int] | None = None
    """How many outcomes plugins' own markets have, by name; any without it."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A walk that came to no end."""

    sentence: str


Answer = Walked | Failed


def tasks_of(models: Sequence[Model], leagues: Sequence[str], outcomes: Mapping[str, int] | None = None) -> list[Task]:
    """One task for each model that sees every league, which come first, and for the others one for each league."""
    across = [Task(model, tuple(leagues), outcomes) for model in models if reach_of(model).every_league]
    narrow = [model for model in models if not reach_of(model).every_league]
    within = [Task(model, (league,), outcomes) for model in narrow for league in leagues]
    return across + within


def run_tasks(
    tasks: Sequence[Task], dataset: Dataset, seasons: Sequence[int], seed: int, jobs: int, tick: Tick
) -> list[Answer]:
    """The answers in the order of the tasks; `tick` is called for each round that some task has finished.

    With one job everything runs in this process, with more in so many others at a time.
    """
    if jobs == 1:
        return [_walk(task, dataset, seasons, seed, tick) for task in tasks]
    answers: dict[int, Answer] = {}
    running: dict[Connection, tuple[int, SpawnProcess]] = {}
    waiting = list(enumerate(tasks))
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                index, task = waiting.pop(0)
                started = _start(task, dataset, seasons, seed)
                if isinstance(started, Failed):
                    answers[index] = started
                else:
                    running[started[0]] = index, started[1]
            ready = set(wait(running))
            for told in [one for one in running if one in ready]:
                answer = _heard(told, running[told][1], tick)
                if answer is not None:
                    answers[running.pop(told)[0]] = answer
    finally:
        for _, process in running.values():
            process.terminate()
    return [answers[index] for index in range(len(tasks))]


def _walk(task: Task, dataset: Dataset, seasons: Sequence[int], seed: int, tick: Tick) -> Answer:
    try:
        return walk_forward(task.model, dataset, task.leagues, seasons, seed, tick, task.outcomes)
    except Exception as error:  # noqa: BLE001 - recorded: the row says why it is missing
        return Failed(f"{', '.join(task.leagues)}: {describe(error)}")


def _start(task: Task, dataset: Dataset, seasons: Sequence[int], seed: int) -> tuple[Connection, SpawnProcess] | Failed:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_in_child, args=(theirs, task, dataset, tuple(seasons), seed), daemon=True)
    try:
        with _one_thread():
            process.start()
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        ours.close()
        return Failed(f"the model cannot be sent to another process ({error}): take one job")
    finally:
        theirs.close()
    return ours, process


def _in_child(told: Connection, task: Task, dataset: Dataset, seasons: Sequence[int], seed: int) -> None:
    told.send(_walk(task, dataset, seasons, seed, lambda: told.send(None)))


def _heard(told: Connection, process: SpawnProcess, tick: Tick) -> Answer | None:
    """The answer of a process, or None when it only told that a round is done."""
    try:
        answer: Answer | None = told.recv()
    except EOFError:
        process.join()
        answer = Failed(
            f"its process ended with exit code {process.exitcode}: too little memory, or the model ended it"
        )
    if answer is None:
        tick()
        return None
    told.close()
    process.join()
    return answer


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes that are started within have one thread of linear algebra."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
