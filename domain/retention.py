"""Retention: what is older than an operator wants to keep is exported, where there is a place, and erased.

A key is a visitor's, not a session's, so a visitor is erased as a whole: when all of their sessions are over
and ended so long ago. See docs/decisions/015-retention.md.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from domain.erasure import Erasure, Receipt
from domain.errors import CorruptLog, Unavailable
from domain.events import SessionEnded
from domain.ports import Clock, EventStore, Recorded

logger = logging.getLogger(__name__)

ROUND_SECONDS = 600.0
"""How often we look for what has become too old."""

MOST_VISITORS = 100
"""Visitors that are looked up at once."""


class Overdue(Protocol):
    """Visitors who may have become too old. It may be behind the log, which decides."""

    async def find(self, before: datetime, now: datetime, but: Collection[UUID], most: int) -> Sequence[UUID]:
        """Visitors, but for these, whose sessions were all over before a moment (see `is_over`): so many at
        most. Raises Unavailable."""
        ...

    async def count(self, before: datetime, now: datetime) -> tuple[int, int]:
        """How many visitors that are, and how many sessions of theirs. Raises Unavailable."""
        ...


Export = Callable[[Sequence[Recorded]], Awaitable[None]]
"""Has a session kept elsewhere, durably, before it returns. Raises OSError."""


class Applied(Struct, frozen=True):
    """How many visitors were erased, and how many sessions with them; `left` are those that can't be yet."""

    visitors: int
    sessions: int
    left: int


class Retention:
    """Keeps sessions for so long after their end. `export` is None where they are kept nowhere else."""

    def __init__(
        self,
        store: EventStore,
        erasure: Erasure,
        overdue: Overdue,
        clock: Clock,
        keep: timedelta,
        export: Export | None,
    ) -> None:
        self._store = store
        self._erasure = erasure
        self._overdue = overdue
        self._clock = clock
        self._keep = keep
        self._export = export

    async def run(self) -> None:
        """For ever, erase what has become too old."""
        while True:
            try:
                await self.apply()
            except (Unavailable, OSError) as error:
                logger.error("retention is put off: %s", error)
            await asyncio.sleep(ROUND_SECONDS)

    async def overdue(self) -> tuple[int, int]:
        """How many visitors are too old now, and how many sessions of theirs. Raises Unavailable."""
        now = self._clock.now()
        return await self._overdue.count(now - self._keep, now)

    async def apply(self) -> Applied:
        """Finish erasures that broke off, then export and erase all that is too old now.

        Raises Unavailable, OSError; then do it again.
        """
        # An erasure that has begun shows in no table of what is too old.
        finished = await self._erasure.finish()
        now = self._clock.now()
        seen = {receipt.visitor_id for receipt in finished}
        visitors, sessions = len(finished), sum(len(receipt.sessions) for receipt in finished)
        while found := await self._overdue.find(now - self._keep, now, seen, MOST_VISITORS):
            for visitor_id in found:
                # Whoever is erased is found until projections know of it.
                seen.add(visitor_id)
                if receipt := await self._settle(visitor_id, now):
                    visitors, sessions = visitors + 1, sessions + len(receipt.sessions)
        return Applied(visitors, sessions, len(seen) - visitors)

    async def _settle(self, visitor_id: UUID, now: datetime) -> Receipt | None:
        """Export and erase a visitor, if the log says so too."""
        exported: set[UUID] = set()
        while True:
            try:
                histories = await self._histories(visitor_id)
            except CorruptLog as error:
                # Somebody should see it before it is gone: an operator can still erase this visitor.
                logger.error("retention leaves a visitor alone: %s", error)
                return None
            if not all(is_over(history, now - self._keep, now) for history in histories):
                return None
            # Where an erasure has begun, all has been exported; or, if the visitor wished it, nothing may be.
            if any(_is_erased(history) for history in histories):
                _tell_of(exported)
                break
            exported.update(await self._export_while_current(visitor_id, histories))
            if await self._is_current(visitor_id, histories):
                break
        return await self._erasure.erase(visitor_id, within=0)

    async def _histories(self, visitor_id: UUID) -> Sequence[Sequence[Recorded]]:
        """All that is recorded of a visitor, by session. Raises CorruptLog."""
        session_ids = await self._store.sessions_of(visitor_id)
        histories = [await self._store.read(session_id) for session_id in session_ids]
        return [history for history in histories if history]

    async def _export_while_current(
        self, visitor_id: UUID, histories: Sequence[Sequence[Recorded]]
    ) -> Sequence[UUID]:
        """Export sessions, unless something is recorded meanwhile, be it that the visitor is erased: those
        that were exported."""
        exported: list[UUID] = []
        if self._export is None:
            return exported
        for history in histories:
            if not await self._is_current(visitor_id, histories):
                break
            await self._export(history)
            exported.append(history[-1].session.session_id)
        return exported

    async def _is_current(self, visitor_id: UUID, histories: Sequence[Sequence[Recorded]]) -> bool:
        """Whether that is still all that is recorded of a visitor."""
        heads = await self._store.heads(await self._store.sessions_of(visitor_id))
        versions = {session_id: head.version for session_id, head in heads.items()}
        return versions == {history[-1].session.session_id: history[-1].version for history in histories}


def is_over(history: Sequence[Recorded], before: datetime, now: datetime) -> bool:
    """Whether a session ended before some moment. One that never ended counts from its start, as soon as it
    can't be used any more: nobody is cut off in the middle of a word."""
    if not history or _is_erased(history):
        return True
    ended = next((each.at for each in history if isinstance(each.event, SessionEnded)), None)
    session = history[-1].session
    return session.started_at < before and session.expires_at < now if ended is None else ended < before


def _is_erased(history: Sequence[Recorded]) -> bool:
    return bool(history) and history[-1].session.erased_at is not None


def _tell_of(exported: Collection[UUID]) -> None:
    # They can't be removed here: another process that applies the retention may count on these very files.
    for session_id in exported:
        logger.warning(
            "a session was exported while somebody erased its visitor: if they wished it, remove its file",
            extra={"session_id": session_id},
        )
