"""The checks of a provider: ours passes them, and for each there is a provider that fails it and only it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from touchline import Rejected, SourceMatch
from touchline.football_data import read_matches
from touchline.testing import checks_for, run_checks
from workers.providers.football_data import providers

PAYLOADS = Path(__file__).parent / "payloads" / "football_data"

Listing = Callable[[Sequence[str]], Any]
Reading = Callable[[Sequence[SourceMatch], Sequence[Rejected]], Any]


def as_it_is(matches: Sequence[SourceMatch], rejected: Sequence[Rejected]) -> Any:
    return list(matches), list(rejected)


@dataclass(frozen=True)
class Files:
    """Season files of a folder; keeps every promise unless it is told otherwise."""

    listed: Listing = lambda names: names
    told: Reading = as_it_is
    key: str = "good-files"
    name: str = "Files"

    def files(self, origin: str, leagues: Sequence[str], seasons: Sequence[int]) -> Any:
        return self.listed(sorted(self._wanted(Path(origin), leagues, seasons)))

    def _wanted(self, folder: Path, leagues: Sequence[str], seasons: Sequence[int]) -> list[str]:
        return [
            f"{path.parent.name}/{path.name}"
            for path in folder.glob("[0-9]*/*.csv")
            if (not leagues or path.stem in leagues) and (not seasons or 2000 + int(path.parent.name[:2]) in seasons)
        ]

    def read(self, origin: str, file: str) -> Any:
        return self.told(*self.whole(Path(origin) / file, file))

    def whole(self, path: Path, file: str) -> tuple[list[SourceMatch], list[Rejected]]:
        return read_matches(path.read_bytes(), file, 2000 + int(file[:2]))


@dataclass(frozen=True)
class ReadsAllSeasons(Files):
    def _wanted(self, folder: Path, leagues: Sequence[str], seasons: Sequence[int]) -> list[str]:
        return super()._wanted(folder, leagues, [])


@dataclass(frozen=True)
class CallsItEmpty(Files):
    def whole(self, path: Path, file: str) -> tuple[list[SourceMatch], list[Rejected]]:
        return super().whole(path, file) if path.is_file() else ([], [])


@dataclass(frozen=True)
class KeepsQuiet(Files):
    """Drops what it cannot read without a word, where a file ends in the middle of a row."""

    def whole(self, path: Path, file: str) -> tuple[list[SourceMatch], list[Rejected]]:
        matches, rejected = super().whole(path, file)
        return matches, [one for one in rejected if "cut off" not in one.reason]


def each(change: Callable[[SourceMatch], SourceMatch]) -> Reading:
    return lambda matches, rejected: ([change(match) for match in matches], list(rejected))


def elsewhere(match: SourceMatch) -> SourceMatch:
    return replace(match, kickoff=match.kickoff.astimezone(timezone(timedelta(hours=2))))


def in_cents(match: SourceMatch) -> SourceMatch:
    return replace(match, prices=tuple(replace(price, price=price.price / 100) for price in match.prices))


def doubled(matches: Sequence[SourceMatch], rejected: Sequence[Rejected]) -> Any:
    return [*matches, replace(matches[0], origin="again")], rejected


def of_one_club(match: SourceMatch) -> SourceMatch:
    return replace(match, away=match.home)


def turns(numbers: count[int]) -> Listing:
    return lambda names: names if next(numbers) % 2 else names[::-1]


def aging(numbers: count[int]) -> Reading:
    return each(lambda match: replace(match, referee=f"Referee {next(numbers)}"))


@dataclass(frozen=True)
class BadProvider:
    provider: Files
    sentence: str
    also: tuple[str, ...] = ()


BAD = {
    "names_itself": BadProvider(Files(name=" "), r"^`name` is ' ': give a text\.$"),
    "lists_files": BadProvider(
        Files(listed=lambda names: [*names, names[0]]), r"^files\(\) lists 0506/X1\.csv 2 times\.$"
    ),
    "lists_the_same_twice": BadProvider(
        Files(listed=turns(count())), r"^files\(\) listed .* and then .*: sort them\.$"
    ),
    "reads_what_it_lists": BadProvider(
        Files(told=lambda matches, rejected: matches),
        r"^read\(\) of 0506/X1\.csv returned list: return matches and what",
    ),
    "reads_the_same_twice": BadProvider(
        Files(told=aging(count())), r"^0506/X1\.csv holds something else when it is read"
    ),
    "narrows_to_leagues_and_seasons": BadProvider(
        ReadsAllSeasons(), r"^Asked for X1 of 2005 it gives X1 2016, .* - .* \(1617/X1\.csv:2\): narrow what it lists"
    ),
    "matches_are_named": BadProvider(
        Files(told=each(of_one_club)), r"\(0506/X1\.csv:2\): a match has a league and two"
    ),
    "kickoffs_are_aware_utc": BadProvider(
        Files(told=each(elsewhere)), r": the kick-off .*\+02:00 is no aware instant in UTC"
    ),
    "seasons_hold_their_matches": BadProvider(
        Files(told=each(lambda match: replace(match, kickoff=match.kickoff.replace(year=match.season + 3, day=1)))),
        r"^X1 2005, .*: it kicks off in 2008, in the season that starts in 2005\.$",
    ),
    "matches_are_unique": BadProvider(
        Files(told=doubled), r"^0506/X1\.csv: .* \(X1, 2005, leg 1\) is there 2 times: number"
    ),
    "scores_are_possible": BadProvider(
        Files(told=each(lambda match: replace(match, half_time_home_goals=11, half_time_away_goals=0))),
        r": more goals at half time than at the end: leave the row out as Rejected\.$",
    ),
    "prices_are_above_1": BadProvider(
        Files(told=each(in_cents)), r"^X1 2005, .*, home: the price 0\.0\d+ is not above 1"
    ),
    "rejected_rows_say_why": BadProvider(
        Files(told=lambda matches, rejected: (matches, [Rejected("line 7", ""), *rejected])),
        r"^0506/X1\.csv: a Rejected says 'line 7' and '': name the place and the reason\.$",
    ),
    "a_missing_file_is_an_os_error": BadProvider(
        CallsItEmpty(),
        r"^read\(\) of 0506/X1\.csv\.not-there, which is not there, gave \(\[\], \[\]\): raise an OSError",
    ),
    "a_cut_file_is_no_crash": BadProvider(
        KeepsQuiet(), r"^\d{4}/X\d\.csv, cut off in the middle of a row, is read without a word"
    ),
}


def test_each_check_has_its_bad_provider() -> None:
    assert [check.name for check in checks_for("provider")] == list(BAD)
    assert all(check.title.endswith(".") for check in checks_for("provider"))


@pytest.mark.parametrize("provider", [Files(), *providers()], ids=lambda one: str(one.key))
def test_a_good_provider_passes(provider: Any) -> None:
    results = run_checks("provider", provider, origin=str(PAYLOADS))
    assert [(result.check, result.reason) for result in results if result.status != "passed"] == []


@pytest.mark.parametrize("check", BAD)
def test_a_bad_provider_fails_its_check_and_no_other(check: str) -> None:
    results = run_checks("provider", BAD[check].provider, origin=str(PAYLOADS))
    found = {result.check: result.reason for result in results if result.status == "failed"}
    assert set(found) == {check, *BAD[check].also}
    assert re.search(BAD[check].sentence, found[check]), found[check]


def test_without_an_origin_only_its_name_is_judged() -> None:
    results = run_checks("provider", Files())
    assert [result.check for result in results if result.status == "passed"] == ["names_itself"]
    reasons = {result.reason for result in results if result.status == "skipped"}
    assert reasons == {"No origin is given: name a folder or an address that it can read (origin='samples')."}
