"""football-data.co.uk as a provider: match files from a folder, a single file or a base URL.

What a file's rows mean is `touchline.football_data`'s business; here files are found and fetched. Names of
files are as the source lays them out: `2425/E0.csv`, `fixtures.csv`. The coming-fixtures file holds many
leagues, so its name carries what was asked for: `fixtures.csv#leagues=E0,SP1&seasons=2025`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import parse_qs, quote

import httpx

from touchline import Provider, Rejected, SourceMatch, hookimpl
from touchline.football_data import read_matches, season_code, season_of_code

SITE_FOLDER: Final = "mmz4281"
"""Folder of the season files at the site; a mirror may serve them without it."""
FIXTURES: Final = "fixtures.csv"
LARGEST_FILE: Final = 32 * 1024 * 1024
"""Bytes. A season file has a quarter of a megabyte."""
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class FootballData:
    """Season files and the coming-fixtures file of football-data.co.uk, or of a folder laid out like it."""

    timeout: float = 20.0
    """Seconds for connecting, and for each read."""
    attempts: int = 3
    """Tries of a download before it counts as failed."""
    pause: Callable[[float], None] = time.sleep
    """Waits between two tries, in seconds."""

    @property
    def key(self) -> str:
        return "football-data"

    @property
    def name(self) -> str:
        return "football-data.co.uk"

    def files(self, origin: str, leagues: Sequence[str], seasons: Sequence[int]) -> Sequence[str]:
        """Files below a folder (`<season>/<league>.csv`, `fixtures.csv`), a single file's name, or those of a base URL.

        A folder answers with what it has; nothing below a subfolder of another shape counts. A base URL cannot
        be listed: raises ValueError unless leagues and seasons are named. Raises FileNotFoundError for a
        missing folder and one without any match file.
        """
        if _is_single_file(origin):
            return [PurePosixPath(Path(origin).as_posix()).name]
        if _is_url(origin):
            return _files_of_site(leagues, seasons)
        path = Path(origin)
        if not path.is_dir():
            raise FileNotFoundError(f"{origin}: no such file or folder")
        if not (found := [*_season_files(path), *_fixture_files(path)]):
            raise FileNotFoundError(f"{origin}: neither <season>/<league>.csv (for example 2425/E0.csv) nor {FIXTURES}")
        wanted = [name for name in found if _is_wanted(name, _season_of(origin, name), leagues, seasons)]
        return [_narrowed(name, leagues, seasons) for name in wanted]

    def read(self, origin: str, file: str) -> tuple[Sequence[SourceMatch], Sequence[Rejected]]:
        """Matches of one file and what had to be left out; raises OSError when it cannot be fetched."""
        name, _, fragment = file.partition("#")
        payload = self._fetch(origin, name) if _is_url(origin) else _load(origin, name)
        matches, rejected = read_matches(payload, name, _season_of(origin, name))
        return _of_fragment(matches, fragment), rejected

    def _fetch(self, base: str, name: str) -> bytes:
        """The first of the file's addresses that exists; raises FileNotFoundError when none does."""
        addresses = _addresses(base, name)
        timeout = httpx.Timeout(self.timeout)
        headers = {"User-Agent": "touchline"}
        with httpx.Client(timeout=timeout, follow_redirects=True, headers=headers) as client:
            for address in addresses:
                payload = self._download(client, address)
                if payload is not None:
                    return payload
        raise FileNotFoundError(f"{' and '.join(addresses)}: not there (404)")

    def _download(self, client: httpx.Client, address: str) -> bytes | None:
        """A file's bytes, None where the server has none; tries again what may pass; raises OSError."""
        failure = ""
        for attempt in range(self.attempts):
            if attempt:
                self.pause(2.0 ** (attempt - 1))
            try:
                status, kind, payload = _answer(client, address)
            except httpx.TransportError as error:
                failure = f"{type(error).__name__} {error}".strip()
                continue
            except (httpx.InvalidURL, httpx.HTTPError) as error:
                raise OSError(f"{address}: {error}") from error
            if status not in _AGAIN:
                return _checked(address, status, kind, payload)
            failure = f"answered {status}"
        raise ConnectionError(f"{address}: {failure}, {self.attempts} times")


def _is_url(origin: str) -> bool:
    return origin.lower().startswith(("http://", "https://"))


def _is_single_file(origin: str) -> bool:
    """Whether an origin is a file itself, by its ending where it is an address."""
    return origin.lower().endswith(".csv") if _is_url(origin) else Path(origin).is_file()


