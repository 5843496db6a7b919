"""The log's table, on eventsourcing's layout, and the group-committing writer.

The library's own append takes a table lock and commits one caller at a time. Ours takes one advisory lock
for the transaction, which serialises appends just as well (positions become visible in order) and stops
neither ANALYZE nor VACUUM; and one writer in each process commits all that is pending at once.
"""

import asyncio
import logging
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier, Literal
from psycopg.types.numeric import Int8BinaryDumper

from domain.errors import Conflict, Unavailable

logger = logging.getLogger(__name__)

MAX_BATCH = 1000
"""Commands in one transaction, at most."""

RECONNECT_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Pauses between attempts to reach the server; the last is repeated."""

CLOSE_SECONDS = 3.0
"""How long the commit under way may take once the writer is to stop."""

Columns = tuple[list[UUID | str], list[int], list[str], list[bytes], list[int]]
Place = tuple[UUID | str, int]
"""A stream and a version."""

# A statement of its own: only one that starts after the lock is held sees what its last holder committed.
LOCK = "SELECT pg_advisory_xact_lock({lock})"

# `first` is the version that the row's command begins with: it must come right after the latest one of its
# stream, or begin the stream, at 0 or at 1.
APPEND = """
    INSERT INTO {table} (originator_id, originator_version, topic, state)
    SELECT id, version, topic, state
    FROM unnest(%b::{id_type}[], %b::bigint[], %b::text[], %b::bytea[], %b::bigint[])
        AS command (id, version, topic, state, first)
    WHERE coalesce(
        (SELECT originator_version FROM {table}
         WHERE originator_id = id AND originator_version >= first - 1
         ORDER BY originator_version DESC LIMIT 1),
        CASE WHEN first <= 1 THEN first - 1 END
    ) = first - 1
    RETURNING originator_id, originator_version, notification_id
"""

SETTLE = """
    SELECT originator_id, originator_version
    FROM unnest(%b::{id_type}[], %b::bigint[], %b::text[], %b::bytea[]) AS command (id, version, topic, state)
    JOIN {table} AS stored ON originator_id = id AND originator_version = version
        AND stored.topic = command.topic AND stored.state = command.state
"""

READ = """
    SELECT originator_version, topic, state FROM {table}
    WHERE originator_id = %b AND originator_version > %b ORDER BY originator_version
"""


class Recorder(PostgresApplicationRecorder):
    """eventsourcing's recorder, with an append that refuses holes. Synchronous, as the library wants it."""

    def __init__(self, datastore: PostgresDatastore, *, events_table_name: str = "stored_events") -> None:
        super().__init__(datastore, events_table_name=events_table_name)
        # The library's insert function neither locks nor keeps to its own table: it must not exist.
        del self.sql_create_statements[self.create_insert_function_statement_index]
        names = {
            "table": SQL("{}.{}").format(Identifier(datastore.schema), Identifier(events_table_name)),
            "id_type": SQL("uuid" if datastore.originator_id_type == "uuid" else "text"),
            "lock": Literal(zlib.crc32(f"{datastore.schema}.{events_table_name}".encode())),
        }
        self.lock_statement = SQL(LOCK).format(**names).as_bytes(None)
        self.append_statement = SQL(APPEND).format(**names).as_bytes(None)
        self.settle_statement = SQL(SETTLE).format(**names).as_bytes(None)
        self.read_statement = SQL(READ).format(**names).as_bytes(None)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Insert all or none. Raises IntegrityError where a stream has moved on, or would get a hole."""
        if not stored_events:
            return None
        with self.datastore.get_connection() as connection:
            with connection.transaction():
                connection.execute(self.lock_statement)
                rows = connection.execute(self.append_statement, columns(_streams(stored_events))).fetchall()
                if len(rows) < len(stored_events):
                    raise IntegrityError(_refusal(stored_events, rows))
            # After the commit: NOTIFY in a transaction takes a lock of the whole database until its end.
            connection.execute(SQL("NOTIFY {}").format(Identifier(self.channel_name)))
        return [row["notification_id"] for row in rows]


def datastore(conninfo: str, **settings: Any) -> PostgresDatastore:
    """The library's connection pool for a conninfo or URL of ours."""
    given = conninfo_to_dict(conninfo)
    return PostgresDatastore(
        dbname=str(given.get("dbname") or ""),
        host=str(given.get("host") or ""),
        port=str(given.get("port") or 5432),
        user=str(given.get("user") or ""),
        password=str(given.get("password") or ""),
        **settings,
    )


