"""Event stores over one log, in memory or in PostgreSQL: each is what a process of its own would have."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent

from domain.errors import Unavailable
from infrastructure.doorbells import LocalDoorbell
from infrastructure.event_store import SessionStore
from infrastructure.keyring import KeyTable, MemoryKeyTable, PostgresKeyTable, WrappedKeyring
from infrastructure.logs import Log, MemoryLog, PostgresLog
from infrastructure.postgres import Database
from tests.support.postgres import execute

MASTER_KEY = bytes(32)


class KeysStay(WrappedKeyring):
    """The database is out of reach whenever a key is to be destroyed."""

    async def destroy(self, visitor_id: UUID) -> datetime:
        raise Unavailable


class Stores:
    """All stores of one log: of the database with this conninfo, or of none."""

    def __init__(self, conninfo: str = "", *, patience: float = 3.0) -> None:
        self.conninfo = conninfo
        self._patience = patience
        self.memory = MemoryLog()
        self._memory_keys = MemoryKeyTable()
        self._opened: list[tuple[PostgresLog, KeyTable]] = []
        self._databases: list[Database] = []
        self.doorbells: list[LocalDoorbell] = []

    async def open(self, master_key: bytes = MASTER_KEY) -> SessionStore:
        """A store that knows nothing yet, with connections of its own."""
        log, keys = await self._open()
        return SessionStore(log, WrappedKeyring(master_key, keys), LocalDoorbell(self.doorbells))

    def reopen(self, number: int) -> SessionStore:
        """A store that knows nothing yet, on the connections of the one that was opened as this number."""
        log, keys = self._opened[number] if self.conninfo else (self.memory, self._memory_keys)
        return SessionStore(log, WrappedKeyring(MASTER_KEY, keys), LocalDoorbell(self.doorbells))

    def on(self, log: Log) -> SessionStore:
        """A store that knows nothing yet, on this log, and that is told nothing."""
        return SessionStore(log, WrappedKeyring(MASTER_KEY, self.keys), LocalDoorbell())

    async def open_log(self) -> Log:
        return (await self._open())[0]

    async def _open(self) -> tuple[Log, KeyTable]:
        if not self.conninfo:
            return self.memory, self._memory_keys
        database = Database(self.conninfo, self._patience, max_connections=2)
        log = PostgresLog(self.conninfo, database)
        await database.open()
        await log.open()
        self._databases.append(database)
        self._opened.append((log, PostgresKeyTable(database)))
        return self._opened[-1]

    async def close(self) -> None:
        for log, _ in self._opened:
            await log.close()
        for database in self._databases:
            await database.close()

    # --- the log as it is

    async def rows(self, session_id: UUID) -> Sequence[StoredEvent]:
        if not self.conninfo:
            return await self.memory.read(session_id, 0)
        rows = await asyncio.to_thread(
            execute,
            self.conninfo,
            "SELECT originator_version, topic, state FROM stored_events WHERE originator_id = %s ORDER BY 1",
            session_id,
        )
        return [StoredEvent(session_id, *row) for row in rows]

    @property
    def keys(self) -> KeyTable:
        return self._opened[0][1] if self.conninfo else self._memory_keys

    async def cipher(self, visitor_id: UUID) -> AESGCM:
        """The visitor's key, which must be there."""
        key = await WrappedKeyring(MASTER_KEY, self.keys).find(visitor_id)
        assert key is not None
        return AESGCM(key)

    async def overwrite(self, row: StoredEvent) -> None:
        """What nobody should be able to do: change what is recorded."""
        if self.conninfo:
            await self._execute(
                "UPDATE stored_events SET topic = %s, state = %s "
                "WHERE originator_id = %s AND originator_version = %s",
                row.topic,
                row.state,
                row.originator_id,
                row.originator_version,
            )
        else:
            recorder = self.memory.recorder
            index = recorder._stored_events_index[str(row.originator_id)][row.originator_version]
            recorder._stored_events[index] = row

    async def remove(self, session_id: UUID | str, version: int) -> None:
        if self.conninfo:
            await self._execute(
                "DELETE FROM stored_events WHERE originator_id = %s AND originator_version = %s",
                session_id,
                version,
            )
        else:
            del self.memory.recorder._stored_events_index[str(session_id)][version]

    async def remove_key(self, visitor_id: UUID) -> None:
        if self.conninfo:
            await self._execute("DELETE FROM visitor_keys WHERE visitor_id = %s", visitor_id)
        else:
            del self._memory_keys._rows[visitor_id]

    async def _execute(self, query: str, *params: object) -> None:
        await asyncio.to_thread(execute, self.conninfo, query, *params)
