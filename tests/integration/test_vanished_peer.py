"""A machine that is gone without a word: PostgreSQL must notice, or it keeps what that machine held."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from infrastructure.pipeline import Pipeline, Statement
from infrastructure.postgres import Database, hold_connection, lively, schema_lock
from infrastructure.recorder import datastore
from tests.support.postgres import OwnServer

WATCHED = (
    "SELECT current_setting('tcp_keepalives_idle'), current_setting('tcp_keepalives_interval'), "
    "current_setting('tcp_keepalives_count'), current_setting('tcp_user_timeout')"
)
"""On TCP, PostgreSQL answers with what its socket really does."""

CLOSELY = ("1", "1", "2", "3000")


@pytest.fixture
async def remote() -> AsyncIterator[str]:
    """A server that is reached over TCP, by an address with options of its own."""
    own = OwnServer()
    await own.start()
    try:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        await own.control("restart", "-m", "fast", "-o", f"-h 127.0.0.1 -p {port}")
        yield make_conninfo(own.conninfo, host="127.0.0.1", port=port, options="-c work_mem=8MB")
    finally:
        await own.stop()


async def test_postgres_watches_every_connection_of_ours_closely(remote: str) -> None:
    assert await watched_in_pool(remote) == CLOSELY
    assert await watched_when_held(remote) == CLOSELY
    assert await watched_in_pipeline(remote) == CLOSELY
    assert await asyncio.to_thread(watched_in_library, remote) == CLOSELY
    assert await asyncio.to_thread(watched_with_schema_lock, remote) == CLOSELY


async def test_the_options_of_an_address_count_as_well(remote: str) -> None:
    database = Database(remote, max_connections=1)
    await database.open()
    try:
        assert await database.fetch("SELECT current_setting('work_mem')") == [("8MB",)]
    finally:
        await database.close()


def test_the_options_of_the_environment_count_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=9MB")

    assert lively("host=/tmp")["options"].endswith(" -c work_mem=9MB")
    assert "9MB" not in lively("host=/tmp options='-c work_mem=8MB'")["options"]


async def test_what_an_operator_has_set_counts_more_than_ours(remote: str) -> None:
    database = Database(make_conninfo(remote, options="-c tcp_keepalives_idle=7"), max_connections=1)
    await database.open()
    try:
        assert (await database.fetch(WATCHED))[0] == ("7", *CLOSELY[1:])
    finally:
        await database.close()


async def watched_in_pool(conninfo: str) -> Sequence[str]:
    database = Database(conninfo, max_connections=1)
    await database.open()
    (row,) = await database.fetch(WATCHED)
    await database.close()
    return row


async def watched_when_held(conninfo: str) -> Sequence[str]:
    answer: asyncio.Future[Sequence[str]] = asyncio.get_running_loop().create_future()

    async def use(connection: AsyncConnection) -> None:
        row = await (await connection.execute(WATCHED)).fetchone()
        assert row is not None
        answer.set_result(row)
        await asyncio.Event().wait()

    holding = asyncio.create_task(hold_connection(conninfo, "test", use))
    try:
        return await answer
    finally:
        holding.cancel()


async def watched_in_pipeline(conninfo: str) -> Sequence[str]:
    ask = Statement("ask", WATCHED.encode(), 0)
    pipeline = await Pipeline.connect(conninfo, (ask,))
    (result,) = await pipeline.run([(ask, ())])
    row = tuple((result.get_value(0, column) or b"").decode() for column in range(4))
    await pipeline.close()
    return row


def watched_in_library(conninfo: str) -> Sequence[str]:
    connections = datastore(conninfo)
    with connections.get_connection() as connection:
        row = connection.execute(WATCHED.replace(",", " || ' ' ||") + " AS said").fetchone()
    connections.close()
    assert row is not None
    return tuple(row["said"].split())  # type: ignore[call-overload]


def watched_with_schema_lock(conninfo: str) -> Sequence[str]:
    with schema_lock(conninfo) as connection:
        row = psycopg.Cursor(connection).execute(WATCHED).fetchone()
    assert row is not None
    return row