def columns(commands: Iterable[Sequence[StoredEvent]]) -> Columns:
    """The rows of commands, each of one stream, as arrays for `APPEND`."""
    ids: list[UUID | str] = []
    versions: list[int] = []
    topics: list[str] = []
    states: list[bytes] = []
    firsts: list[int] = []
    for rows in commands:
        first = rows[0].originator_version
        for row in rows:
            ids.append(row.originator_id)
            versions.append(row.originator_version)
            topics.append(row.topic)
            states.append(row.state)
            firsts.append(first)
    return ids, versions, topics, states, firsts


def require_consecutive(rows: Sequence[StoredEvent]) -> None:
    """Raises IntegrityError for rows of one stream that aren't in order, or leave a hole."""
    for version, row in enumerate(rows, rows[0].originator_version):
        if row.originator_version != version:
            raise IntegrityError(
                f"{row.originator_id}: version {row.originator_version} stands where {version} is due"
            )


def _streams(rows: Sequence[StoredEvent]) -> Iterable[Sequence[StoredEvent]]:
    streams: dict[UUID | str, list[StoredEvent]] = {}
    for row in rows:
        streams.setdefault(row.originator_id, []).append(row)
    for stream in streams.values():
        require_consecutive(stream)
    return streams.values()


def _refusal(rows: Sequence[StoredEvent], inserted: Sequence[Any]) -> str:
    done = {(row["originator_id"], row["originator_version"]) for row in inserted}
    refused = next(row for row in rows if (row.originator_id, row.originator_version) not in done)
    return f"{refused.originator_id}: version {refused.originator_version} doesn't follow the latest one"


