"""The event store: what this process knows of sessions, and one tail for each that is followed.

A cached session is immutable and comes with its head: the hash that the next event must name. It may be
behind other processes; an append on it then conflicts, and the next load reads on from where it stands.
What this process commits goes straight to the session's tail, so that nothing is read back. What others
commit is read, once for all who follow the session here, when a doorbell rings or a second has passed.
"""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent
from msgspec import Struct
from msgspec.structs import replace

from domain.errors import Conflict, CorruptLog, KeyDestroyed, SessionNotFound, Unavailable
from domain.events import Event, VisitorErased
from domain.ports import Doorbell, Head, Keyring, Recorded
from domain.session import ChatSession, begin, cause_of, evolve
from infrastructure import codec
from infrastructure.known import Known, first_known, next_known, start_of
from infrastructure.logs import Log
from infrastructure.meters import Meters
from infrastructure.snapshots import Snapshots
from infrastructure.tail import TAIL_EVENTS, Tail

logger = logging.getLogger(__name__)

T = TypeVar("T")

CACHED_SESSIONS = 20_000
PAGE_EVENTS = 500
"""Events that are read at once."""

READ_AT_ONCE = 4
"""Sessions that are held whole at once: each of a long one's events comes with the session as it left it."""

PIECE_EVENTS = 50
"""Events that a follower is given at once."""

POLL_SECONDS = 1.0
"""How long it takes to notice what other processes have committed, if no doorbell tells of it."""


class _Page(Struct, frozen=True):
    """Events that were read at once, and what is known after them."""

    known: Known | None
    history: Sequence[Recorded]


