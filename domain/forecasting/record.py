"""What was said before kick-off and what happened: the pairs that a record is made of."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from domain.infra.database import Reader
from touchline import RESULT, Floats, Ints


async def result_record(reader: Reader, since: datetime) -> tuple[Floats, Ints]:
    """The last served 1X2 prediction before each kick-off after `since`, and what happened.

    Probabilities `(n, 3)` and indices `(n,)` of home, draw, away; awarded matches were not played and are left out.
    """
    rows = await reader.fetch(
        """select distinct on (m.id) p.probabilities,
                  1 - sign(m.home_goals - m.away_goals)::int as fell
           from match m
           join market k on k.key = $2
           join current_prediction c on c.match_id = m.id and c.market_id = k.id and c.is_served
           join prediction p on p.match_id = m.id and p.market_id = k.id and p.model_key = c.model_key
                            and p.predicted_at <= m.kickoff_at
           where m.status = 'FINISHED' and m.kickoff_at > $1
           order by m.id, p.predicted_at desc, p.id desc""",
        since,
        str(RESULT),
    )
    probabilities = np.array([row["probabilities"] for row in rows], dtype=np.float64).reshape(-1, 3)
    return probabilities, np.array([row["fell"] for row in rows], dtype=np.int64)
