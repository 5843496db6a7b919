"""That this process lives, as others see it: an advisory lock that it holds for as long as it is connected.

PostgreSQL gives the lock back when the connection ends, however the process died, so nobody need be asked and
nothing need be renewed.
"""

import asyncio
import secrets

from psycopg import AsyncConnection

from infrastructure.postgres import hold_connection, watch_over

LOCK_CLASS = 0x76_65_72_62
"""The first half of the locks' keys; the second is the process's name."""

LIVING = (
    b"""
    SELECT lpad(to_hex(objid::bigint), 8, '0') FROM pg_locks
    WHERE locktype = 'advisory' AND classid = %d AND objsubid = 2 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
    % LOCK_CLASS
)
"""The names of all processes that live now."""


def new_name() -> str:
    """A name for a process."""
    return secrets.token_hex(4)


class Presence:
    """This process, by a name that it has made up."""

    def __init__(self, conninfo: str) -> None:
        self.name = new_name()
        self._conninfo = conninfo
        self._key = int.from_bytes(bytes.fromhex(self.name), signed=True)
        self._shown = asyncio.Event()

    async def run(self) -> None:
        """Hold the lock, for ever."""
        await hold_connection(self._conninfo, "presence", self._hold)

    async def shown(self) -> None:
        """Return once the lock is held."""
        await self._shown.wait()

    async def _hold(self, connection: AsyncConnection) -> None:
        await connection.execute("SELECT pg_advisory_lock(%s, %s)", (LOCK_CLASS, self._key))
        self._shown.set()
        await watch_over(connection)
