"""One PostgreSQL connection in libpq's pipeline mode, spoken to through psycopg's own binding of libpq.

The log's writer sends the same two statements hundreds of times a second. psycopg's cursors cost half a
millisecond of Python for each round, several times what PostgreSQL takes; this costs a tenth of that. It
does nothing else: connecting, and every other query, is left to psycopg itself.
"""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from struct import pack
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, pq
from psycopg.pq.abc import PGresult

from infrastructure.postgres import lively

ROUND_SECONDS = 5
"""How long the server lets a round take that it has begun, and waits for the rest of it. By then it ends the
connection: who sent half of it may be frozen, and must not keep what it has locked from all others."""

SINCE_SERVER = 170_000
"""The first server that can do so, 17. An older one waits for as long as the frozen process is there."""

SEND_BUFFER_BYTES = 1024 * 1024
"""What we ask the kernel to take off our hands at once; it may give less."""

PREPARE_SECONDS = 5
"""How long a new connection may take to be made ready."""

_READY = frozenset({pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK})


class ConnectionLost(Exception):
    """The connection died: what became of what was sent, if it was, is unknown."""

    def __init__(self, *, was_sent: bool = True) -> None:
        super().__init__()
        self.was_sent = was_sent


class Refused(Exception):
    """The server answered that it won't. Nothing of the round stands. `sqlstate` says why."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(f"SQLSTATE {sqlstate}")
        self.sqlstate = sqlstate


class Statement:
    """A statement with `$1`-style parameters, all sent in binary: `uuids`, `bigints`, `texts`, `byteas`."""

    __slots__ = ("formats", "name", "sql")

    def __init__(self, name: str, sql: bytes, parameters: int) -> None:
        self.name = name.encode()
        self.sql = sql
        self.formats = [pq.Format.BINARY] * parameters


Step = tuple[Statement, Sequence[bytes]]


class Pipeline:
    """Rounds of prepared statements. Each round is one transaction, and rounds are answered in order."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._socket = connection.pgconn.socket
        self._loop = asyncio.get_running_loop()
        self._rounds: deque[asyncio.Future[list[PGresult]]] = deque()
        self._results: list[PGresult] = []
        self._error = ""
        self._is_flushing = False
        self._lost = False
        # The loop watches a selector that watches the socket. uvloop, watching a socket itself, stops as
        # soon as there is an error on it, such as a reset, and tells nobody.
        self._selector = DefaultSelector()
        self._selector.register(self._socket, EVENT_READ)
        self._loop.add_reader(self._selector.fileno(), self._ready)

    @classmethod
    async def connect(cls, conninfo: str, statements: Sequence[Statement]) -> "Pipeline":
        """Connect and prepare the statements. Raises psycopg.OperationalError."""
        connection = await AsyncConnection.connect(
            conninfo, autocommit=True, application_name="verbatim-log", **lively(conninfo)
        )
        if connection.info.server_version >= SINCE_SERVER:
            seconds = f"{ROUND_SECONDS}s"
            await connection.execute("SELECT set_config('transaction_timeout', %s, false)", (seconds,))
        _widen(connection.pgconn.socket)
        connection.pgconn.nonblocking = 1
        connection.pgconn.enter_pipeline_mode()
        pipeline = cls(connection)
        try:
            async with asyncio.timeout(PREPARE_SECONDS):
                await pipeline._prepare(statements)
        except (Refused, ConnectionLost, TimeoutError) as error:
            await pipeline.close()
            raise psycopg.OperationalError(f"can't prepare the statements: {error}") from None
        return pipeline

    def run(self, steps: Sequence[Step]) -> "asyncio.Future[list[PGresult]]":
        """One round: the result of each step. The future raises Refused or ConnectionLost."""

        def send() -> None:
            for statement, parameters in steps:
                self._pgconn.send_query_prepared(
                    statement.name, parameters, statement.formats, result_format=pq.Format.BINARY
                )

        return self._round(send)

    def _prepare(self, statements: Sequence[Statement]) -> "asyncio.Future[list[PGresult]]":
        def send() -> None:
            for statement in statements:
                self._pgconn.send_prepare(statement.name, statement.sql)

        return self._round(send)

    def _round(self, send: Callable[[], None]) -> "asyncio.Future[list[PGresult]]":
        future: asyncio.Future[list[PGresult]] = self._loop.create_future()
        if self._lost:
            future.set_exception(ConnectionLost(was_sent=False))
            return future
        self._rounds.append(future)
        try:
            send()
            self._pgconn.pipeline_sync()
            self._flush()
        except psycopg.Error:
            self._lose()
        return future

    async def close(self) -> None:
        """Close the connection: what is still unanswered is lost."""
        self._lose()
        await self._connection.close()

    def _flush(self) -> None:
        is_flushing = bool(self._pgconn.flush())
        if is_flushing != self._is_flushing:
            self._is_flushing = is_flushing
            self._selector.modify(self._socket, EVENT_READ | EVENT_WRITE if is_flushing else EVENT_READ)

    def _ready(self) -> None:
        try:
            if self._is_flushing:
                self._flush()
            self._pgconn.consume_input()
            while self._rounds and not self._pgconn.is_busy():
                if result := self._pgconn.get_result():
                    self._take(result)
        except psycopg.Error:
            self._lose()
        else:
            # With nothing asked, the server speaks only to say good-bye.
            if self._pgconn.status == pq.ConnStatus.BAD:
                self._lose()

    def _take(self, result: PGresult) -> None:
        if result.status in _READY:
            self._results.append(result)
        elif result.status == pq.ExecStatus.PIPELINE_SYNC:
            future, results, error = self._rounds.popleft(), self._results, self._error
            self._results, self._error = [], ""
            if not future.done():
                future.set_exception(Refused(error)) if error else future.set_result(results)
        elif result.status == pq.ExecStatus.FATAL_ERROR:
            state = result.error_field(pq.DiagnosticField.SQLSTATE)
            self._error = state.decode() if state else "?????"

    def _lose(self) -> None:
        if self._lost:
            return
        self._lost = True
        self._loop.remove_reader(self._selector.fileno())
        self._selector.close()
        while self._rounds:
            future = self._rounds.popleft()
            if not future.done():
                future.set_exception(ConnectionLost())


def _widen(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


# --- PostgreSQL's binary form of one-dimensional arrays


def uuids(values: Sequence[UUID]) -> bytes:
    return _array(2950, len(values)) + b"".join([b"\0\0\0\x10" + value.bytes for value in values])


def bigints(values: Sequence[int]) -> bytes:
    return _array(20, len(values)) + b"".join([pack("!iq", 8, value) for value in values])


def texts(values: Sequence[str]) -> bytes:
    return byteas([value.encode() for value in values], oid=25)


def byteas(values: Sequence[bytes], oid: int = 17) -> bytes:
    return _array(oid, len(values)) + b"".join([pack("!i", len(value)) + value for value in values])


def _array(oid: int, length: int) -> bytes:
    return pack("!iiIii", 1, 0, oid, length, 1)
