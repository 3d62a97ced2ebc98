"""How an operation is executed: as strawberry does it, but for what piles up while many subscriptions are open."""

from __future__ import annotations

import inspect
from typing import Any

from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

EVENTS_AT_ONCE = 8
"""Events of subscriptions that one process executes at the same time. It has one thread, so more would be done no
sooner, and each holds its half-made answer meanwhile: two hundred snapshots at once took 150 MiB, in turns 60."""


class Execution(StrawberryGraphQLCoreExecutionContext):
    """The executor of one operation, or of one event of a subscription.

    graphql-core 3.3 remembers the fields below each field by a list that it makes anew for every event, in a store
    that all events of a subscription share: eight kilobytes an event that nobody finds again. Here each event has
    a store of its own.
    """

    is_event = False
    _relevant_sub_fields: dict[Any, Any]

    def build_per_event_executor(self, payload: Any) -> Any:
        executor: Any = super().build_per_event_executor(payload)
        executor.is_event = True
        executor._relevant_sub_fields = {}
        return executor

    def execute_operation(self, serially: bool | None = None) -> Any:
        """The result of the operation; an event waits for its turn."""
        return self._in_turn(serially) if self.is_event else super().execute_operation(serially)

    async def _in_turn(self, serially: bool | None) -> Any:
        async with self.context_value.doors.turns:
            result = super().execute_operation(serially)
            return await result if inspect.isawaitable(result) else result
