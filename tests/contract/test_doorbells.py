"""What `domain.ports.Doorbell` promises, told once and kept by every doorbell."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from domain.ports import Doorbell
from infrastructure import doorbells
from infrastructure.background import for_ever
from infrastructure.doorbells import LocalDoorbell, PostgresDoorbell, RedisDoorbell, RemoteDoorbell
from tests.support.postgres import execute
from tests.support.redis import RedisServer
from tests.support.waiting import until

Hang = Callable[[str], Awaitable[Doorbell]]

PATIENCE = 20.0


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    await server.kill()


@pytest.fixture(params=["local", "postgres", "redis"])
async def hang(request: pytest.FixtureRequest, conninfo: str, redis: RedisServer) -> AsyncIterator[Hang]:
    """Hangs up a doorbell under a name."""
    neighbours: list[LocalDoorbell] = []
    if request.param == "redis":
        await redis.start()
    async with AsyncExitStack() as running:

        async def hang(name: str) -> Doorbell:
            if request.param == "local":
                return LocalDoorbell(neighbours)
            bell: RemoteDoorbell = PostgresDoorbell(conninfo, name)
            if request.param == "redis":
                bell = RedisDoorbell(redis.url, name)
            await running.enter_async_context(for_ever("doorbell", bell.run))
            await heard(bell)  # who has just begun to listen, looks
            return bell

        yield hang


async def heard(bell: Doorbell, seconds: float = PATIENCE) -> bool:
    """Whether the doorbell rings before the time is up."""
    began = time.monotonic()
    await bell.wait(seconds)
    return time.monotonic() - began < seconds


async def test_a_ring_is_heard_by_all_others(hang: Hang) -> None:
    ours, theirs, hers = await hang("us"), await hang("them"), await hang("her")

    ours.ring()

    assert await heard(theirs)
    assert await heard(hers)


async def test_nobody_answers_to_his_own_ring(hang: Hang) -> None:
    ours, theirs = await hang("us"), await hang("them")

    ours.ring()

    assert await heard(theirs)
    assert not await heard(ours, 0.1)


async def test_a_ring_that_comes_before_anybody_waits_is_not_lost(hang: Hang) -> None:
    ours, theirs, hers = await hang("us"), await hang("them"), await hang("her")
    ours.ring()
    await heard(hers)  # by now it has come to all

    assert await heard(theirs)
    assert not await heard(theirs, 0.1), "and it is answered once"


async def test_a_ring_that_comes_while_one_is_answered_is_heard_next(hang: Hang) -> None:
    ours, theirs = await hang("us"), await hang("them")
    for _ in range(5):
        ours.ring()
        assert await heard(theirs)


async def test_who_waits_looks_in_the_end_even_if_nobody_rings(hang: Hang) -> None:
    bell = await hang("us")

    assert not await heard(bell, 0.05)


@pytest.mark.parametrize("hang", ["postgres", "redis"], indirect=True)
async def test_however_much_is_recorded_the_rings_are_few(
    hang: Hang, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbells, "RING_SECONDS", 0.1)
    ours, theirs = await hang("us"), await hang("them")
    rings = 0

    async def count() -> None:
        nonlocal rings
        while True:
            rings += await heard(theirs, 1.0)

    counting = asyncio.create_task(count())
    for _ in range(50):
        ours.ring()
        await asyncio.sleep(0.01)
    counting.cancel()

    assert 2 <= rings <= 12


# --- what can go wrong


async def test_a_listener_whose_connection_is_cut_is_back_by_itself(conninfo: str) -> None:
    ours, theirs = PostgresDoorbell(conninfo, "us"), PostgresDoorbell(conninfo, "them")
    async with for_ever("ours", ours.run), for_ever("theirs", theirs.run):
        assert await heard(theirs)
        for _ in range(2):
            await asyncio.to_thread(
                execute,
                conninfo,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name IN ('verbatim-listen', 'verbatim-notify') "
                "AND datname = current_database()",
            )
            assert await heard(theirs), "it looks, since it may have missed something"
            await until(lambda: rings_through(ours, theirs), "rings to come through again")


async def test_a_redis_that_is_killed_is_rung_through_again_once_it_is_back(redis: RedisServer) -> None:
    await redis.start()
    ours, theirs = RedisDoorbell(redis.url, "us"), RedisDoorbell(redis.url, "them")
    async with for_ever("ours", ours.run), for_ever("theirs", theirs.run):
        assert await heard(theirs)
        await redis.kill()
        for _ in range(3):
            ours.ring()
        await redis.start()

        assert await heard(theirs), "it looks, since it may have missed something"
        await until(lambda: rings_through(ours, theirs), "rings to come through again")


async def rings_through(ours: Doorbell, theirs: Doorbell) -> bool:
    ours.ring()
    return await heard(theirs, 0.2)


async def test_a_redis_that_is_lost_is_told_of_once_and_once_more_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = RedisServer(tmp_path)
    await server.start()
    bell = RedisDoorbell(server.url, "one")
    running = asyncio.create_task(bell.run())
    await until(lambda: bell.is_connected, "the doorbell to be connected")

    await server.kill()
    await until(lambda: not bell.is_connected, "the loss to be noticed")
    await server.start()
    await until(lambda: bell.is_connected, "the doorbell to be connected again")

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await server.kill()
    told = [record.getMessage().split(",")[0] for record in caplog.records if record.levelname == "WARNING"]
    assert told == ["no doorbell is heard", "the doorbell is back"]
