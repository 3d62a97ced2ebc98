"""The embedded servers: PostgreSQL and Redis in a data folder, on unix sockets that only we can open.

    <data>/postgres   the cluster          <data>/run    the sockets (a link to a short folder elsewhere
    <data>/redis      the append-only file               when the path is too long for a socket)
    <data>/logs       what they print      <data>/lock   held while they run

Tests and tools start both for the length of a block:

    with start_servers() as servers:
        ...servers.database_url, servers.redis_url
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from workers.stack.accounts import Account, first_barrier, own_folder, server_account
from workers.stack.binaries import Program, find_postgres, find_redis
from workers.stack.children import Child, end, identity, start
from workers.stack.errors import StackError
from workers.stack.locks import folder_lock
from workers.stack.orphans import clear_the_way
from workers.stack.sockets import remove_socket_folder, short_base, socket_folder

NAME = "touchline"
"""Both the database and its user."""
_STALE = ("lock file", "shared memory", "Address already in use")


@dataclass(frozen=True, slots=True)
class Servers:
    """The URLs of two running servers."""

    database_url: str
    redis_url: str


@contextmanager
def start_servers(data_dir: Path | None = None, *, durable: bool = True) -> Iterator[Servers]:
    """Run PostgreSQL and Redis in a data folder while the block runs, without a supervisor.

    Without `data_dir` they live in a new temporary folder, removed at the end. `durable=False` is
    for tests: nothing is forced to disk, and where root's servers, which run as `nobody`, may not
    reach `data_dir` (pytest's folders are closed to them) the temporary folder is taken as well.
    Call it from the main thread. On Linux both end with the caller, even after `kill -9`.
    """
    with ExitStack() as stack:
        folder = data_dir
        if folder is None or (not durable and first_barrier(folder, server_account()) is not None):
            folder = stack.enter_context(_temporary_folder())
        logs, sockets = _take(folder, stack)
        for child in (
            postgres_child(folder, sockets, find_postgres(server_account()), durable=durable),
            redis_child(folder, sockets, find_redis(server_account()), durable=durable),
        ):
            process, _ = start(child, logs)
            stack.callback(end, child, process)
        yield Servers(database_url(sockets), redis_url(sockets))


@contextmanager
def start_postgres(data_dir: Path) -> Iterator[str]:
    """Run PostgreSQL alone on a data folder while the block runs; the URL of its database."""
    with ExitStack() as stack:
        logs, sockets = _take(data_dir, stack)
        child = postgres_child(data_dir, sockets, find_postgres(server_account()))
        process, _ = start(child, logs)
        stack.callback(end, child, process)
        yield database_url(sockets)


def _take(folder: Path, stack: ExitStack) -> tuple[Path, Path]:
    """Hold a data folder as long as the stack is open; its folders of logs and of sockets."""
    logs = prepare_data_folder(folder)
    stack.enter_context(folder_lock(folder))
    sockets = socket_folder(folder)
    stack.callback(remove_socket_folder, folder)
    return logs, sockets


def has_cluster(data_dir: Path) -> bool:
    """Whether embedded servers have kept a database in this data folder."""
    return (data_dir / "postgres").exists()


def database_url(sockets: Path) -> str:
    """The embedded PostgreSQL, as asyncpg and SQLAlchemy are told of it."""
    return f"postgresql://{NAME}@/{NAME}?host={quote(str(sockets), safe='')}"


def redis_url(sockets: Path) -> str:
    """The embedded Redis, as redis-py is told of it."""
    return f"unix://{quote(str(sockets / 'redis.sock'))}"


def prepare_data_folder(folder: Path, *, servers: bool = True) -> Path:
    """Make the data folder and its folder of logs; answers the latter.

    Raises StackError when it cannot be written, or when embedded `servers` could not get there.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        logs = folder / "logs"
        logs.mkdir(mode=0o700, exist_ok=True)
        if servers:
            _let_through(folder)
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise StackError(
            f"{folder} cannot be used as a data folder ({error.strerror}). Name another with `--data-dir`."
        ) from None
    return logs


def _let_through(folder: Path) -> None:
    """Let the servers' account pass the data folder itself; the folders above are not ours to change."""
    account = server_account()
    if account is None:
        return
    folder.chmod(folder.stat().st_mode & 0o777 | 0o011)
    barrier = first_barrier(folder, account)
    if barrier is not None:
        raise StackError(
            f"Root's servers run as `nobody`, who may not pass {barrier}. "
            "Name a data folder elsewhere with `--data-dir`, for example /var/lib/touchline/demo."
        )


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="touchline-data-", dir=short_base(server_account())) as folder:
        yield Path(folder)


