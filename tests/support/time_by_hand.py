"""Time that passes when a test says so, for the running loop's timers and for the clock alike."""

import asyncio
from datetime import UTC, datetime, timedelta
from math import ceil
from uuid import UUID

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class TimeByHand:
    """Takes the running loop's time in hand. Also a `domain.ports.Clock`, whose ids count from 1."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._now = float(ceil(self._loop.time()))
        self._ids = 0
        setattr(self._loop, "time", lambda: self._now)  # noqa: B010

    @property
    def elapsed(self) -> float:
        """Seconds since it was taken in hand."""
        return self._now - self._began

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed)

    def new_id(self) -> UUID:
        self._ids += 1
        return UUID(int=self._ids)

    async def pass_by(self, seconds: float = 0.0) -> None:
        """Let time pass, and then everything happen that can happen by now."""
        self._now += seconds
        for _ in range(40):
            await asyncio.sleep(0)
