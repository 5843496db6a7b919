"""A PostgreSQL that is there and of no use: whoever asks learns soon that the service can't serve."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from psycopg import AsyncConnection

from domain.errors import Unavailable
from infrastructure.postgres import Database, hold_connection, watch_over
from tests.support.postgres import OwnServer, execute
from tests.support.puppet import Puppet
from tests.support.service import Service, Visitor, complaints, served
from tests.support.waiting import until

SESSIONS = "/api/chats/sessions/"


@pytest.fixture(scope="module")
def own() -> Iterator[OwnServer]:
    server = OwnServer()
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
async def service(own: OwnServer, data_dir: Path) -> AsyncIterator[Service]:
    async with served(own.conninfo, data_dir, Puppet()) as service:
        yield service


async def is_ready(http: httpx.AsyncClient) -> bool:
    return (await http.get("/health/ready")).status_code == 200


def told(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


@contextmanager
def read_only(conninfo: str) -> Iterator[None]:
    """Meanwhile, the server lets nobody write, as one does whose disk is full."""

    def set_up(*statements: str) -> None:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            for statement in (*statements, "SELECT pg_reload_conf()"):
                connection.execute(statement.encode())

    set_up("ALTER SYSTEM SET default_transaction_read_only = on")
    try:
        yield
    finally:
        set_up("ALTER SYSTEM RESET default_transaction_read_only")


async def test_a_server_that_may_not_be_written_isn_t_ready_and_nothing_is_a_fault_of_ours(
    own: OwnServer, http: httpx.AsyncClient, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = await service.start_session()
    with read_only(own.conninfo):

        async def is_not_ready() -> bool:
            return not await is_ready(http)

        await until(is_not_ready, "the service to notice")
        refused = await http.post(SESSIONS)
        message = await http.post(
            visitor.path + "/messages/", json={"message": "Hello"}, headers=visitor.headers
        )
        read = await visitor.get()

    assert told(refused) == told(message) == (503, "unavailable")
    assert read.status_code == 200
    await until(lambda: is_ready(http), "the service to be ready again")
    assert complaints(caplog) == []


async def test_a_service_whose_append_waits_for_ever_isn_t_ready(
    own: OwnServer, http: httpx.AsyncClient, service: Service
) -> None:
    await service.start_session()
    with psycopg.connect(own.conninfo) as holder:
        holder.execute("LOCK TABLE stored_events")
        waiting = asyncio.create_task(http.post(SESSIONS))

        async def is_not_ready() -> bool:
            return not await is_ready(http)

        await until(is_not_ready, "the service to notice")
    await waiting
    await until(lambda: is_ready(http), "the service to be ready again")


@contextmanager
def frozen(conninfo: str) -> Iterator[None]:
    """Meanwhile, the whole server stands still: it can be connected to, and says nothing."""
    ((folder,),) = execute(conninfo, "SHOW data_directory")
    postmaster = psutil.Process(int((Path(folder) / "postmaster.pid").read_text().split()[0]))
    family = [postmaster, *postmaster.children(recursive=True)]
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.resume()


async def test_a_server_that_stands_still_keeps_nobody_waiting(
    own: OwnServer, http: httpx.AsyncClient, service: Service
) -> None:
    visitor = await service.start_session()

    with frozen(own.conninfo):
        began = time.monotonic()
        answers = await asyncio.gather(
            *(http.get("/health/ready") for _ in range(12)), read_anew(http, visitor), http.post(SESSIONS)
        )
        took = time.monotonic() - began
        alive = await http.get("/health/live")

    assert {told(answer) for answer in answers} == {(503, "unavailable")}
    assert took < 20
    assert alive.status_code == 200
    await until(lambda: is_ready(http), "the service to be ready again")


async def test_a_transaction_on_a_server_that_stands_still_is_given_up(own: OwnServer) -> None:
    database = Database(own.conninfo, max_connections=1)
    await database.open()

    async def work() -> None:
        async with database.transaction(within=1) as cursor:
            await cursor.execute("SELECT 1")
            with frozen(own.conninfo):
                await cursor.execute("SELECT 1")

    with pytest.raises(Unavailable):
        await asyncio.wait_for(work(), 20)
    await until(lambda: answers(database), "the server to be used again")
    await database.close()


async def answers(database: Database) -> bool:
    with suppress(Unavailable):
        return await database.fetch("SELECT true") == [(True,)]
    return False


async def read_anew(http: httpx.AsyncClient, visitor: Visitor) -> httpx.Response:
    return await http.get(visitor.path + "/transcript/", headers=visitor.headers)


async def test_a_server_that_stands_by_is_asked_again_until_it_is_promoted(own: OwnServer) -> None:
    attempts, listening = [0], asyncio.Event()

    async def listen(connection: AsyncConnection) -> None:
        attempts[0] += 1
        await connection.execute("LISTEN somebody")
        listening.set()
        await watch_over(connection)

    holding = asyncio.create_task(hold_connection(own.conninfo, "test", listen))
    try:
        await listening.wait()
        await own.stand_by()
        listening.clear()
        before = attempts[0]
        await until(lambda: attempts[0] >= before + 2 or holding.done(), "some attempts in vain")
        assert not listening.is_set()
        await own.control("promote")
        await until(lambda: listening.is_set() or holding.done(), "the first attempt that succeeds")
        assert not holding.done()
    finally:
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
