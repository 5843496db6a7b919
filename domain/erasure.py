"""The application service that forgets visitors.

    record VisitorErased in every session -> destroy the key -> look again -> wait for projections

In this order: a key that is destroyed first would leave sessions which nobody is told of, as if nothing had
happened in them. Each step is safe to be done again, so an erasure that was broken off at any point is
finished by asking for it once more, and the answer is the same.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from msgspec import Struct

from domain import session as decide
from domain.errors import Conflict, CorruptLog, SessionNotFound, Unavailable, VisitorNotFound
from domain.ports import Clock, EventStore, Head, Keyring
from domain.session import ChatSession

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.05
"""How often we look whether what was made from the log has been purged."""

TIDY_SECONDS = 1.0
"""The same, where nobody waits for it."""

FINISH_SECONDS = 600.0
"""How often we look for erasures that broke off."""


class Purge(Struct, frozen=True):
    """A projection that holds nothing of the visitor, because it has taken in the log up to `position`."""

    name: str
    position: int


class ErasedSession(Struct, frozen=True):
    """A session without what was said in it.

    `hash` is that of its event `version`, its last one for good: while it stays so, nothing before it has
    been changed either. `erased_at` is None where the log doesn't add up and takes no more events.
    """

    session_id: UUID
    version: int
    erased_at: datetime | None
    hash: str


class Receipt(Struct, frozen=True):
    """What an erasure has come to: the same, however often it is asked for.

    `erased_at` is when the key was destroyed; `position` is that of the last event in the whole log that
    tells of it. `projections` is `pending` as long as some haven't come so far; they will by themselves.
    """

    visitor_id: UUID
    erased_at: datetime
    key: Literal["destroyed"]
    sessions: Sequence[ErasedSession]
    position: int
    projections: Literal["purged", "pending"]
    purged: Sequence[Purge]


class Forgetting(Protocol):
    """What was made from the log, by other processes and in their own time."""

    async def make_anew(self, session_ids: Iterable[UUID]) -> None:
        """Have all that was made from these sessions be made again from what can be read now."""
        ...

    async def forgotten(self, position: int) -> Sequence[str] | None:
        """The names of all there is, or None while some may hold what was said before a position."""
        ...

    async def unfinished(self) -> Sequence[UUID]:
        """Visitors of whom some session says that they are erased, while their key is still there. It may be
        behind the log, which decides. Raises Unavailable."""
        ...

    async def tidy(self) -> None:
        """Clear away what is still in files of that which was forgotten, as far as that disturbs nobody."""
        ...


class Erasure:
    """Forgets visitors."""

    def __init__(self, store: EventStore, keyring: Keyring, forgetting: Forgetting, clock: Clock) -> None:
        self._store = store
        self._keyring = keyring
        self._forgetting = forgetting
        self._clock = clock
        self._untidied = 0
        self._is_untidy = asyncio.Event()

    async def sessions_of(self, visitor_id: UUID) -> Sequence[UUID]:
        """The sessions that would be erased, or are. Raises VisitorNotFound, Unavailable."""
        session_ids = await self._store.sessions_of(visitor_id)
        if not session_ids:
            raise VisitorNotFound
        return session_ids

    async def erase(self, visitor_id: UUID, within: float) -> Receipt:
        """Forget a visitor, and wait at most so many seconds until projections have, too.

        Raises VisitorNotFound, Unavailable; after the latter, ask again.
        """
        erased_at, sessions = await self._forget(visitor_id)
        heads = await self._store.heads(sessions)
        if unread := [session_id for session_id, at in sessions.items() if at is None]:
            await self._forgetting.make_anew(unread)
        position = max(head.position for head in heads.values())
        names = await self._purged(position, within)
        self._untidied = max(self._untidied, position)
        self._is_untidy.set()
        return Receipt(
            visitor_id=visitor_id,
            erased_at=erased_at,
            key="destroyed",
            sessions=_erased(sessions, heads),
            position=position,
            projections="pending" if names is None else "purged",
            purged=[Purge(name, position) for name in names or ()],
        )

    async def finish(self) -> Sequence[Receipt]:
        """Forget those whose erasure broke off before their key was destroyed, in whatever process.

        Raises Unavailable.
        """
        receipts: list[Receipt] = []
        for visitor_id in await self._forgetting.unfinished():
            if await self._has_begun(visitor_id):
                receipts.append(await self.erase(visitor_id, within=0))
                logger.warning("an erasure that had broken off was finished")
        return receipts

    async def keep_finished(self) -> None:
        """For ever, do the same. All processes may: it does no harm to do it twice."""
        while True:
            try:
                await self.finish()
            except Unavailable as error:
                logger.error("erasures that broke off are finished later: %s", error)
            await asyncio.sleep(FINISH_SECONDS)

    async def have_passed(self, position: int, within: float) -> bool:
        """Whether projections come to a position within so many seconds. Raises Unavailable."""
        return await self._purged(position, within) is not None

    async def tidy(self, within: float) -> None:
        """Once projections have forgotten whom this process has erased, have files hold less of it, too.

        Raises Unavailable.
        """
        if self._is_untidy.is_set() and await self.have_passed(self._untidied, within):
            await self._forgetting.tidy()

    async def keep_tidy(self) -> None:
        """For ever, do the same, however long projections take to come so far."""
        while True:
            await self._is_untidy.wait()
            position = self._untidied
            with suppress(Unavailable):
                if await self._forgetting.forgotten(position) is not None:
                    await self._forgetting.tidy()
                    if self._untidied == position:  # else there is more of it by now
                        self._is_untidy.clear()
                    continue
            await asyncio.sleep(TIDY_SECONDS)

    async def _has_begun(self, visitor_id: UUID) -> bool:
        """Whether the log says of any session of a visitor that they are erased."""
        for session_id in await self._store.sessions_of(visitor_id):
            with suppress(CorruptLog):
                session = await self._store.refresh(session_id)
                if session and session.erased_at:
                    return True
        logger.error("tables say of a visitor that they are erased, and the log doesn't: they are left alone")
        return False

    async def _forget(self, visitor_id: UUID) -> tuple[datetime, Mapping[UUID, datetime | None]]:
        """When the key was destroyed, and when each session was erased."""
        erased: dict[UUID, datetime | None] = {}
        left = await self.sessions_of(visitor_id)
        while True:
            recorded = await self._record_all(left)
            destroyed_at = await self._keyring.destroy(visitor_id)
            # What can't be read, perhaps because there is no key, is tried again when there must be none.
            unread = [each for each in left if each not in recorded]
            erased |= recorded
            erased |= {each: await self._record_if_readable(each) for each in unread}
            # Whoever was starting a session meanwhile has recorded it by now, or finds that there is no key.
            left = [each for each in await self._store.sessions_of(visitor_id) if each not in erased]
            if not left:
                return destroyed_at, erased

    async def _record_all(self, session_ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
        """Have the log say of sessions that they are erased: of those that can be read, since when."""
        recorded: dict[UUID, datetime] = {}
        for session_id in session_ids:
            with suppress(CorruptLog):
                recorded[session_id] = await self._record(session_id)
        return recorded

    async def _record_if_readable(self, session_id: UUID) -> datetime | None:
        try:
            return await self._record(session_id)
        except CorruptLog as error:
            # A visitor's wish doesn't wait until the log is mended: without the key nothing can be read here.
            logger.error("erased without a record of it: %s", error, extra={"session_id": session_id})
            return None

    async def _record(self, session_id: UUID) -> datetime:
        """Have the log say that a session is erased: since when. Raises CorruptLog where it takes no more."""
        while True:
            session = await self._latest(session_id)
            if session.erased_at:
                return session.erased_at
            now = self._clock.now()
            with suppress(Conflict):
                await self._store.append(session_id, session.version, decide.erase(session), now)
                return now

    async def _latest(self, session_id: UUID) -> ChatSession:
        session = await self._store.refresh(session_id)
        if session is None:
            raise SessionNotFound
        return session

    async def _purged(self, position: int, within: float) -> Sequence[str] | None:
        """The names of all projections, once they have forgotten; None if that takes longer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while (names := await self._forgetting.forgotten(position)) is None:  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_SECONDS)
                return names
        return None


def _erased(sessions: Mapping[UUID, datetime | None], heads: Mapping[UUID, Head]) -> Sequence[ErasedSession]:
    """In the order in which they were recorded, which is the same for whoever asks again."""
    return [
        ErasedSession(session_id, head.version, sessions[session_id], head.hash)
        for session_id, head in sorted(heads.items(), key=lambda item: item[1].position)
    ]
