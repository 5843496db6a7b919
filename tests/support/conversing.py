"""Conversations through the real store, by the domain's own decisions: a log as a service would have left
it."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain import session as decisions
from domain.events import Event, SessionEnded
from domain.proof import Anchor, Verdict
from domain.session import ChatSession, Findings
from infrastructure.checkpoints import COLUMNS, checkpoint_of
from infrastructure.event_store import SessionStore
from infrastructure.keyring import PostgresKeyTable, WrappedKeyring
from infrastructure.notary import Notary
from infrastructure.postgres import Database
from infrastructure.signing import SigningKey
from infrastructure.verification import Verification, snapshot
from tests.support.postgres import execute
from tests.support.stores import MASTER_KEY, Stores

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WORDS = ("A ", "novated ", "lease ", "is ", "an ", "agreement ", "with ", "your ", "employer. ")
KEY = SigningKey.derived(MASTER_KEY)


class Conversing:
    """Sessions that are being spoken in, step by step, as chance will have it."""

    def __init__(self, store: SessionStore, chance: random.Random) -> None:
        self._store = store
        self._chance = chance
        self._now = START
        self.sessions: dict[UUID, ChatSession] = {}

    def new_id(self) -> UUID:
        return UUID(int=self._chance.getrandbits(128), version=4)

    async def begin(self, visitor_id: UUID | None = None) -> ChatSession:
        """Start a session, with a message that is answered."""
        visitor_id = visitor_id or self.new_id()
        events = decisions.start(visitor_id, self._tick(), timedelta(days=1), {"page": "/pricing"})
        return await self._append(self.new_id(), 0, events)

    async def step(self, session: ChatSession) -> ChatSession:
        """One more append: a message, words, an end of a reply, a rating."""
        return await self._append(session.session_id, session.version, self._next(session))

    async def end(self, session: ChatSession) -> ChatSession:
        return await self._append(
            session.session_id, session.version, decisions.end(session, SessionEnded("completed"))
        )

    async def erase(self, session: ChatSession) -> ChatSession:
        """Record that the visitor is forgotten. The key is destroyed by whoever asks for that."""
        return await self._append(session.session_id, session.version, decisions.erase(session))

    async def _append(self, session_id: UUID, after: int, events: Sequence[Event]) -> ChatSession:
        session = await self._store.append(session_id, after, events, self._tick())
        self.sessions[session_id] = session
        return session

    def _next(self, session: ChatSession) -> Sequence[Event]:
        chance = self._chance
        if reply := session.open_reply:
            if chance.random() < 0.6:
                parts = chance.sample(WORDS, chance.randint(1, 4))
                return decisions.record_words(session, reply.response_id, parts, [17] * len(parts))
            found = Findings({"name": f"Ann {chance.randrange(9)}"}, ("What does it cost?", "Who owns it?"))
            return decisions.complete_reply(session, reply.response_id, found)
        if session.feedback and chance.random() < 0.2:
            rated = next(iter(session.feedback))
            comment = f"Thanks, {chance.getrandbits(64)} times"
            return decisions.rate(
                session, rated, "up", comment, per_minute=1000, per_session=10_000, now=self._now
            )
        said = decisions.post(
            session,
            text=f"Question {chance.randrange(1000)}: what is a novated lease?",
            max_chars=4000,
            per_minute=1000,
            per_session=10_000,
            message_id=self.new_id(),
            client_message_id=None,
            now=self._now,
        )
        asked = decisions.evolve_all(session, said, self._now)
        return [*said, *decisions.begin_reply(asked, self.new_id(), "guide", "node")]

    def _tick(self) -> datetime:
        self._now += timedelta(milliseconds=self._chance.randrange(1, 100))
        return self._now


class Proven:
    """A log with checkpoints, and all it takes to verify it."""

    def __init__(self, stores: Stores, store: SessionStore, database: Database, seed: int) -> None:
        self.conninfo = stores.conninfo
        self.store = store
        self.database = database
        self.keyring = WrappedKeyring(MASTER_KEY, PostgresKeyTable(database))
        self.talk = Conversing(store, random.Random(seed))

    def notary(self, key: SigningKey = KEY, most_events: int = 64) -> Notary:
        return Notary(self.database, key, Time(), most_events=most_events)

    async def sign(self, key: SigningKey = KEY, most_events: int = 64) -> None:
        """Have checkpoints recorded until there is nothing new."""
        while await self.notary(key, most_events).keep_up():
            pass

    def verify(self, anchor: Anchor | None = None, key: SigningKey = KEY) -> Verdict:
        """Verify the log."""
        with snapshot(self.conninfo) as connection:
            return Verification(connection, self.keyring, key.public, anchor).of_log()

    def verify_session(self, session_id: UUID, anchor: Anchor | None = None) -> Verdict | None:
        with snapshot(self.conninfo) as connection:
            return Verification(connection, self.keyring, KEY.public, anchor).of_session(session_id)

    def anchor(self, *, last: int = 1_000_000, hints: bool = False, key: SigningKey = KEY) -> Anchor:
        """A copy of the latest checkpoints, so many of them."""
        rows = execute(self.conninfo, f"SELECT {COLUMNS}, hints FROM checkpoints ORDER BY number")[-last:]
        kept = {row[0]: row[-1] for row in rows} if hints else {}
        return Anchor(key.public, [checkpoint_of(row) for row in rows], kept)


class Time:
    """A clock that stands."""

    def now(self) -> datetime:
        return START

    def new_id(self) -> UUID:
        raise NotImplementedError


@asynccontextmanager
async def proven(conninfo: str, seed: int = 7) -> AsyncIterator[Proven]:
    """A log in which nothing has been said yet."""
    stores = Stores(conninfo)
    database = Database(conninfo, max_connections=2)
    await database.open()
    try:
        yield Proven(stores, await stores.open(), database, seed)
    finally:
        await stores.close()
        await database.close()


SKIP_POSITIONS = """
    SELECT nextval(pg_get_serial_sequence('stored_events', 'notification_id')) FROM generate_series(1, 3)
"""
"""Leaves a hole in the positions, as an append does that is rolled back."""


async def chatter(
    log: Proven, chance: random.Random, *, sessions: int, steps: int, erased: int = 0
) -> Sequence[ChatSession]:
    """Many sessions that are spoken in at once, some of the same visitor, and some erased half way."""
    for number in range(sessions):
        again = next(iter(log.talk.sessions.values())).visitor_id if number in (1, 2) else None
        await log.talk.begin(again)
    for number in range(steps):
        session = chance.choice([one for one in log.talk.sessions.values() if not one.ended])
        await log.talk.step(session)
        if number % 40 == 0:
            execute(log.conninfo, SKIP_POSITIONS)
        if number == steps // 2:
            await forget(log, [*log.talk.sessions.values()][sessions - erased :])
    return [*log.talk.sessions.values()]


async def forget(log: Proven, sessions: Sequence[ChatSession]) -> None:
    """Erase the visitors of these sessions, who have no others."""
    for session in sessions:
        await log.talk.erase(session)
        await log.keyring.destroy(session.visitor_id)
