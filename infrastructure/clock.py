"""One time for all processes: the operating system's, set right by the database's clock."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from domain.errors import Unavailable
from infrastructure.postgres import Database

logger = logging.getLogger(__name__)

COMPARE_SECONDS = 10.0
"""How often the clock is compared."""

PRECISE = timedelta(seconds=0.5)
"""An answer that took longer tells too little, unless it is all there is."""

NOTABLE = timedelta(seconds=1)
"""By how much this machine's clock may be wrong without a word."""


def system_time() -> datetime:
    """What this machine takes for the time."""
    return datetime.now(UTC)


class SystemClock:
    """See `domain.ports.Clock`. It is this machine's until it is compared."""

    def __init__(self, system_time: Callable[[], datetime] = system_time) -> None:
        self._system_time = system_time
        self._offset = timedelta(0)
        self._is_compared = False
        self._latest = datetime.min.replace(tzinfo=UTC)
        self._is_told = False

    def now(self) -> datetime:
        now = self._system_time() + self._offset
        # A comparison may find it some milliseconds fast: then it stands still for so long. Going back, words
        # would come before their question.
        if timedelta(0) < self._latest - now < NOTABLE:
            now = self._latest
        self._latest = now
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def new_id(self) -> UUID:
        return uuid4()

    async def compare(self, database: Database) -> None:
        """Go by the database's clock from now on. Raises Unavailable."""
        before = self._system_time()
        ((there,),) = await database.fetch("SELECT clock_timestamp()")
        took = self._system_time() - before
        if timedelta(0) <= took and (took <= PRECISE or not self._is_compared):
            self._offset = there - (before + took / 2)
            self._is_compared = True
            self._tell()

    async def keep_right(self, database: Database) -> None:
        """For ever, compare."""
        while True:
            await asyncio.sleep(COMPARE_SECONDS)
            with suppress(Unavailable):  # what was found last is still the best that is known
                await self.compare(database)

    def _tell(self) -> None:
        is_wrong = abs(self._offset) > NOTABLE
        if is_wrong and not self._is_told:
            seconds = -self._offset.total_seconds()
            logger.warning("this machine's clock is %+.1f s off the database's, which is gone by", seconds)
        self._is_told = is_wrong
