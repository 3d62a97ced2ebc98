"""Who plays whom and when: a double round-robin by the circle method, season after season without end."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final

PERIOD: Final = timedelta(days=4)
"""From one round of a league to the next. A round takes two days; two leagues two days apart leave no empty day."""
ROUND_DAYS: Final = 2
SLOTS: Final = (time(0, 30), time(12), time(15), time(17, 30), time(20))
"""Kick-offs of a day, UTC."""


def pairs_of_round(round_number: int, clubs: int) -> list[tuple[int, int]]:
    """Home and away club of each match of a round, from 0 to 2·clubs - 3; the second half turns the grounds round.

    The circle method: one club stays, the others go round it. `clubs` is even.
    """
    others = clubs - 1
    turn, is_second_half = round_number % others, round_number >= others
    pairs = [(turn, others) if turn % 2 == 0 else (others, turn)]
    for step in range(1, clubs // 2):
        one, other = (turn + step) % others, (turn - step) % others
        pairs.append((one, other) if step % 2 == 0 else (other, one))
    return [(away, home) for home, away in pairs] if is_second_half else pairs


def kickoff_in_round(starts: datetime, place: int, matches: int) -> datetime:
    """Kick-off of the match in a place of its round, from 0: half of the round each day, spread over the day."""
    per_day = -(-matches // ROUND_DAYS)
    day, nth = divmod(place, per_day)
    slot = SLOTS[nth * len(SLOTS) // per_day] if per_day <= len(SLOTS) else SLOTS[nth % len(SLOTS)]
    return starts + timedelta(days=day, hours=slot.hour, minutes=slot.minute)
