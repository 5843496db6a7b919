"""Replay: the very frames that were sent, once more, with their rhythm; and live, from where the log ends on.

It follows the session as a visitor's socket does, and only waits between what it is told. A frame belongs to
the moment at which its event was recorded, a word to that at which it was said: its delay is on the record.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from itertools import accumulate, groupby
from math import inf
from operator import itemgetter
from uuid import UUID

from msgspec import Struct

from api.frames import Cursor, FromLog, frames_of, replayed
from domain.errors import InvalidRequest, SessionErased, SessionNotFound
from domain.events import ReplyChunksRecorded
from domain.ports import EventStore, Recorded
from domain.session import ChatSession

AT_ONCE = "max"
SLOWEST, FASTEST = "0.000001", "999999.999999"
SPEED_PATTERN = r"max|[1-9][0-9]{0,5}(\.[0-9]{1,6})?|0\.[0-9]{0,5}[1-9][0-9]{0,5}"

LONGEST_NAP = 3600.0
"""Seconds. Not every event loop understands a timer that is set for years, as a tiny speed would do."""


def parse_speed(text: str) -> float:
    """A factor. Raises InvalidRequest."""
    if not re.fullmatch(SPEED_PATTERN, text):
        raise InvalidRequest(
            f"speed must be a factor from {SLOWEST} to {FASTEST} with six decimals at most, "
            f"such as 1 or 2.5, or {AT_ONCE} for at once, not {text[:40]!r}"
        )
    return inf if text == AT_ONCE else float(text)


class Moment(Struct, frozen=True):
    """What was there to be seen at a moment: frames with one time."""

    at: datetime
    frames: Sequence[FromLog]


class Replay:
    """One replay of a session, from a cursor on: until it has ended or, unless it is to be followed, until
    the end of the log."""

    def __init__(
        self, store: EventStore, session: ChatSession, after: Cursor, speed: float, *, follow: bool = True
    ) -> None:
        self._store = store
        self._session_id = session.session_id
        self._latest = session
        self._after = after
        self._shown = after.events_after
        self._speed = speed
        self._follow = follow
        self._erased = asyncio.Event()
        self._origin: tuple[float, datetime] | None = None
        self._at = session.started_at

    @classmethod
    async def begin(
        cls, store: EventStore, session_id: UUID, after: str | None, speed: str, *, follow: bool = True
    ) -> "Replay":
        """Raises InvalidRequest, SessionNotFound, SessionErased, Unavailable."""
        session = await store.refresh(session_id)
        if session is None:
            raise SessionNotFound
        cursor = Cursor(0) if after is None else Cursor.parse(after).within(session)
        factor = parse_speed(speed)
        if session.erased_at:
            raise SessionErased
        return cls(store, session, cursor, factor, follow=follow)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come. Otherwise, a replay that ends can be taken up at its cursor."""
        is_at_end = self._shown >= self._latest.version
        return is_at_end and (self._latest.ended is not None or not self._follow)

    async def frames(self) -> AsyncGenerator[Sequence[FromLog], None]:
        """The frames, each batch when its time has come. Raises SessionErased, Unavailable."""
        async with aclosing(self.moments()) as moments:
            async for moment in moments:
                yield [replayed(frame) for frame in moment.frames]

    async def moments(self) -> AsyncGenerator[Moment, None]:
        """The same, with their times."""
        with self._store.watch(self._session_id, self._learn):
            # Once more, since nobody has watched until now.
            if session := await self._store.refresh(self._session_id):
                self._learn(session)
            if self.is_over:
                return
            async with aclosing(self._store.follow(self._session_id, self._shown)) as history:
                async for news in history:
                    for moment in _moments(news, self._after):
                        await self._reach(moment.at)
                        yield moment
                    self._arrive_at(news[-1].session)
                    if self.is_over:
                        return

    def _learn(self, session: ChatSession) -> None:
        if session.version >= self._latest.version:
            self._latest = session
        if session.erased_at:
            self._erased.set()

    def _arrive_at(self, session: ChatSession) -> None:
        self._learn(session)
        self._require_unerased()
        self._shown = session.version
        if self._shown >= self._latest.version:
            self._origin = None  # what comes next is being recorded: there is no silence to be caught up with

    async def _reach(self, at: datetime) -> None:
        """Return when the time of a moment has come, as the first one has it at once."""
        loop = asyncio.get_running_loop()
        # Words are said before they are recorded, and something else may be recorded in between.
        self._at = max(self._at, at)
        self._origin = self._origin or (loop.time(), self._at)
        began, first = self._origin
        due = began + (self._at - first).total_seconds() / self._speed
        while not self._erased.is_set() and (left := due - loop.time()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, LONGEST_NAP)):
                    await self._erased.wait()
        self._require_unerased()

    def _require_unerased(self) -> None:
        if self._erased.is_set():
            raise SessionErased


def _moments(news: Sequence[Recorded], after: Cursor) -> Sequence[Moment]:
    timed = [
        timed
        for recorded in news
        if (frames := frames_of(recorded, after))
        for timed in zip(_times(recorded, len(frames)), frames, strict=True)
    ]
    return [Moment(at, [frame for _, frame in same]) for at, same in groupby(timed, key=itemgetter(0))]


def _times(recorded: Recorded, count: int) -> Sequence[datetime]:
    """When the last `count` frames of an event were there to be seen."""
    if not isinstance(recorded.event, ReplyChunksRecorded):
        return [recorded.at] * count
    assert recorded.session.reply is not None
    started_at = recorded.session.reply.started_at
    return [started_at + timedelta(milliseconds=ms) for ms in accumulate(recorded.event.delays)][-count:]
