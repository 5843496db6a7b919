"""One process among all does a piece of work; when it dies, another takes it up.

Whoever holds the work's advisory lock leads. PostgreSQL gives the lock back when its connection ends, however
the process died, so nobody is elected and nothing is renewed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from psycopg import AsyncConnection

from infrastructure.postgres import CHECK_SECONDS, HOLD_BRIEFLY, hold_connection, watch_over

TURN = 0x76_62_5F_74_75_72_6E
"""An advisory lock: of whoever is just taking others."""

TAKE = """
    SELECT name FROM unnest(%s::text[], %s::bigint[]) AS work (name, lock) WHERE pg_try_advisory_lock(lock)
"""

STANDBY_SECONDS = 0.5
"""How often those who stand by try to lead."""


async def lead(conninfo: str, lock: int, work: Callable[[], Awaitable[None]]) -> None:
    """For ever, do this work whenever nobody else does. It is cancelled where the lock is lost; if it breaks,
    the lock is given up. Raises what the work raises."""
    await lead_some(conninfo, {"": lock}, lambda _: work())


async def lead_some(
    conninfo: str, locks: Mapping[str, int], work: Callable[[Collection[str]], Awaitable[None]]
) -> None:
    """The same for pieces of work that one process does together, each by its own lock. `work` is given the
    names of those that nobody else does: they grow, as others leave."""

    async def hold(connection: AsyncConnection) -> None:
        held: set[str] = set()
        while not held:
            await _take(connection, locks, held)
        working = asyncio.ensure_future(work(held))
        watching = asyncio.ensure_future(_take_all(connection, locks, held))
        try:
            done, _ = await asyncio.wait([working, watching], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, watching):
                task.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)
        if watching in done:
            watching.result()
        if error := working.exception():
            # A server that is gone breaks the work as well: then it is this connection that says so.
            async with asyncio.timeout(CHECK_SECONDS):
                await connection.execute("SELECT 1")
            raise _WorkBroke from error

    try:
        await hold_connection(conninfo, "leading", hold)
    except _WorkBroke as broke:
        raise broke.__cause__ or broke from None


class _WorkBroke(Exception):
    """What broke isn't the connection that leads, whatever kind of error it is: a new one wouldn't help."""


async def _take_all(connection: AsyncConnection, locks: Mapping[str, int], held: set[str]) -> None:
    """Take what others leave; listen to the connection until it is lost."""
    while len(held) < len(locks):
        async with asyncio.timeout(CHECK_SECONDS):
            await _take(connection, locks, held)
    await watch_over(connection)


async def _take(connection: AsyncConnection, locks: Mapping[str, int], held: set[str]) -> None:
    """Take what nobody else has; wait a while where that isn't all."""
    left = {name: lock for name, lock in locks.items() if name not in held}
    async with connection.transaction():
        await _take_turn(connection)
        taken = await connection.execute(TAKE, ([*left], [*left.values()]))
        held.update([name for (name,) in await taken.fetchall()])
    if len(held) < len(locks):
        await asyncio.sleep(STANDBY_SECONDS)


async def _take_turn(connection: AsyncConnection) -> None:
    """Be the only one to take, until the transaction ends."""
    await connection.execute(HOLD_BRIEFLY)
    # Two who begin together would else share what one could do at once.
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (TURN,))
