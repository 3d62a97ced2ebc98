"""The whole stack, from nothing to ready to stopped: `touchline demo` and `touchline up`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from domain.infra.settings import read_settings, secret_of
from workers.demo_people import ACCOUNTS, invitation
from workers.stack import processes
from workers.stack.accounts import server_account
from workers.stack.binaries import Program, find_postgres, find_redis
from workers.stack.embedded import (
    database_url,
    postgres_child,
    prepare_data_folder,
    redis_child,
    redis_url,
)
from workers.stack.locks import folder_lock
from workers.stack.mailbox import Mailbox
from workers.stack.ports import claim_port
from workers.stack.processes import Deployment
from workers.stack.report import Report
from workers.stack.running import Running, forget_running, started_now, write_running
from workers.stack.secret import secret_key
from workers.stack.sockets import remove_socket_folder, socket_folder
from workers.stack.supervisor import Supervisor, stop_requests

LOCAL_ORIGINS = ("http://localhost:*", "http://127.0.0.1:*")
"""What a demo allows, so that a frontend on another port of the same machine works as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoData:
    """Which simulated league is loaded, and how fast its time goes."""

    seed: int
    speed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be started; a server whose URL is None is an embedded one."""

    data_dir: Path
    host: str
    port: int
    database_url: str | None = None
    redis_url: str | None = None
    demo: DemoData | None = None


def run_stack(plan: Plan, report: Report, announce: Callable[[str], None]) -> None:
    """Run the stack until somebody asks to stop; `announce` gets the lines that say where it is.

    Raises StackError or SettingsError before anything is started when it cannot go well, and
    Stopped when somebody asked to stop before it was ready. Nothing is left running either way.
    """
    logs = prepare_data_folder(plan.data_dir, servers=plan.database_url is None or plan.redis_url is None)
    with ExitStack() as stack:
        stack.enter_context(folder_lock(plan.data_dir))
        stack.callback(forget_running, plan.data_dir)
        port = claim_port(plan.host, plan.port)
        programs = _find_programs(plan)
        sockets = socket_folder(plan.data_dir)  # stays empty when both servers are somebody else's
        stack.callback(remove_socket_folder, plan.data_dir)
        deployment = _deployment(plan, sockets, port)
        requests = stack.enter_context(stop_requests())
        told = _Told(plan.data_dir, deployment)
        mailbox = Mailbox(plan.data_dir, report.say)
        supervisor = stack.enter_context(Supervisor(logs, requests, say=report.say, changed=told.write))
        _start_servers(plan, programs, sockets, supervisor, report)
        _start_processes(plan, deployment, supervisor, report)
        told.write(supervisor.pids)
        for line in _announcement(plan, deployment, supervisor.pids):
            announce(line)
        supervisor.watch(also=mailbox.look)
        report.say("Stopping; press Ctrl-C again to hurry.")


class _Told:
    """Writes run.json, at first and after every restart."""

    def __init__(self, folder: Path, deployment: Deployment) -> None:
        self._folder = folder
        self._deployment = deployment
        self._started_at = started_now()

    def write(self, pids: Mapping[str, int]) -> None:
        origin = self._deployment.origin
        write_running(
            self._folder,
            Running(
                database_url=self._deployment.database_url,
                redis_url=self._deployment.redis_url,
                host=self._deployment.host,
                port=self._deployment.port,
                graphql=f"http://{origin}/graphql",
                live=f"ws://{origin}/graphql",
                health=f"http://{origin}/healthz",
                started_at=self._started_at,
                pids={"supervisor": os.getpid(), **pids},
            ),
        )


def _find_programs(plan: Plan) -> tuple[Program | None, Program | None]:
    account = server_account()
    postgres = find_postgres(account) if plan.database_url is None else None
    redis = find_redis(account) if plan.redis_url is None else None
    return postgres, redis


def _deployment(plan: Plan, sockets: Path, port: int) -> Deployment:
    """Where everything will be; every setting of the environment is checked before anything starts."""
    settings = read_settings(
        database_url=plan.database_url or database_url(sockets),
        redis_url=plan.redis_url or redis_url(sockets),
        host=plan.host,
        port=port,
        data_dir=plan.data_dir,
        secret_key=secret_key(plan.data_dir),
    )
    return Deployment(
        data_dir=plan.data_dir,
        database_url=settings.database_url,
        redis_url=settings.redis_url,
        host=settings.host,
        port=settings.port,
        secret_key=secret_of(settings).decode(),
        allowed_origins=settings.allowed_origins or (LOCAL_ORIGINS if plan.demo is not None else ()),
        example_accounts=ACCOUNTS if plan.demo is not None else settings.example_accounts,
    )


def _start_servers(
    plan: Plan,
    programs: tuple[Program | None, Program | None],
    sockets: Path,
    supervisor: Supervisor,
    report: Report,
) -> None:
    postgres, redis = programs
    if postgres is not None:
        with report.step(str(postgres)):
            supervisor.start(postgres_child(plan.data_dir, sockets, postgres))
    if redis is not None:
        with report.step(str(redis)):
            supervisor.start(redis_child(plan.data_dir, sockets, redis))


def _start_processes(plan: Plan, deployment: Deployment, supervisor: Supervisor, report: Report) -> None:
    """Started last is stopped first: API, scheduler, worker, then the servers."""
    with report.step("Schema", "migrated"):
        supervisor.run(processes.migration(deployment))
    if plan.demo is not None:
        with report.step("Demo league", "loaded"):
            supervisor.run(processes.demo_seed(deployment, seed=plan.demo.seed, speed=plan.demo.speed))
    with report.step("Worker and scheduler", "started"):
        supervisor.start(processes.worker(deployment))
        supervisor.start(processes.scheduler(deployment))
    with report.step("API"):
        supervisor.start(processes.api(deployment))


def _announcement(plan: Plan, deployment: Deployment, pids: Mapping[str, int]) -> list[str]:
    origin = deployment.origin
    return [
        "Touchline is ready",
        f"GraphQL  http://{origin}/graphql",
        f"Live     ws://{origin}/graphql",
        f"Health   http://{origin}/healthz",
        *([invitation()] if plan.demo is not None else []),
        f"Data     {deployment.data_dir}",
        "Pids     " + ", ".join(f"{name} {pid}" for name, pid in {"supervisor": os.getpid(), **pids}.items()),
    ]
