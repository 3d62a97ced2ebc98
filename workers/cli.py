"""The application's commands, found by `touchline` through the entry point group `touchline.commands`.

The modules import nothing heavy: a command imports what it needs when it runs.
"""

from __future__ import annotations

import click

from workers.commands import account, data, models, operate, queue, replay, stack

commands: list[click.Command] = [
    *stack.commands,
    *data.commands,
    *replay.commands,
    *queue.commands,
    *account.commands,
    *models.commands,
    *operate.commands,
]
