"""Checks of a provider: what it lists and reads from an origin, and what it makes of what is missing or cut off.

Without an `origin` (a folder or an address that it can read) only its name can be checked.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

from touchline.plugins import describe
from touchline.testing.checks import Check, Failed, Limits, Skipped, after, checks_of, guarded, is_a
from touchline.types import OUTCOMES, PricedOutcome, Provider, Rejected, SourceMatch

LARGEST_SAMPLE: Final = 64 * 2**20
"""Bytes of a folder that is copied to cut its files off."""
_COUNTS: Final = (
    *(("home_goals", "away_goals"), ("half_time_home_goals", "half_time_away_goals")),
    *(("home_shots", "away_shots"), ("home_shots_on_target", "away_shots_on_target")),
    *(("home_corners", "away_corners"), ("home_fouls", "away_fouls")),
    *(("home_yellow_cards", "away_yellow_cards"), ("home_red_cards", "away_red_cards")),
)
"""Columns of both sides."""
_READ = tuple[Sequence[SourceMatch], Sequence[Rejected]]


@dataclass
class ProviderCase:
    """A provider and what its checks share."""

    provider: Provider
    entry: str = ""
    origin: str = ""
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """What it lists; Skipped without an origin, or where it lists nothing."""
        if not self.origin:
            raise Skipped("No origin is given: name a folder or an address that it can read (origin='samples').")
        after(lists_files, self)
        return tuple(self.provider.files(self.origin, [], []))

    @cached_property
    def read(self) -> dict[str, _READ]:
        """What each file holds; Skipped where one cannot be read."""
        after(reads_what_it_lists, self)
        return {file: self.reading(file) for file in self.files}

    def reading(self, file: str) -> _READ:
        """Matches and what was left out of one file; raises Failed."""
        told = guarded(f"read() of {file}", self.provider.read, self.origin, file)
        return checked_reading(file, told)

    @cached_property
    def matches(self) -> list[SourceMatch]:
        """Every match of every file."""
        return [match for matches, _ in self.read.values() for match in matches]


def checked_reading(file: str, told: object) -> _READ:
    """The same, when it is matches and what was left out; raises Failed."""
    if not isinstance(told, tuple) or len(told) != 2:
        raise Failed(f"read() of {file} returned {type(told).__name__}: return matches and what was left out.")
    matches, rejected = told
    if not all(isinstance(one, SourceMatch) for one in matches):
        raise Failed(f"read() of {file}: its matches must be touchline.SourceMatch.")
    if not all(isinstance(one, Rejected) for one in rejected):
        raise Failed(f"read() of {file}: what was left out must be touchline.Rejected.")
    return matches, rejected


def names_itself(case: ProviderCase) -> None:
    """It has a key and a name, the same each time."""
    for attribute in ("key", "name"):
        one, other = (guarded(f"Asking for `{attribute}`", getattr, case.provider, attribute) for _ in range(2))
        if not isinstance(one, str) or not one.strip():
            raise Failed(f"`{attribute}` is {one!r}: give a text.")
        if one != other:
            raise Failed(f"`{attribute}` was {one!r} and then {other!r}: it must not change while it runs.")


def lists_files(case: ProviderCase) -> None:
    """It lists what can be read from the origin, each once."""
    if not case.origin:
        raise Skipped("No origin is given: name a folder or an address that it can read (origin='samples').")
    told = guarded("files()", case.provider.files, case.origin, [], [])
    if not isinstance(told, list | tuple) or not all(isinstance(one, str) and one for one in told):
        raise Failed(f"files() returned {told!r}: return a list of names.")
    if not told:
        raise Failed(f"files() finds nothing in {case.origin}: raise FileNotFoundError, and say what it looks for.")
    for name, count in Counter(told).items():
        if count > 1:
            raise Failed(f"files() lists {name} {count} times.")


def lists_the_same_twice(case: ProviderCase) -> None:
    """Asked twice it lists the same files in the same order."""
    told = tuple(case.provider.files(case.origin, [], [])) if case.files else ()
    if told != case.files:
        raise Failed(f"files() listed {', '.join(case.files[:5])} and then {', '.join(told[:5])}: sort them.")


def reads_what_it_lists(case: ProviderCase) -> None:
    """Every file that it lists is read into matches and what had to be left out; some match is found."""
    found = sum(len(case.reading(file)[0]) for file in case.files)
    if not found:
        raise Failed(f"There is no match in the {len(case.files)} files that it lists.")


def reads_the_same_twice(case: ProviderCase) -> None:
    """A file that is read again holds the same."""
    for file, before in case.read.items():
        after = case.reading(file)
        if (list(after[0]), list(after[1])) != (list(before[0]), list(before[1])):
            raise Failed(f"{file} holds something else when it is read again.")


def narrows_to_leagues_and_seasons(case: ProviderCase) -> None:
    """Asked for one league and season, it gives all their matches and no others."""
    counted = Counter((match.league, match.season) for match in case.matches)
    for league, season in sorted(counted)[:3]:
        files = guarded("files() of one league and season", case.provider.files, case.origin, [league], [season])
        found = [match for file in files for match in case.reading(file)[0]]
        for match in found:
            if (match.league, match.season) != (league, season):
                raise Failed(f"Asked for {league} of {season} it gives {_named(match)}: narrow what it lists.")
        if len(found) != counted[league, season]:
            raise Failed(
                f"Asked for {league} of {season} it gives {len(found)} matches; there are {counted[league, season]}."
            )


def matches_are_named(case: ProviderCase) -> None:
    """Each match has a league and two different clubs."""
    for match in case.matches:
        if not match.league.strip() or not match.home.strip() or not match.away.strip() or match.home == match.away:
            raise Failed(f"{_named(match)}: a match has a league and two different clubs.")


def kickoffs_are_aware_utc(case: ProviderCase) -> None:
    """Each kick-off is an aware instant in UTC; 00:00 where the time of day is not known."""
    for match in case.matches:
        kickoff = match.kickoff
        if not is_a(kickoff, datetime) or kickoff.utcoffset() != timedelta():
            raise Failed(f"{_named(match)}: the kick-off {kickoff} is no aware instant in UTC: convert it.")
        if not match.is_kickoff_time_known and (kickoff.hour, kickoff.minute, kickoff.second) != (0, 0, 0):
            raise Failed(
                f"{_named(match)}: its time of day is not known, and it kicks off at {kickoff:%H:%M}: say 00:00."
            )


def seasons_hold_their_matches(case: ProviderCase) -> None:
    """A match's season is the year in which it starts: that of the kick-off or the one before."""
    for match in case.matches:
        if match.kickoff.year - match.season not in (0, 1):
            raise Failed(
                f"{_named(match)}: it kicks off in {match.kickoff.year}, in the season that starts in {match.season}."
            )


