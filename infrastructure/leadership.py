"""One process among all does a piece of work; when it dies, another takes it up.

Whoever holds an advisory lock leads. PostgreSQL gives the lock back when its connection ends, however the
process died, so nobody is elected and nothing is renewed.
"""

import asyncio
from collections.abc import Awaitable, Callable

from psycopg import AsyncConnection

from infrastructure.postgres import hold_connection, watch_over

STANDBY_SECONDS = 0.5
"""How often those who stand by try to lead."""


async def lead(conninfo: str, lock: int, work: Callable[[], Awaitable[None]]) -> None:
    """For ever, do this work whenever nobody else does. It is cancelled where the lock is lost."""

    async def hold(connection: AsyncConnection) -> None:
        await _taken(connection, lock)
        working = asyncio.ensure_future(work())
        watching = asyncio.ensure_future(watch_over(connection))
        try:
            done, _ = await asyncio.wait([working, watching], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, watching):
                task.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)
        for task in done:
            task.result()

    await hold_connection(conninfo, "leading", hold)


async def _taken(connection: AsyncConnection, lock: int) -> None:
    """Return once the lock is held."""
    while True:
        row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", (lock,))).fetchone()
        if row and row[0]:
            return
        await asyncio.sleep(STANDBY_SECONDS)