def _files_of_site(leagues: Sequence[str], seasons: Sequence[int]) -> list[str]:
    """Season files by name, and the fixtures file."""
    if not leagues or not seasons:
        raise ValueError("a base URL cannot be listed: name leagues and seasons, for example --league E0 --season 2425")
    files = [
        f"{season_code(season)}/{league}.csv" for season in sorted(set(seasons)) for league in sorted(set(leagues))
    ]
    return [*files, _narrowed(FIXTURES, leagues, seasons)]


def _season_files(folder: Path) -> Iterator[str]:
    """`<season>/<league>.csv` directly below a folder, or `<league>.csv` in a folder that is a season's own."""
    for child in sorted(folder.iterdir(), key=lambda child: (season_of_code(child.name) or 0, child.name)):
        if child.is_dir() and season_of_code(child.name) is not None:
            yield from (f"{child.name}/{path.name}" for path in sorted(child.glob("*.csv")))
    if season_of_code(folder.resolve().name) is not None:
        yield from (path.name for path in sorted(folder.glob("*.csv")) if not path.name.startswith("fixtures"))


def _fixture_files(folder: Path) -> Iterator[str]:
    """`fixtures.csv`, also with a date in its name, directly below a folder."""
    yield from (path.name for path in sorted(folder.glob("fixtures*.csv")))


def _is_fixtures(name: str) -> bool:
    return PurePosixPath(name).name.startswith("fixtures")


def _is_wanted(name: str, season: int | None, leagues: Collection[str], seasons: Collection[int]) -> bool:
    """Whether a folder's file can hold what was asked for; the fixtures file always can."""
    if _is_fixtures(name):
        return True
    return (not leagues or PurePosixPath(name).stem in leagues) and (not seasons or season in seasons)


def _narrowed(name: str, leagues: Sequence[str], seasons: Sequence[int]) -> str:
    """The fixtures file's name with what was asked for; another file's name as it is."""
    asked = [("leagues", ",".join(leagues)), ("seasons", ",".join(str(season) for season in seasons))]
    fragment = "&".join(f"{key}={quote(value, safe=',')}" for key, value in asked if value)
    return f"{name}#{fragment}" if fragment and _is_fixtures(name) else name


def _of_fragment(matches: Sequence[SourceMatch], fragment: str) -> Sequence[SourceMatch]:
    """The matches that the fragment of a fixtures file's name asks for; all without one."""
    asked = {key: set(values[0].split(",")) for key, values in parse_qs(fragment).items()}
    leagues, seasons = asked.get("leagues"), asked.get("seasons")
    return [
        match
        for match in matches
        if (leagues is None or match.league in leagues) and (seasons is None or str(match.season) in seasons)
    ]


def _season_of(origin: str, name: str) -> int | None:
    """The season of a file by the folder that it is in; None where its dates have to tell."""
    if _is_fixtures(name):
        return None
    place = PurePosixPath(origin) if _is_url(origin) else Path(origin).resolve()
    path = place if _is_single_file(origin) else place / name
    return season_of_code(path.parent.name)


def _load(origin: str, name: str) -> bytes:
    """Bytes of a file; the origin may be the file itself."""
    path = Path(origin)
    return (path if path.is_file() else path / name).read_bytes()


def _addresses(base: str, name: str) -> list[str]:
    """Where a file may be: as the site has it, then as a served folder has it."""
    if _is_single_file(base):
        return [base]
    root, path = base.rstrip("/"), quote(name)
    if _is_fixtures(name) or root.endswith(f"/{SITE_FOLDER}"):
        return [f"{root}/{path}"]
    return [f"{root}/{SITE_FOLDER}/{path}", f"{root}/{path}"]


def _answer(client: httpx.Client, address: str) -> tuple[int, str, bytes]:
    """Status, media type and body of a GET; raises OSError for a body without end."""
    payload = bytearray()
    with client.stream("GET", address) as response:
        for chunk in response.iter_bytes():
            payload += chunk
            if len(payload) > LARGEST_FILE:
                raise OSError(f"{address}: more than {LARGEST_FILE:,} bytes")
    return response.status_code, response.headers.get("content-type", ""), bytes(payload)


def _checked(address: str, status: int, kind: str, payload: bytes) -> bytes | None:
    """The body of a good answer, None of a 404; raises OSError for anything else than a file."""
    if status == httpx.codes.NOT_FOUND:
        return None
    if status != httpx.codes.OK:
        raise OSError(f"{address}: answered {status} {httpx.codes.get_reason_phrase(status)}".rstrip())
    if "html" in kind.lower() or payload.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise OSError(f"{address}: answered with a web page, not with a match file")
    return payload


@hookimpl
def providers() -> Sequence[Provider]:
    """The provider `football-data`."""
    return [FootballData()]