def matches_are_unique(case: ProviderCase) -> None:
    """No match of a file is there twice: the leg tells two meetings of a season apart."""
    for file, (matches, _) in case.read.items():
        counted = Counter((one.league, one.season, one.home, one.away, one.leg) for one in matches)
        for (league, season, home, away, leg), count in counted.items():
            if count > 1:
                raise Failed(
                    f"{file}: {home} - {away} ({league}, {season}, leg {leg}) is there {count} times: number the legs."
                )


def scores_are_possible(case: ProviderCase) -> None:
    """Counts are known of both sides or of none and not negative; half time has no more goals than the end."""
    for match in case.matches:
        for names in _COUNTS:
            home, away = (getattr(match, name) for name in names)
            if (home is None) != (away is None):
                raise Failed(f"{_named(match)}: {names[0]} is {home} and {names[1]} {away}: give both or none.")
            if home is not None and min(home, away) < 0:
                raise Failed(f"{_named(match)}: {names[0]} is {home} and {names[1]} {away}: none is below 0.")
        if not _is_half_of(match):
            raise Failed(f"{_named(match)}: more goals at half time than at the end: leave the row out as Rejected.")


def prices_are_above_1(case: ProviderCase) -> None:
    """Each price is above 1, of an outcome of its market, with an aware instant."""
    priced = [(match, price) for match in case.matches for price in match.prices]
    if not priced:
        raise Skipped("It gives no prices.")
    for match, price in priced:
        reason = _fault_of(price)
        if reason:
            raise Failed(f"{_named(match)}, {price.bookmaker}, {price.market}, {price.outcome}: {reason}")


def rejected_rows_say_why(case: ProviderCase) -> None:
    """What was left out says where it stood and why."""
    for file, (_, rejected) in case.read.items():
        for one in rejected:
            if not one.origin.strip() or not one.reason.strip():
                raise Failed(
                    f"{file}: a Rejected says {one.origin!r} and {one.reason!r}: name the place and the reason."
                )


