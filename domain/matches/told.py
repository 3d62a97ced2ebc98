"""What a source's word makes of a match: which one it is, and what it changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from domain.matches.rows import IDENTITY, TOLD, Identity, Row
from domain.matches.rules import Status, result_known_at
from touchline import SourceMatch

SAME_MEETING_DAYS: Final = 3
"""Days that a match may have been moved by, where the pair can meet again at the same ground."""

OVER: Final = (Status.FINISHED, Status.AWARDED)


def leg_of(match: SourceMatch, meetings: Iterable[Row], *, repeats: bool) -> int:
    """The leg that a match is.

    A source without results counts its legs from 1 anew. Its match is the one of nearly that day, played or
    not; or the pair's that is still to come; or, where pairs meet again at the same ground, the next one.
    """
    there = sorted(meetings, key=lambda row: row["leg"])
    if match.home_goals is not None or not there or match.leg != 1:
        return match.leg
    days_later: dict[int, int] = {row["leg"]: (match.kickoff.date() - row["kickoff_at"].date()).days for row in there}
    nearest = min(days_later, key=lambda leg: abs(days_later[leg]))
    if abs(days_later[nearest]) <= SAME_MEETING_DAYS:
        return nearest
    to_come = [leg for leg, row in zip(days_later, there, strict=True) if row["status"] not in OVER]
    if to_come:
        return to_come[0]
    last = max(days_later)
    return last + 1 if repeats and days_later[last] > 0 else nearest


def row_of(match: SourceMatch, league_id: int, identity: Identity) -> Row:
    """A match that was not known."""
    row: Row = dict(zip(IDENTITY, (league_id, *identity), strict=True))
    row |= {"kickoff_at": match.kickoff, "is_kickoff_time_known": match.is_kickoff_time_known}
    row |= {name: getattr(match, name) for name in TOLD}
    return row | (_ending(match, row) if match.home_goals is not None else _TO_COME)


_TO_COME: Final = {"status": Status.SCHEDULED, "result_at": None}


def said_of(match: SourceMatch, before: Row) -> Row:
    """The columns of a known match that the source speaks of."""
    if match.home_goals is None and before["status"] in OVER:
        return {}  # an older copy: a list of fixtures says nothing of a match that was played
    said = {name: value for name in TOLD if (value := getattr(match, name)) is not None}
    said |= _moved(match, before)
    if match.home_goals is not None:
        said |= _ending(match, before | said)
    elif before["status"] == Status.POSTPONED and said.get("kickoff_at", before["kickoff_at"]) != before["kickoff_at"]:
        said["status"] = Status.SCHEDULED
    return said


def _moved(match: SourceMatch, before: Row) -> Row:
    """The kick-off; a source that knows only the day does not take away the hour."""
    is_same_day = match.kickoff.date() == before["kickoff_at"].date()
    if before["is_kickoff_time_known"] and not match.is_kickoff_time_known and is_same_day:
        return {}
    return {"kickoff_at": match.kickoff, "is_kickoff_time_known": match.is_kickoff_time_known}


def _ending(match: SourceMatch, row: Row) -> Row:
    """Status and instant of a result; an instant that stands is kept unless the match was later than was told."""
    known_at = result_known_at(row["kickoff_at"], is_kickoff_time_known=row["is_kickoff_time_known"])
    stands = row.get("result_at") or known_at
    return {"status": Status.AWARDED if match.is_awarded else Status.FINISHED, "result_at": max(stands, known_at)}
