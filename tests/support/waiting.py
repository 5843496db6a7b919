"""Waiting for conditions: never for time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

DEADLINE = 20.0
"""Seconds after which a condition isn't waited for any longer. Generous: only failures pay for it."""


async def until(
    condition: Callable[[], bool | Awaitable[bool]], what: str, deadline: float = DEADLINE
) -> None:
    """Return once the condition holds; fail after the deadline, saying what was waited for."""
    give_up = time.monotonic() + deadline
    while True:
        holds = condition()
        if not isinstance(holds, bool):
            holds = await holds
        if holds:
            return
        if time.monotonic() > give_up:
            raise AssertionError(f"waited {deadline} s for this, in vain: {what}")
        await asyncio.sleep(0.01)
