"""Processes that hold conversations on one log in memory, and what is recorded there."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from domain.assistant import Assistant
from domain.conversations import Conversations, Rules
from domain.errors import Unavailable
from domain.events import Event, ReplyChunksRecorded
from domain.ports import Recorded
from infrastructure.clock import SystemClock
from infrastructure.doorbells import LocalDoorbell
from infrastructure.event_store import SessionStore
from infrastructure.keyring import MemoryKeyTable, WrappedKeyring
from infrastructure.logs import MemoryLog
from tests.support.assistants import Echo

T = TypeVar("T", bound=Event)

VISITOR = UUID(int=7)


class BrittleLog(MemoryLog):
    """A log in memory that can be put out of reach: appends are refused, or hang until it is back."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses = False
        self.hangs = False
        self.reads = 0
        self.held: list[tuple[asyncio.Future[None], Callable[[], asyncio.Future[None]]]] = []

    def append(self, rows: Sequence[StoredEvent], committed: Callable[[], None]) -> "asyncio.Future[None]":
        if not (self.refuses or self.hangs):
            return super().append(rows, committed)
        future = asyncio.get_running_loop().create_future()
        if self.refuses:
            future.set_exception(Unavailable())
        else:
            self.held.append((future, lambda: super(BrittleLog, self).append(rows, committed)))
        return future

    async def read(self, session_id: UUID, after: int, most: int | None = None) -> Sequence[StoredEvent]:
        self.reads += 1
        return await super().read(session_id, after, most)

    def turn_away(self) -> None:
        """Refuse what hangs."""
        held, self.held = self.held, []
        for future, _ in held:
            future.set_exception(Unavailable())

    def come_back(self) -> None:
        self.refuses = self.hangs = False
        held, self.held = self.held, []
        for future, append in held:
            _settle_like(future, append())


def _settle_like(future: "asyncio.Future[None]", outcome: "asyncio.Future[None]") -> None:
    error = outcome.exception()
    if not future.done():
        future.set_result(None) if error is None else future.set_exception(error)


class World:
    """One log, and as many processes on it as a test needs."""

    def __init__(self) -> None:
        self.log = BrittleLog()
        self.keys = MemoryKeyTable()
        self.doorbells: list[LocalDoorbell] = []
        self.processes: list[Conversations] = []
        self.handed_over: list[UUID] = []

    def process(self, assistant: Assistant | None = None, **rules: object) -> Conversations:
        """A process that has just started, with nothing in its memory."""
        store = SessionStore(self.log, WrappedKeyring(bytes(32), self.keys), LocalDoorbell(self.doorbells))
        quick = Rules(**{"chunk_window": 0.0, **rules})  # type: ignore[arg-type]
        node = f"process {len(self.processes)}"
        conversations = Conversations(store, assistant or Echo(), SystemClock(), quick, node, self.hand_over)
        self.processes.append(conversations)
        return conversations

    async def hand_over(self, session_id: UUID, _: datetime) -> None:
        self.handed_over.append(session_id)

    async def stand_in(self, alive: Conversations, session_id: UUID) -> None:
        """Have one process look after a session, with all others dead."""
        dead = {f"process {number}" for number, process in enumerate(self.processes) if process is not alive}
        await alive.attend(session_id, frozenset(dead))

    async def close(self) -> None:
        await asyncio.gather(*(process.close() for process in self.processes))


@asynccontextmanager
async def at_once(seconds: float = 10) -> AsyncIterator[None]:
    """What is in here takes no time worth speaking of: only failures pay for the patience."""
    async with asyncio.timeout(seconds):
        yield


async def told(
    conversations: Conversations, session_id: UUID, kind: type[Event], times: int = 1
) -> list[Event]:
    """All events of a session, as a follower is told, up to one of this kind."""
    events: list[Event] = []
    async with at_once(), aclosing(_followed(conversations, session_id)) as followed:
        async for recorded in followed:
            events.append(recorded.event)
            times -= isinstance(recorded.event, kind)
            if not times:
                return events
    raise AssertionError("a session is followed without end")


async def _followed(conversations: Conversations, session_id: UUID) -> AsyncGenerator[Recorded, None]:
    async for batch in conversations.follow(session_id, 0):
        for recorded in batch:
            yield recorded


async def recorded(conversations: Conversations, session_id: UUID) -> list[Event]:
    return [recorded.event for recorded in await conversations.read(session_id)]


def kinds(events: Sequence[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def of_kind(events: Sequence[Event], kind: type[T]) -> list[T]:
    return [event for event in events if isinstance(event, kind)]


def text_of(events: Sequence[Event]) -> str:
    return "".join(part for event in of_kind(events, ReplyChunksRecorded) for part in event.parts)