class _Command:
    """Rows of one stream that are recorded together or not at all."""

    __slots__ = ("committed", "future", "place", "rows", "stream")

    def __init__(
        self, rows: Sequence[StoredEvent], committed: Callable[[], None], future: "asyncio.Future[None]"
    ) -> None:
        self.rows = rows
        self.committed = committed
        self.future = future
        self.stream = rows[0].originator_id
        self.place: Place = (self.stream, rows[0].originator_version)

    def succeed(self) -> None:
        self.committed()
        if not self.future.done():
            self.future.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class GroupCommit:
    """The one writer of this process: first in, first out, all that is pending in one transaction.

    A commit whose outcome is unknown, because the connection died, is tried again until the server
    answers: what stands there already, byte for byte (and a random nonce makes bytes unique), was
    recorded then; the rest is recorded now, or has lost to another writer. Meanwhile new commands are
    refused, so that nothing waits that nobody knows the fate of.
    """

    def __init__(self, conninfo: str, recorder: Recorder) -> None:
        self._conninfo = conninfo
        self._recorder = recorder
        self._pending: deque[_Command] = deque()
        self._wake = asyncio.Event()
        self._connection: AsyncConnection | None = None
        self._reachable = True
        self._closing = False
        self._loop: asyncio.AbstractEventLoop
        self._writer: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect and begin to write. Raises Unavailable."""
        self._loop = asyncio.get_running_loop()
        try:
            self._connection = await self._connect()
        except psycopg.OperationalError:
            raise Unavailable from None
        self._writer = asyncio.create_task(self._write_pending(), name="group commit")

    async def close(self) -> None:
        """Finish the commit under way and stop; what is still pending fails as unavailable."""
        self._closing = True
        self._refuse_pending()
        self._wake.set()
        if self._writer is not None:
            await asyncio.wait([self._writer], timeout=CLOSE_SECONDS)
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()

    def append(self, rows: Sequence[StoredEvent], committed: Callable[[], None]) -> "asyncio.Future[None]":
        """Record rows of one stream, with consecutive versions, in one transaction.

        `committed` is called right after the commit, even if nobody waits for the future any more. The
        future raises Conflict or Unavailable, where nothing was recorded. Raises IntegrityError at once
        where the versions aren't consecutive.
        """
        require_consecutive(rows)
        future = self._loop.create_future()
        if self._closing or not self._reachable:
            future.set_exception(Unavailable())
        else:
            self._pending.append(_Command(rows, committed, future))
            self._wake.set()
        return future

    async def _write_pending(self) -> None:
        while not self._closing:
            await self._wake.wait()
            self._wake.clear()
            while batch := self._take_batch():
                try:
                    await self._commit(batch)
                finally:
                    for command in batch:
                        command.fail(Unavailable())  # where it is still open, because this task is cancelled

    def _take_batch(self) -> list[_Command]:
        """What is pending, in order, but one command of a stream at most: only the outcome of that one
        tells whether the next is in order."""
        batch: list[_Command] = []
        later: list[_Command] = []
        streams: set[UUID | str] = set()
        while self._pending and len(batch) < MAX_BATCH:
            command = self._pending.popleft()
            if command.stream in streams:
                later.append(command)
            else:
                streams.add(command.stream)
                batch.append(command)
        self._pending.extendleft(reversed(later))
        return batch

    async def _commit(self, batch: list[_Command], *, settle: bool = False) -> None:
        """Record a batch; with `settle`, one that an attempt before may have recorded already."""
        arrays = columns(command.rows for command in batch)
        while True:
            connection = self._connection or await self._reconnected()
            try:
                refused = await self._write(connection, arrays, settle=settle)
                break
            except Exception as error:
                if connection.closed:
                    logger.warning("the connection to the log was lost: settling %d commands", len(batch))
                    self._connection, settle = None, True
                elif len(batch) > 1:
                    # The server answered, and nothing of this transaction stands. If it dislikes one
                    # command, the others must not suffer for it.
                    for command in batch:
                        await self._commit([command], settle=settle)
                    return
                elif settle and isinstance(error, psycopg.OperationalError | psycopg.InternalError):
                    # Something is wrong with the server, for now: what became of the command is still unknown.
                    logger.warning("the log can't settle a command: %s", type(error).__qualname__)
                    await asyncio.sleep(RECONNECT_SECONDS[-1])
                else:
                    logger.error("the log refused an append: %s", type(error).__qualname__)
                    batch[0].fail(Unavailable())
                    return
        for command in batch:
            if command.place in refused:
                command.fail(Conflict())
            else:
                command.succeed()

    async def _write(self, connection: AsyncConnection, arrays: Columns, *, settle: bool) -> set[Place]:
        """The rows that are not recorded."""
        # Outside a transaction block, all statements of a pipeline up to its end are one transaction.
        async with connection.pipeline():
            await connection.execute(self._recorder.lock_statement, prepare=True)
            inserted = await connection.execute(
                self._recorder.append_statement, arrays, prepare=True, binary=True
            )
        if inserted.rowcount == len(arrays[0]):
            return set()
        refused = set(zip(arrays[0], arrays[1], strict=True))
        refused -= {(stream, version) for stream, version, _ in await inserted.fetchall()}
        if settle:
            standing = await connection.execute(self._recorder.settle_statement, arrays[:4], binary=True)
            refused -= set(await standing.fetchall())
        return refused

    async def _reconnected(self) -> AsyncConnection:
        attempt = 0
        while True:
            try:
                self._connection = await self._connect()
            except psycopg.OperationalError:
                self._reachable = False
                self._refuse_pending()
                await asyncio.sleep(RECONNECT_SECONDS[min(attempt, len(RECONNECT_SECONDS) - 1)])
                attempt += 1
            else:
                self._reachable = True
                return self._connection

    def _refuse_pending(self) -> None:
        while self._pending:
            self._pending.popleft().fail(Unavailable())

    async def _connect(self) -> AsyncConnection:
        connection = await AsyncConnection.connect(
            self._conninfo, autocommit=True, connect_timeout=5, application_name="verbatim-log"
        )
        # One type for all integers, whatever their size: else each size prepares statements of its own.
        connection.adapters.register_dumper(int, Int8BinaryDumper)
        return connection
