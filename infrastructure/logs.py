"""Where stored events are kept: PostgreSQL, or this process's memory, with the same promises."""

import asyncio
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.popo import POPOApplicationRecorder

from domain.errors import Conflict, Unavailable
from domain.events import SessionStarted
from domain.ports import Head
from infrastructure import codec
from infrastructure.checkpoints import CREATE_CHECKPOINTS
from infrastructure.deadlines import CREATE_DEADLINES
from infrastructure.group_commit import GroupCommit
from infrastructure.meters import Meters
from infrastructure.postgres import CREATE_VISITOR_KEYS, Database, schema_lock
from infrastructure.recorder import Recorder, datastore, require_consecutive

MOST_PLACES = 10_000


NAMED_VISITOR = """substring(state FROM position('"visitor_id":"'::bytea IN state) + 14 FOR 36)"""
"""The visitor that a session's first event names. Not read as JSON: that would fail on what isn't."""

CREATE_STARTED_INDEX = f"""
    CREATE INDEX IF NOT EXISTS stored_events_visitor ON stored_events (({NAMED_VISITOR}))
    WHERE originator_version = 1
"""
"""Of each session's first event, the visitor that it names: all others cost it nothing."""

SESSIONS_OF = f"SELECT originator_id FROM stored_events WHERE originator_version = 1 AND {NAMED_VISITOR} = $1"  # noqa: S608


HEADS = """
    SELECT notification_id, originator_id, originator_version, topic, state
    FROM unnest($1::uuid[]) AS asked (session_id) CROSS JOIN LATERAL (
        SELECT * FROM stored_events WHERE originator_id = session_id
        ORDER BY originator_version DESC LIMIT 1
    ) AS latest
"""


class Place(NamedTuple):
    """Where an event stands: in the whole log, and in its session."""

    position: int
    session_id: UUID
    version: int


class Log(Protocol):
    """Stored events, by session and version."""

    def append(self, rows: Sequence[StoredEvent], committed: Callable[[], None]) -> "asyncio.Future[None]":
        """Record consecutive rows of one session after its latest. See `GroupCommit.append`."""
        ...

    async def read(self, session_id: UUID, after: int, most: int | None = None) -> Sequence[StoredEvent]:
        """A session's events after a version, in order, the first `most` of them. Raises Unavailable."""
        ...

    async def since(self, position: int) -> "Sequence[Place]":
        """Where events have been recorded after a position in the whole log, in order, not all at once if
        there are many. Raises Unavailable."""
        ...

    async def latest(self) -> int:
        """The latest position in the whole log. Raises Unavailable."""
        ...

    async def sessions_of(self, visitor_id: UUID) -> Sequence[UUID]:
        """The sessions whose first event names a visitor. Raises Unavailable."""
        ...

    async def heads(self, session_ids: Collection[UUID]) -> Mapping[UUID, Head]:
        """Where sessions stand. Raises Unavailable."""
        ...

    async def check(self) -> None:
        """Return if the log can be read and written. Raises Unavailable."""
        ...


class PostgresLog:
    """The log in PostgreSQL."""

    def __init__(self, conninfo: str, database: Database, meters: Meters | None = None) -> None:
        self._conninfo = conninfo
        self._database = database
        self.recorder = Recorder(datastore(conninfo))
        self._writer = GroupCommit(conninfo, self.recorder, meters)
        self.append = self._writer.append

    @property
    def pending(self) -> int:
        """How many appends wait to be sent."""
        return self._writer.pending

    async def open(self) -> None:
        """Create what is missing, and begin to write. Raises psycopg.OperationalError, Unavailable."""
        await asyncio.to_thread(create_tables, self._conninfo, self.recorder)
        await self._writer.open()

    async def close(self) -> None:
        await self._writer.close()
        await asyncio.to_thread(self.recorder.datastore.close)

    async def read(self, session_id: UUID, after: int, most: int | None = None) -> Sequence[StoredEvent]:
        rows = await self._database.fetch(self.recorder.read_statement, (session_id, after, most))
        return [StoredEvent(session_id, version, topic, state) for version, topic, state in rows]

    async def since(self, position: int) -> Sequence[Place]:
        rows = await self._database.fetch(self.recorder.since_statement, (position, MOST_PLACES))
        return [Place(*row) for row in rows]

    async def latest(self) -> int:
        return (await self._database.fetch(self.recorder.latest_statement))[0][0]

    async def sessions_of(self, visitor_id: UUID) -> Sequence[UUID]:
        rows = await self._database.fetch(SESSIONS_OF, (str(visitor_id).encode(),))
        return [session_id for (session_id,) in rows]

    async def heads(self, session_ids: Collection[UUID]) -> Mapping[UUID, Head]:
        rows = await self._database.fetch(HEADS, ([*session_ids],))
        return {row[0]: _head(position, StoredEvent(*row)) for position, *row in rows}

    async def check(self) -> None:
        self._writer.check()
        ((read_only,),) = await self._database.fetch("SELECT current_setting('transaction_read_only')")
        if read_only == "on":
            raise Unavailable


def create_tables(conninfo: str, recorder: Recorder) -> None:
    """The log, and what stands beside it: where they aren't there yet."""
    with schema_lock(conninfo) as connection:
        connection.execute(CREATE_VISITOR_KEYS)
        connection.execute(CREATE_DEADLINES)
        connection.execute(CREATE_CHECKPOINTS)
        recorder.create_table()
        connection.execute(CREATE_STARTED_INDEX)


class MemoryLog:
    """The log in eventsourcing's plain Python recorder: for tests, and gone with the process."""

    def __init__(self) -> None:
        self.recorder = POPOApplicationRecorder()

    def append(self, rows: Sequence[StoredEvent], committed: Callable[[], None]) -> "asyncio.Future[None]":
        require_consecutive(rows)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._require_next(rows[0])
            self.recorder.insert_events(rows)
        except IntegrityError:
            future.set_exception(Conflict())
        else:
            committed()
            future.set_result(None)
        return future

    async def read(self, session_id: UUID, after: int, most: int | None = None) -> Sequence[StoredEvent]:
        return self.recorder.select_events(session_id, gt=after, limit=most)

    async def since(self, position: int) -> Sequence[Place]:
        return [
            Place(notification.id, UUID(str(notification.originator_id)), notification.originator_version)
            for notification in self.recorder.select_notifications(position + 1, MOST_PLACES)
        ]

    async def latest(self) -> int:
        return self.recorder.max_notification_id() or 0

    async def sessions_of(self, visitor_id: UUID) -> Sequence[UUID]:
        starts = self.recorder.select_notifications(None, sys.maxsize, topics=[SessionStarted.topic])
        return [UUID(str(start.originator_id)) for start in starts if codec.visitor_of(start) == visitor_id]

    async def heads(self, session_ids: Collection[UUID]) -> Mapping[UUID, Head]:
        return {
            UUID(str(row.originator_id)): _head(row.id, row)
            for row in self.recorder.select_notifications(None, sys.maxsize)
            if row.originator_id in session_ids
        }

    async def check(self) -> None:
        pass

    def _require_next(self, row: StoredEvent) -> None:
        latest = self.recorder.select_events(row.originator_id, desc=True, limit=1)
        expected = (latest[0].originator_version + 1,) if latest else (0, 1)
        if row.originator_version not in expected:
            raise IntegrityError(f"{row.originator_id}: version {row.originator_version} isn't next")


def _head(position: int, row: StoredEvent) -> Head:
    return Head(row.originator_version, position, codec.digest(row).hex())
