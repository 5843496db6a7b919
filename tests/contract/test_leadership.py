"""Of all processes that would do a piece of work, one does it; when that one is gone, another."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import suppress

import psycopg
import pytest
from psycopg import AsyncConnection

from infrastructure.leadership import _take_turn, lead, lead_some
from tests.support.postgres import execute
from tests.support.waiting import until

LOCK = 0x7465_7374


class Candidate:
    """A process that would lead."""

    def __init__(self, conninfo: str) -> None:
        self.leads = False
        self.task = asyncio.create_task(lead(conninfo, LOCK, self._work))

    async def _work(self) -> None:
        self.leads = True
        try:
            await asyncio.Event().wait()
        finally:
            self.leads = False

    async def stop(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


@pytest.fixture
async def candidates(new_conninfo: str) -> AsyncIterator[list[Candidate]]:
    candidates = [Candidate(new_conninfo) for _ in range(3)]
    yield candidates
    for candidate in candidates:
        await candidate.stop()


def leaders(candidates: list[Candidate]) -> list[Candidate]:
    return [candidate for candidate in candidates if candidate.leads]


def cut_off_whoever_leads(conninfo: str) -> None:
    execute(
        conninfo,
        "SELECT pg_terminate_backend(pid) FROM pg_locks "
        "WHERE locktype = 'advisory' AND objid = %s AND granted AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())",
        LOCK,
    )


async def test_one_leads_and_another_when_that_one_stops(candidates: list[Candidate]) -> None:
    for left in (3, 2, 1):
        await until(lambda: len(leaders(candidates)) == 1, "somebody to lead")
        (leader,) = leaders(candidates)
        assert len(candidates) == left
        await leader.stop()
        candidates.remove(leader)


async def test_whoever_loses_the_lock_stops_and_somebody_leads_again(
    candidates: list[Candidate], new_conninfo: str
) -> None:
    await until(lambda: len(leaders(candidates)) == 1, "somebody to lead")

    for _ in range(3):
        (leader,) = leaders(candidates)
        cut_off_whoever_leads(new_conninfo)
        await until(lambda leader=leader: not leader.leads, "it to stop")
        await until(lambda: len(leaders(candidates)) == 1, "somebody to lead")


async def test_of_several_pieces_of_work_one_does_what_nobody_else_does(new_conninfo: str) -> None:
    def leading(*names: str) -> tuple[asyncio.Task[None], list[Collection[str]]]:
        """A process that would lead these, and what it leads."""
        led: list[Collection[str]] = []

        async def work(names: Collection[str]) -> None:
            led.append(names)
            await asyncio.Event().wait()

        locks = {name: LOCK + ord(name) for name in names}
        return asyncio.create_task(lead_some(new_conninfo, locks, work)), led

    old, of_old = leading("a", "b")
    await until(lambda: of_old == [{"a", "b"}], "the first to lead all that it can")
    new, of_new = leading("b", "c")
    await until(lambda: of_new == [{"c"}], "the other to lead the rest")

    old.cancel()
    await until(lambda: of_new == [{"b", "c"}], "the other to lead what is left")
    new.cancel()
    await asyncio.gather(old, new, return_exceptions=True)


async def test_who_freezes_while_it_takes_a_turn_holds_up_the_others_for_seconds_only(
    new_conninfo: str,
) -> None:
    frozen = await AsyncConnection.connect(new_conninfo)
    await _take_turn(frozen)
    waiting = Candidate(new_conninfo)
    await until(lambda: waiting.leads, "somebody else to lead")
    await waiting.stop()
    await frozen.close()


@pytest.mark.parametrize("error", [ValueError, psycopg.errors.DiskFull, TimeoutError])
async def test_work_that_breaks_is_told_of(new_conninfo: str, error: type[Exception]) -> None:
    async def work() -> None:
        raise error("of the work alone")

    with pytest.raises(error, match="of the work alone"):
        await asyncio.wait_for(lead(new_conninfo, LOCK, work), 20)


async def test_work_that_breaks_because_the_server_is_gone_is_begun_again(new_conninfo: str) -> None:
    begun = [0]

    async def work() -> None:
        begun[0] += 1
        if begun[0] == 1:
            cut_off_whoever_leads(new_conninfo)
            raise psycopg.OperationalError
        await asyncio.Event().wait()

    leading = asyncio.create_task(lead(new_conninfo, LOCK, work))
    await until(lambda: begun[0] == 2 or leading.done(), "it to be begun again")
    assert not leading.done()
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
