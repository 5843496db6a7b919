"""Per-visitor keys, wrapped by a master key.

What is stored is a nonce and the AES-256-GCM encryption of the visitor's 32-byte key under the master key,
with the visitor's id as associated data. Deleting that row is all it takes to make everything that the
visitor's key has sealed unreadable, wherever it was copied to.
"""

import os
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import CorruptLog
from infrastructure.postgres import Database

KEY_BYTES = 32
NONCE_BYTES = 12


class KeyTable(Protocol):
    """Where wrapped keys are kept."""

    async def insert(self, visitor_id: UUID, wrapped: bytes) -> bytes:
        """Keep a wrapped key, unless there is one: answers with the one that stands."""
        ...

    async def select(self, visitor_id: UUID) -> bytes | None: ...


class WrappedKeyring:
    """See `domain.ports.Keyring`."""

    def __init__(self, master_key: bytes, table: KeyTable) -> None:
        self._master = AESGCM(master_key)
        self._table = table

    async def create(self, visitor_id: UUID) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        key = os.urandom(KEY_BYTES)
        wrapped = nonce + self._master.encrypt(nonce, key, visitor_id.bytes)
        return self._unwrap(visitor_id, await self._table.insert(visitor_id, wrapped))

    async def find(self, visitor_id: UUID) -> bytes | None:
        wrapped = await self._table.select(visitor_id)
        return None if wrapped is None else self._unwrap(visitor_id, wrapped)

    def _unwrap(self, visitor_id: UUID, wrapped: bytes) -> bytes:
        try:
            return self._master.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], visitor_id.bytes)
        except InvalidTag:
            raise CorruptLog(
                "a visitor's key can't be unwrapped: MASTER_KEY isn't the one this database was written with"
            ) from None


class MemoryKeyTable:
    """Wrapped keys for as long as the process lives."""

    def __init__(self) -> None:
        self._rows: dict[UUID, bytes] = {}

    async def insert(self, visitor_id: UUID, wrapped: bytes) -> bytes:
        return self._rows.setdefault(visitor_id, wrapped)

    async def select(self, visitor_id: UUID) -> bytes | None:
        return self._rows.get(visitor_id)


class PostgresKeyTable:
    """Wrapped keys in the table `visitor_keys`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(self, visitor_id: UUID, wrapped: bytes) -> bytes:
        # The update that changes nothing makes RETURNING give the row that stands.
        rows = await self._database.fetch(
            "INSERT INTO visitor_keys AS k (visitor_id, wrapped) VALUES ($1, $2) "
            "ON CONFLICT (visitor_id) DO UPDATE SET wrapped = k.wrapped RETURNING wrapped",
            (visitor_id, wrapped),
        )
        return rows[0][0]

    async def select(self, visitor_id: UUID) -> bytes | None:
        rows: Sequence[tuple[bytes]] = await self._database.fetch(
            "SELECT wrapped FROM visitor_keys WHERE visitor_id = $1", (visitor_id,)
        )
        return rows[0][0] if rows else None