class SessionStore:
    """See `domain.ports.EventStore`."""

    def __init__(self, log: Log, keyring: Keyring, doorbell: Doorbell, meters: Meters | None = None) -> None:
        self._log = log
        self._keyring = keyring
        self._doorbell = doorbell
        self._meters = meters or Meters()
        self._known: OrderedDict[UUID, Known] = OrderedDict()
        self._snapshots = Snapshots()
        self._tails: dict[UUID, Tail[_Page]] = {}
        # Sessions that are being read or written: whoever looks meanwhile learns what others record there,
        # and doesn't pass it by as nothing that is known. What is being learned would be behind, and stay so.
        self._under_way: Counter[UUID] = Counter()
        self._reading = asyncio.Semaphore(READ_AT_ONCE)
        self._seen = 0  # the position up to which we know which sessions have moved on
        self._hung_up: Callable[[UUID], bool] = lambda _: False

    def recall(self, session_id: UUID) -> ChatSession | None:
        known = self._known.get(session_id)
        if known is None:
            return None
        self._known.move_to_end(session_id)
        return known.session

    async def load(self, session_id: UUID) -> ChatSession | None:
        return self.recall(session_id) or await self.refresh(session_id)

    async def refresh(self, session_id: UUID) -> ChatSession | None:
        await self._read_on(session_id)
        known = self._known.get(session_id)
        return known.session if known else None

    async def append(
        self, session_id: UUID, after: int, events: Sequence[Event], at: datetime
    ) -> ChatSession:
        return await self._append(session_id, after, [(event, at) for event in events])

    async def bring_in(self, session_id: UUID, history: Sequence[tuple[Event, datetime]]) -> ChatSession:
        """Record a whole session that has happened already, each event with its own time, all or none: a
        session of long ago that is half there would be due at once.

        Raises Conflict where it is there, Unavailable.
        """
        return await self._append(session_id, 0, history)

    async def read(self, session_id: UUID, after: int = 0, most: int | None = None) -> Sequence[Recorded]:
        history: list[Recorded] = []
        async with aclosing(self._pages(session_id, after)) as pages:
            async for page in pages:
                history += page
                if most is not None and len(history) >= most:
                    break
        return history[:most]

    async def made_of(self, session_id: UUID, make: Callable[[Sequence[Recorded]], T]) -> T:
        async with self._reading:
            if not (history := await self.read(session_id)):
                raise SessionNotFound
            return await asyncio.to_thread(make, history)

    async def check(self) -> None:
        await self._log.check()

    async def sessions_of(self, visitor_id: UUID) -> Sequence[UUID]:
        return await self._log.sessions_of(visitor_id)

    async def heads(self, session_ids: Collection[UUID]) -> Mapping[UUID, Head]:
        return await self._log.heads(session_ids)

    async def follow(self, session_id: UUID, after: int) -> AsyncGenerator[Sequence[Recorded], None]:
        with self._tail(session_id) as tail:
            tail.followers += 1
            try:
                while True:
                    news = tail.since(after)
                    if news is None and not self._is_latest(session_id, after):
                        async with aclosing(self._pages(session_id, after, tail)) as pages:
                            async for page in pages:
                                for given in self._bit_by_bit(session_id, page):
                                    after = given[-1].version
                                    yield given
                                if after < page[-1].version:
                                    break  # it has been erased, and what is left of it is read anew
                        news = tail.since(after)
                    if news:
                        for given in self._bit_by_bit(session_id, news):
                            after = given[-1].version
                            yield given
                    elif self._hung_up(session_id):
                        return
                    else:
                        await tail.changed(after)
            finally:
                tail.followers -= 1

    def _bit_by_bit(self, session_id: UUID, news: Sequence[Recorded]) -> Iterator[Sequence[Recorded]]:
        """Much is given in pieces: whoever takes it slowly gets no more of it once the session is erased."""
        for start in range(0, len(news), PIECE_EVENTS):
            if start and self._is_erased(session_id):
                return
            yield news[start : start + PIECE_EVENTS] if len(news) > PIECE_EVENTS else news

    @contextmanager
    def watch(self, session_id: UUID, told: Callable[[ChatSession], None]) -> Iterator[None]:
        with self._tail(session_id) as tail:
            tail.watchers.append(told)
            try:
                yield
            finally:
                tail.watchers.remove(told)

    def hang_up(self, but: Collection[UUID] = ()) -> None:
        self._hung_up = lambda session_id: session_id not in but
        for session_id, tail in self._tails.items():
            if session_id not in but:
                tail.wake()

    # --- what other processes do

    async def open(self) -> None:
        """Begin to look from here on. Raises Unavailable."""
        self._seen = await self._log.latest()

    async def keep_up(self) -> None:
        """For ever, learn what other processes record in sessions that are known here."""
        reachable = True
        while True:
            await self._doorbell.wait(POLL_SECONDS)
            try:
                await self.look()
                reachable = True
            except Unavailable:
                if reachable:
                    logger.warning("the log can't be read: what other processes record is seen later")
                reachable = False

    async def look(self) -> None:
        """Learn what has been recorded since the last look. Raises Unavailable."""
        while places := await self._log.since(self._seen):
            behind = {session_id for _, session_id, version in places if self._is_behind(session_id, version)}
            wanted = {session_id for session_id in behind if self._is_wanted(session_id)}
            for session_id in behind - wanted:
                self._forget(session_id)  # whoever wants to know it next, reads it
            await asyncio.gather(*map(self._catch_up, wanted))
            self._seen = places[-1].position

    async def _catch_up(self, session_id: UUID) -> None:
        is_known = session_id in self._known
        try:
            news = await self._read_on(session_id)
            if is_known:  # else all of it comes in, however old
                self._meters.learned(news)
        except CorruptLog as error:
            logger.error("%s", error)  # and those who follow get no more: what can't be read isn't shown

    def _is_behind(self, session_id: UUID, version: int) -> bool:
        known = self._known.get(session_id)
        return self._is_wanted(session_id) if known is None else known.session.version < version

    def _is_wanted(self, session_id: UUID) -> bool:
        return session_id in self._tails or session_id in self._under_way

    def _finish(self, session_id: UUID) -> None:
        """It is read, or written."""
        self._under_way[session_id] -= 1
        if not self._under_way[session_id]:
            del self._under_way[session_id]

    # --- what is recorded

    async def _append(
        self, session_id: UUID, after: int, history: Sequence[tuple[Event, datetime]]
    ) -> ChatSession:
        known = await self._at_version(session_id, after)
        cipher = known.cipher if known else await self._new_cipher(start_of(history[0][0]).visitor_id)
        if known and not known.cipher and not (known.session.erased_at or _says_erased(history)):
            raise KeyDestroyed
        rows: list[StoredEvent] = []
        news: list[Recorded] = []
        snapshots: list[Known] = []
        session, head = (known.session, known.head) if known else (None, b"")
        for version, (event, at) in enumerate(history, after + 1):
            cause = cause_of(session, event) if session else 0
            row = codec.encode(session_id, version, event, at, head, cause, cipher)
            session = evolve(session, event, at) if session else begin(session_id, start_of(event), at)
            head = codec.digest(row)
            if self._snapshots.is_due(version):
                snapshots.append(Known(session, head, cipher))
            rows.append(row)
            news.append(Recorded(event, session, at))
        assert session is not None, "append needs an event"
        then = Known(session, head, None if session.erased_at else cipher)
        self._under_way[session_id] += 1
        try:
            await self._log.append(rows, lambda: self._committed(then, news, snapshots))
        except Conflict:
            self._meters.conflicts.inc()
            await self._learn_why(session_id, after)
            raise
        finally:
            self._finish(session_id)
        if known is None:
            await self._require_key(session)
        return session

    async def _learn_why(self, session_id: UUID, after: int) -> None:
        """Of a conflict: others have gone on since this version. Or the log has lost it, as where a standby
        took over that was behind; then what is known here is begun anew."""
        await self.refresh(session_id)
        known = self._known.get(session_id)
        if known is not None and known.session.version == after:
            self._forget(session_id)
            if tail := self._tails.get(session_id):
                tail.begin_anew()
            await self.refresh(session_id)

    # --- what is known

    def _is_latest(self, session_id: UUID, after: int) -> bool:
        """Whether nothing has been recorded after this version, as far as we have looked: what comes later
        will be handed to the session's tail, which must be there already."""
        known = self._known.get(session_id)
        return known is not None and known.session.version <= after

    def _is_erased(self, session_id: UUID) -> bool:
        known = self._known.get(session_id)
        return known is not None and known.session.erased_at is not None

    @contextmanager
    def _tail(self, session_id: UUID) -> Iterator[Tail[_Page]]:
        tail = self._tails.setdefault(session_id, Tail())
        tail.users += 1
        try:
            yield tail
        finally:
            tail.users -= 1
            if not tail.users:
                del self._tails[session_id]

    def _committed(self, known: Known, news: Sequence[Recorded], snapshots: Sequence[Known]) -> None:
        self._learn(known, news)
        for snapshot in snapshots:
            self._keep(snapshot)
        self._doorbell.ring()
        self._meters.recorded(news)

    async def _read_on(self, session_id: UUID) -> Sequence[Recorded]:
        """Learn what has been recorded after what is known of a session; the latest of it.

        Raises Unavailable, CorruptLog.
        """
        known = self._known.get(session_id)
        news: list[Recorded] = []
        is_last = False
        self._under_way[session_id] += 1
        try:
            while not is_last:
                start = known.session.version if known else 0
                rows = await self._log.read(session_id, start, PAGE_EVENTS)
                known, more = await self._fold(session_id, known, rows)
                news = [*news, *more][-TAIL_EVENTS:]
                is_last = len(rows) < PAGE_EVENTS
            if known is not None:
                self._learn(known, news)
        finally:
            self._finish(session_id)
        return news

    async def _at_version(self, session_id: UUID, after: int) -> Known | None:
        if after == 0:
            return None
        known = self._known.get(session_id)
        if known is None or known.session.version < after:
            await self.refresh(session_id)
            known = self._known.get(session_id)
        if known is None or known.session.version != after:
            raise Conflict
        return known

    async def _fold(
        self, session_id: UUID, known: Known | None, rows: Sequence[StoredEvent]
    ) -> tuple[Known | None, list[Recorded]]:
        """What is known after more rows, and what they recorded. Raises CorruptLog."""
        history: list[Recorded] = []
        for row in rows:
            if known is None:
                known, recorded = await self._first(session_id, row)
            else:
                known, recorded = next_known(known, row)
            self._keep(known)
            history.append(recorded)
        return known, history

    async def _pages(
        self, session_id: UUID, after: int, tail: Tail[_Page] | None = None
    ) -> AsyncGenerator[Sequence[Recorded], None]:
        """What is recorded after a version, not all at once: a reader who is slow must not hold all of it.

        Those who follow the session by one tail share what is read.
        """
        known = self._snapshots.before(session_id, after)
        is_last = False
        while not is_last:
            if tail is None:
                page = await self._page(session_id, known)
            else:
                start = known.session.version if known else 0
                page = await tail.shared(start, self._page(session_id, known))
            known, is_last = page.known, len(page.history) < PAGE_EVENTS
            if news := [recorded for recorded in page.history if recorded.version > after]:
                yield news

    async def _page(self, session_id: UUID, known: Known | None) -> _Page:
        if known:  # for as long as a reader takes: the key may be destroyed meanwhile
            known = replace(known, cipher=await self._cipher(session_id, known.session.visitor_id))
        rows = await self._log.read(session_id, known.session.version if known else 0, PAGE_EVENTS)
        return _Page(*await self._fold(session_id, known, rows))

    def _keep(self, known: Known) -> None:
        if not self._snapshots.is_due(known.session.version):
            return
        # Of a session that isn't known so far, or is erased, nobody would ever drop it.
        latest = self._known.get(known.session.session_id)
        if latest and latest.session.version >= known.session.version and not latest.session.erased_at:
            self._snapshots.keep(known)

    def _forget(self, session_id: UUID) -> None:
        known = self._known.pop(session_id, None)
        if known:
            self._snapshots.drop(known.session)

    async def _new_cipher(self, visitor_id: UUID) -> AESGCM:
        return AESGCM(await self._keyring.create(visitor_id))

    async def _cipher(self, session_id: UUID, visitor_id: UUID) -> AESGCM | None:
        """The visitor's, unless it was destroyed. Raises CorruptLog."""
        try:
            key = await self._keyring.find(visitor_id)
        except CorruptLog as error:
            raise CorruptLog(f"session {session_id}: {error}") from None
        return AESGCM(key) if key else None

    async def _require_key(self, session: ChatSession) -> None:
        """Raises KeyDestroyed where the key was destroyed since it sealed the start of this session.

        Whoever destroys it looks for sessions afterwards: one of us two must see what the other has done.
        """
        is_there = False
        try:
            is_there = await self._cipher(session.session_id, session.visitor_id) is not None
        finally:
            if not is_there:
                self._forget(session.session_id)  # which has the key
        if not is_there:
            raise KeyDestroyed

    async def _first(self, session_id: UUID, row: StoredEvent) -> tuple[Known, Recorded]:
        return first_known(row, await self._cipher(session_id, codec.visitor_of(row)))

    def _learn(self, known: Known, news: Sequence[Recorded]) -> None:
        session_id, session = known.session.session_id, known.session
        before = self._known.get(session_id)
        if before is None or before.session.version < session.version:
            self._known[session_id] = known
            self._known.move_to_end(session_id)
            if session.erased_at:
                self._snapshots.drop(session)
            if len(self._known) > CACHED_SESSIONS:
                self._forget(next(iter(self._known)))
        if news and (tail := self._tails.get(session_id)):
            tail.grow(news)


def _says_erased(history: Sequence[tuple[Event, datetime]]) -> bool:
    return any(isinstance(event, VisitorErased) for event, _ in history)