def postgres_child(folder: Path, sockets: Path, program: Program, *, durable: bool = True) -> Child:
    """PostgreSQL on the data folder's cluster, which is made when there is none."""
    account = server_account()
    cluster = folder / "postgres"
    create_cluster(cluster, program, account)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "jit": "off",  # compiling costs more than our short queries take
        "shared_buffers": "128MB",
        "max_connections": "100",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return Child(
        name="postgres",
        argv=(str(program.path), "-D", str(cluster), *_options(settings)),
        env=_server_environment(),
        ready=partial(_postgres_is_ready, cluster),
        prepare=partial(clear_the_way, cluster / "postmaster.pid", [sockets / ".s.PGSQL.5432.lock"], folder),
        stop_signal=signal.SIGINT,  # fast shutdown: sessions are ended, then a checkpoint
        hurry_signal=signal.SIGQUIT,  # no checkpoint: the next start replays the log
        death_signal=signal.SIGQUIT,
        ready_seconds=300.0,  # replaying the log after a crash may take long; it must not be cut short
        retry_on=_STALE,
        account=account,
    )


def redis_child(folder: Path, sockets: Path, program: Program, *, durable: bool = True) -> Child:
    """Redis (or Valkey) with an append-only file, flushed every second."""
    account = server_account()
    home = own_folder(folder / "redis", account)
    settings = {
        "port": "0",
        "unixsocket": str(sockets / "redis.sock"),
        "unixsocketperm": "700",
        "dir": str(home),
        "pidfile": str(home / "redis.pid"),
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "set-proc-title": "no",  # `ps` goes on showing the data folder
    }
    return Child(
        name="redis",
        argv=(str(program.path), *(word for name, value in settings.items() for word in (f"--{name}", value))),
        env=_server_environment(),
        ready=partial(_redis_is_ready, sockets / "redis.sock"),
        prepare=partial(clear_the_way, home / "redis.pid", [sockets / "redis.sock"], folder),
        stop_signal=signal.SIGTERM,
        death_signal=signal.SIGTERM,  # it writes out its file and ends at once
        retry_on=_STALE,
        account=account,
    )


def _options(settings: Mapping[str, str]) -> Iterator[str]:
    for name, value in settings.items():
        yield from ("-c", f"{name}={value}")


def _server_environment() -> dict[str, str]:
    """A small environment: no PG* variable redirects a server, and no secret of the caller's reaches it."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C"}


def create_cluster(cluster: Path, program: Program, account: Account | None) -> None:
    """Make a new database cluster with our database in it, unless there is one.

    It appears under its name in one step; what an interrupted attempt left is thrown away.
    """
    if cluster.exists():
        _refuse_other_version(cluster, program)
        return
    fresh = cluster.with_name("postgres.new")
    if fresh.exists():
        shutil.rmtree(fresh)
    own_folder(fresh, account)
    initdb = [program.path.with_name("initdb"), "-D", fresh, "-U", NAME, "--auth-local=trust", "--auth-host=reject"]
    # Without --no-sync it takes three seconds more; the files reach the disk with the first checkpoints.
    _run([*map(str, initdb), "--no-sync", "--encoding=UTF8", *_locale(program)], account)
    _run([str(program.path), "--single", "-D", str(fresh), "postgres"], account, say=f"CREATE DATABASE {NAME};\n")
    fresh.rename(cluster)


def _locale(program: Program) -> list[str]:
    """The same byte order on every machine, whatever locales it has."""
    provider = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if program.major >= 17 else []
    return ["--locale=C", *provider]


def _refuse_other_version(cluster: Path, program: Program) -> None:
    """PostgreSQL reads the clusters of its own major version only; say so before it does."""
    try:
        made_by = int((cluster / "PG_VERSION").read_text())
    except PermissionError:
        raise StackError(
            f"{cluster} belongs to another user of this machine. Name a folder of your own with `--data-dir`."
        ) from None
    if made_by != program.major:
        raise StackError(
            f"{cluster} was made by PostgreSQL {made_by}, and this is {program.version}. "
            "Use the old one to dump it, or name a new folder with `--data-dir`."
        )


def _run(argv: list[str], account: Account | None, *, say: str = "") -> None:
    done = subprocess.run(
        argv,
        input=say,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=_server_environment(),
        **identity(account),
    )
    if done.returncode != 0:
        raise StackError(f"{Path(argv[0]).name} failed: {done.stderr.strip()[-1000:]}")


def _postgres_is_ready(cluster: Path, pid: int) -> bool:
    """PostgreSQL writes its state into the eighth line of its pid file (`pg_ctl -w` looks there too)."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _redis_is_ready(path: Path, pid: int) -> bool:
    """Redis answers PING with PONG once its file is loaded."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return pid > 0 and client.recv(16).startswith(b"+PONG")
        except OSError:
            return False
