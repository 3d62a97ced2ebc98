"""The provider: files in folders, single files, and a real HTTP server of our own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from workers.providers.football_data import FootballData, providers

PAYLOADS = Path(__file__).parent / "payloads" / "football_data"
FOLDER = str(PAYLOADS)


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a log."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Scripted(BaseHTTPRequestHandler):
    """Answers with the script's next status; the last one again and again."""

    script: list[tuple[int, str, bytes]]
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status, kind, body = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) + (1 if kind == "cut" else 0)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(handler: partial[Quiet] | type[Scripted]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def scripted(*script: tuple[int, str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """A server that follows a script, and the list of what it was asked."""
    asked: list[str] = []
    handler = type("Script", (Scripted,), {"script": list(script), "asked": asked})
    with serving(handler) as base:
        yield base, asked


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The payloads laid out as the site has them."""
    (tmp_path / "mmz4281").symlink_to(PAYLOADS, target_is_directory=True)
    (tmp_path / "fixtures.csv").symlink_to(PAYLOADS / "fixtures.csv")
    with serving(partial(Quiet, directory=str(tmp_path))) as base:
        yield base


@pytest.fixture
def mirror() -> Iterator[str]:
    """The payloads' folder, served as it is."""
    with serving(partial(Quiet, directory=FOLDER)) as base:
        yield base


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def provider(waits: list[float]) -> FootballData:
    return FootballData(timeout=5, pause=waits.append)


def test_the_module_offers_the_provider_by_its_hook() -> None:
    assert [(one.key, one.name) for one in providers()] == [("football-data", "football-data.co.uk")]


def test_a_folder_lists_its_seasons_and_fixtures_and_no_other_subfolder(provider: FootballData) -> None:
    assert provider.files(FOLDER, [], []) == [
        "0506/X1.csv",
        "1617/X1.csv",
        "1819/X1.csv",
        "2021/X1.csv",
        "2425/X1.csv",
        "2425/X2.csv",
        "fixtures.csv",
    ]


def test_a_folder_is_narrowed_to_leagues_and_seasons(provider: FootballData) -> None:
    assert provider.files(FOLDER, ["X2"], []) == ["2425/X2.csv", "fixtures.csv#leagues=X2"]
    assert provider.files(FOLDER, ["X1"], [2024, 2016]) == [
        "1617/X1.csv",
        "2425/X1.csv",
        "fixtures.csv#leagues=X1&seasons=2024,2016",
    ]


@pytest.mark.parametrize(
    ("fragment", "homes"),
    [
        ("", ["Ashmarrow", "Brindlewick", "Elderhythe"]),
        ("#leagues=X2", ["Elderhythe"]),
        ("#leagues=X1,X2&seasons=2025", ["Ashmarrow", "Brindlewick", "Elderhythe"]),
        ("#seasons=2024", []),
    ],
)
def test_the_fixtures_file_gives_what_its_name_asks_for(
    provider: FootballData, fragment: str, homes: list[str]
) -> None:
    assert [match.home for match in provider.read(FOLDER, f"fixtures.csv{fragment}")[0]] == homes


def test_a_subfolder_of_another_shape_is_an_origin_of_its_own(provider: FootballData) -> None:
    assert provider.files(f"{FOLDER}/in_progress", [], []) == ["2526/X2.csv"]
    assert provider.files(f"{FOLDER}/2425", ["X2"], [2024]) == ["X2.csv"]
    assert provider.files(f"{FOLDER}/2425", [], [2023]) == []
    assert provider.read(f"{FOLDER}/2425", "X2.csv")[0][0].season == 2024


def test_a_single_file_is_an_origin(provider: FootballData) -> None:
    origin = f"{FOLDER}/1617/X1.csv"
    assert provider.files(origin, [], []) == ["X1.csv"]
    matches, rejected = provider.read(origin, "X1.csv")
    assert ([match.season for match in matches], rejected) == ([2016] * 3, [])


def test_the_folder_names_the_season(provider: FootballData, tmp_path: Path) -> None:
    (tmp_path / "1920").mkdir()
    (tmp_path / "1920" / "X1.csv").write_text("Div,Date,HomeTeam,AwayTeam\nX1,02/08/2020,A,B\nX1,02/11/2020,C,D\n")
    matches, rejected = provider.read(str(tmp_path), "1920/X1.csv")
    assert [match.season for match in matches] == [2019]
    assert [(one.origin, one.reason) for one in rejected] == [
        ("1920/X1.csv:3", "02/11/2020 is not in the season 2019/20")
    ]


def test_what_is_not_there_is_named(provider: FootballData, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or folder"):
        provider.files(str(tmp_path / "nowhere"), [], [])
    with pytest.raises(FileNotFoundError, match=r"neither <season>/<league>\.csv"):
        provider.files(str(tmp_path), [], [])
    with pytest.raises(FileNotFoundError):
        provider.read(FOLDER, "2425/X9.csv")


def test_a_base_url_wants_leagues_and_seasons(provider: FootballData) -> None:
    with pytest.raises(ValueError, match="name leagues and seasons, for example --league E0 --season 2425"):
        provider.files("https://example.org", ["E0"], [])
    assert provider.files("https://example.org", ["X2", "X1"], [2024]) == [
        "2425/X1.csv",
        "2425/X2.csv",
        "fixtures.csv#leagues=X2,X1&seasons=2024",
    ]


@pytest.mark.parametrize("kind", ["site", "mirror"])
def test_a_base_url_gives_the_same_as_the_folder(
    provider: FootballData, kind: str, request: pytest.FixtureRequest
) -> None:
    base: str = request.getfixturevalue(kind)
    for file in ("2425/X1.csv", "1617/X1.csv", "fixtures.csv#leagues=X1"):
        assert provider.read(base, file) == provider.read(FOLDER, file)
        assert provider.read(f"{base}/", file)[0]


def test_a_url_may_name_one_file(provider: FootballData, mirror: str) -> None:
    assert provider.files(f"{mirror}/1617/X1.csv", [], []) == ["X1.csv"]
    by_url = provider.read(f"{mirror}/1617/X1.csv", "X1.csv")
    assert by_url == provider.read(f"{FOLDER}/1617/X1.csv", "X1.csv")
    assert len(by_url[0]) == 3


def test_a_missing_file_names_its_addresses(provider: FootballData, mirror: str, waits: list[float]) -> None:
    with pytest.raises(FileNotFoundError) as refusal:
        provider.read(mirror, "2425/X9.csv")
    assert str(refusal.value) == f"{mirror}/mmz4281/2425/X9.csv and {mirror}/2425/X9.csv: not there (404)"
    assert waits == [], "what is not there is not asked for again"


GOOD = (200, "text/csv", b"Div,Date,HomeTeam,AwayTeam\nX1,17/08/2024,A,B\n")


def test_a_passing_failure_is_tried_again(provider: FootballData, waits: list[float]) -> None:
    with scripted((503, "text/plain", b"busy"), (429, "text/plain", b"slow"), GOOD) as (base, asked):
        matches, rejected = provider.read(base, "2425/X1.csv")
    assert (len(matches), rejected, waits) == (1, [], [1.0, 2.0])
    assert asked == ["/mmz4281/2425/X1.csv"] * 3


def test_a_body_shorter_than_promised_is_tried_again(provider: FootballData, waits: list[float]) -> None:
    with scripted((200, "cut", GOOD[2][:-20]), GOOD) as (base, _):
        matches, _rejected = provider.read(base, "2425/X1.csv")
    assert (len(matches), waits) == (1, [1.0])


def test_a_lasting_failure_is_an_error_with_its_address(provider: FootballData, waits: list[float]) -> None:
    with scripted((503, "text/plain", b"busy")) as (base, asked), pytest.raises(ConnectionError) as refusal:
        provider.read(base, "2425/X1.csv")
    assert str(refusal.value) == f"{base}/mmz4281/2425/X1.csv: answered 503, 3 times"
    assert (len(asked), waits) == (3, [1.0, 2.0])


def test_no_server_is_an_error(provider: FootballData) -> None:
    with serving(partial(Quiet, directory=FOLDER)) as gone:
        pass
    with pytest.raises(ConnectionError, match="ConnectError"):
        provider.read(gone, "2425/X1.csv")


@pytest.mark.parametrize(
    "answer", [(200, "text/html; charset=utf-8", b"hello"), (200, "text/csv", b"\n<!DOCTYPE html>")]
)
def test_a_web_page_is_no_match_file(provider: FootballData, answer: tuple[int, str, bytes]) -> None:
    with scripted(answer) as (base, _), pytest.raises(OSError, match="answered with a web page"):
        provider.read(base, "2425/X1.csv")


def test_another_answer_is_an_error_at_once(provider: FootballData, waits: list[float]) -> None:
    with scripted((403, "text/plain", b"no")) as (base, _), pytest.raises(OSError, match="answered 403 Forbidden"):
        provider.read(base, "2425/X1.csv")
    assert waits == []


def test_the_recorded_folder_has_106_files(provider: FootballData, recorded: Path) -> None:
    origin = str(recorded / "football-data")
    assert len(provider.files(origin, [], [])) == 106
    assert provider.files(origin, ["E0", "E1"], [2019]) == ["1920/E0.csv", "1920/E1.csv"]
    assert provider.files(f"{origin}/fixtures", [], []) == ["fixtures_2026-05-22.csv"]
    assert provider.files(f"{origin}/in_progress", [], []) == ["2526/E1.csv"]