def a_missing_file_is_an_os_error(case: ProviderCase) -> None:
    """A file that is not there raises an OSError, so that it is fetched again."""
    name = f"{case.files[0].partition('#')[0]}.not-there"
    try:
        told = case.provider.read(case.origin, name)
    except OSError:
        return
    except (Exception, SystemExit) as error:
        raise Failed(f"read() of a file that is not there raised {describe(error)} Raise an OSError.") from error
    raise Failed(f"read() of {name}, which is not there, gave {told!r}: raise an OSError.")


def a_cut_file_is_no_crash(case: ProviderCase) -> None:
    """A file that breaks off in the middle gives its whole rows, and says what was left out."""
    if not Path(case.origin).is_dir():
        raise Skipped("The origin is no folder, so that no file of it can be cut off.")
    after(reads_the_same_twice, case)
    whole = max(case.read, key=lambda file: len(case.read[file][0]))
    with tempfile.TemporaryDirectory() as folder:
        cut = _cut(Path(case.origin), whole.partition("#")[0], Path(folder) / "origin")
        try:
            told = case.provider.read(str(cut), whole)
        except OSError:
            return
        except (Exception, SystemExit) as error:
            raise Failed(
                f"read() of {whole}, cut off in the middle, raised {describe(error)} Give Rejected."
            ) from error
    matches, rejected = checked_reading(f"{whole}, cut off", told)
    known = [_bare(match) for match in case.read[whole][0]]
    for match in matches:
        if _bare(match) not in known:
            raise Failed(
                f"{whole}, cut off in the middle, gives {_named(match)}, which the whole file tells otherwise."
            )
    if not rejected:
        raise Failed(
            f"{whole}, cut off in the middle of a row, is read without a word: say what was left out (Rejected)."
        )


def _cut(origin: Path, file: str, to: Path) -> Path:
    """A copy of a folder in which one file ends in the middle of a row; Skipped where it cannot be made."""
    if not (origin / file).is_file():
        raise Skipped(f"{file} is no file in the folder, so that it cannot be cut off.")
    if sum(path.stat().st_size for path in origin.rglob("*") if path.is_file()) > LARGEST_SAMPLE:
        raise Skipped("The folder is too large to be copied: give a small one as the origin.")
    shutil.copytree(origin, to)
    content = (to / file).read_bytes()
    (to / file).write_bytes(content[: _middle_of_a_row(content)])
    return to


def _middle_of_a_row(content: bytes) -> int:
    """A place in the middle of the row that stands in the middle of a file."""
    begin = content.rfind(b"\n", 0, max(1, len(content) * 2 // 3)) + 1
    end = content.find(b"\n", begin)
    return begin + max(1, ((len(content) if end < 0 else end) - begin) // 3)


def _fault_of(price: PricedOutcome) -> str:
    """What is wrong with a price, with the remedy; empty where nothing is."""
    if not 1 < price.price < float("inf"):
        return f"the price {price.price!r} is not above 1: leave it out."
    if price.observed_at.utcoffset() is None:
        return f"it was seen at {price.observed_at}, which has no time zone."
    known = OUTCOMES.get(price.market.kind)
    if known is not None and price.outcome not in known:
        return f"the market's outcomes are {', '.join(known)}."
    return "" if price.bookmaker.strip() else "the bookmaker has no name."


def _is_half_of(match: SourceMatch) -> bool:
    sides = ((match.half_time_home_goals, match.home_goals), (match.half_time_away_goals, match.away_goals))
    return all(half is None or full is None or half <= full for half, full in sides)


def _bare(match: SourceMatch) -> SourceMatch:
    return replace(match, origin="", leg=1)


def _named(match: SourceMatch) -> str:
    place = f" ({match.origin})" if match.origin else ""
    return f"{match.league or 'no league'} {match.season}, {match.home} - {match.away}{place}"


CHECKS: Final[tuple[Check, ...]] = checks_of(
    names_itself,
    lists_files,
    lists_the_same_twice,
    reads_what_it_lists,
    reads_the_same_twice,
    narrows_to_leagues_and_seasons,
    matches_are_named,
    kickoffs_are_aware_utc,
    seasons_hold_their_matches,
    matches_are_unique,
    scores_are_possible,
    prices_are_above_1,
    rejected_rows_say_why,
    a_missing_file_is_an_os_error,
    a_cut_file_is_no_crash,
)
