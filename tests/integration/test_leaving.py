"""Those who come and go leave nothing behind that is still being read for them, and keep nobody waiting."""

import asyncio
import threading
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from psycopg import AsyncConnection

from domain.events import FeedbackGiven, SessionStarted
from domain.ports import Recorded
from infrastructure.event_store import READ_AT_ONCE, SessionStore
from tests.support.postgres import execute
from tests.support.stores import Stores
from tests.support.waiting import until

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
READING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%stored_events%'
"""


@pytest.fixture
async def stores(new_conninfo: str) -> AsyncIterator[Stores]:
    stores = Stores(new_conninfo, patience=60)
    yield stores
    await stores.close()


@asynccontextmanager
async def nothing_read(conninfo: str) -> AsyncIterator[None]:
    """Meanwhile, whoever reads the log waits."""
    async with await AsyncConnection.connect(conninfo) as holder:
        await holder.execute("LOCK TABLE stored_events IN ACCESS EXCLUSIVE MODE")
        yield


async def reading(conninfo: str) -> int:
    """How many queries have come to the database that wait to read the log."""
    ((count,),) = await asyncio.to_thread(execute, conninfo, READING)
    return count


def reads(*names: str) -> Sequence[asyncio.Task[Any]]:
    """What is being done here for those who follow: pages that they wait for, and queries."""
    return [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", "") in names]


async def first_of(store: SessionStore, session_id: UUID) -> Sequence[Recorded]:
    async with aclosing(cast("Any", store.follow(session_id, 0))) as history:
        return await anext(history)


async def test_followers_who_go_away_at_once_leave_nothing_to_be_read(stores: Stores) -> None:
    writer, store = await stores.open(), await stores.open()
    sessions = [uuid4() for _ in range(50)]
    for session_id in sessions:
        await writer.append(session_id, 0, [SessionStarted(uuid4(), AT + timedelta(days=1), {})], AT)

    async with nothing_read(stores.conninfo):
        following = [asyncio.create_task(first_of(store, session_id)) for session_id in sessions]
        await until(lambda: is_reading(stores.conninfo, 2), "as many to be read as there are connections")
        assert len(reads("_page")) == 50
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        await until(
            lambda: not reads("_page") and len(reads("_fetch_with_patience")) == 2,
            "all to be given up that had not come to the database",
        )

        last = asyncio.create_task(first_of(store, sessions[-1]))
    (started,) = await last
    assert started.version == 1
    await until(lambda: not reads("_page", "_fetch_with_patience"), "nothing to be left")


async def test_a_read_that_many_share_goes_on_until_the_last_of_them_is_gone(stores: Stores) -> None:
    writer, store = await stores.open(), await stores.open()
    session_id = uuid4()
    await writer.append(session_id, 0, [SessionStarted(uuid4(), AT + timedelta(days=1), {})], AT)

    async with nothing_read(stores.conninfo):
        one, other = (asyncio.create_task(first_of(store, session_id)) for _ in range(2))
        await until(lambda: is_reading(stores.conninfo, 1), "the log to be read for both")
        one.cancel()
        await asyncio.gather(one, return_exceptions=True)
        assert len(reads("_page")) == 1, "the other waits still"
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)
        await until(lambda: not reads("_page"), "the read that nobody waits for to be given up")

        last = asyncio.create_task(first_of(store, session_id))
        await until(lambda: len(reads("_page")) == 1, "the log to be read again")
        last.cancel()
        following = asyncio.create_task(first_of(store, session_id))  # before the last is gone
        await asyncio.gather(last, return_exceptions=True)
    (started,) = await following
    assert started.version == 1


async def test_however_many_read_a_long_session_at_once_little_of_it_is_held(stores: Stores) -> None:
    writer, store = await stores.open(), await stores.open()
    session_id = uuid4()
    ratings = [FeedbackGiven(uuid4(), "up", "Thanks! " * 200) for _ in range(500)]
    start = SessionStarted(uuid4(), AT + timedelta(days=1), {})
    await writer.append(session_id, 0, [start, *ratings], AT)

    async def read() -> None:
        assert await store.made_of(session_id, len) == 501

    async def most_held(readers: int) -> int:
        tracemalloc.start()
        try:
            await asyncio.gather(*(read() for _ in range(readers)))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert await most_held(16) < 8 * await most_held(1)


async def test_what_is_made_of_whole_sessions_keeps_waiting_what_is_made_of_others_but_no_page(
    stores: Stores,
) -> None:
    store, session_id = await stores.open(), uuid4()
    await store.append(session_id, 0, [SessionStarted(uuid4(), AT + timedelta(days=1), {})], AT)
    held: list[int] = []
    most_held = 0
    is_over = threading.Event()

    def make(history: Sequence[Recorded]) -> None:
        nonlocal most_held
        held.append(len(history))
        most_held = max(most_held, len(held))
        assert is_over.wait(30)
        held.pop()

    making = [asyncio.create_task(store.made_of(session_id, make)) for _ in range(2 * READ_AT_ONCE)]
    try:
        await until(lambda: len(held) == READ_AT_ONCE, "as many to be held as may be")
        async with asyncio.timeout(20):
            assert len(await store.read(session_id, 0, most=1)) == 1
    finally:
        is_over.set()
        await asyncio.gather(*making)
    assert most_held == READ_AT_ONCE


async def is_reading(conninfo: str, count: int) -> bool:
    return await reading(conninfo) == count
