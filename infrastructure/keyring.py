"""Per-visitor keys, wrapped by a master key.

What is stored is a nonce and the AES-256-GCM encryption of the visitor's 32-byte key under the master key,
with the visitor's id as associated data. Overwriting that is all it takes to make everything that the
visitor's key has sealed unreadable, wherever it was copied to.

The database also keeps what tells its master key from any other: with two of them, no service could read all
of it, so one that comes with another stops before it has written anything.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import CorruptLog, KeyDestroyed
from infrastructure.postgres import CREATE_VISITOR_KEYS, Database, schema_lock
from infrastructure.settings import Settings, keep_master_key, master_key_file, read_master_key
from infrastructure.signing import SigningKey

KEY_BYTES = 32
NONCE_BYTES = 12

CREATE_MASTER_KEY_CHECK = """
CREATE TABLE IF NOT EXISTS master_key_check (
    sealed bytea NOT NULL,
    single boolean PRIMARY KEY DEFAULT true CHECK (single)
)
"""

CHECKED = b"verbatim"

SEALED_BY_IT = """
    (SELECT sealed, ''::bytea FROM master_key_check)
    UNION ALL
    (SELECT wrapped, uuid_send(visitor_id) FROM visitor_keys
     WHERE wrapped IS NOT NULL AND NOT EXISTS (SELECT FROM master_key_check) LIMIT 1)
"""
"""The check or, in a database that has none yet, any visitor's key; with their associated data."""

KEEP_CHECK = "INSERT INTO master_key_check (sealed) VALUES (%s) ON CONFLICT DO NOTHING"

KEYS = "SELECT visitor_id, wrapped FROM visitor_keys WHERE visitor_id = ANY($1)"

Wrapped = bytes | None
"""A wrapped key; None for one that was destroyed."""


class KeyTable(Protocol):
    """Where wrapped keys are kept."""

    async def insert(self, visitor_id: UUID, wrapped: bytes) -> Wrapped:
        """Keep a wrapped key, unless there is or was one: answers with what stands."""
        ...

    async def select(self, visitor_id: UUID) -> Wrapped:
        """The key that stands. Raises LookupError where there never was one."""
        ...

    async def destroy(self, visitor_id: UUID) -> datetime:
        """Have it that there was a key, and that it is destroyed: since when."""
        ...


class MasterKey:
    """Wraps visitors' keys."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def wrap(self, visitor_id: UUID, key: bytes) -> bytes:
        return _seal(self._cipher, key, visitor_id.bytes)

    def unwrap(self, visitor_id: UUID, wrapped: bytes) -> bytes:
        """The key that a row of the table holds. Raises CorruptLog."""
        try:
            return _open(self._cipher, wrapped, visitor_id.bytes)
        except InvalidTag:
            raise CorruptLog(
                "a visitor's key can't be unwrapped: MASTER_KEY isn't the one this database was written with"
            ) from None


class WrappedKeyring:
    """See `domain.ports.Keyring`."""

    def __init__(self, master_key: bytes, table: KeyTable) -> None:
        self._master_key = master_key
        self._master = MasterKey(master_key)
        self._table = table

    def unwrap(self, visitor_id: UUID, wrapped: bytes) -> bytes:
        """The key that a row of the table holds. Raises CorruptLog."""
        return self._master.unwrap(visitor_id, wrapped)

    def signing_key(self) -> SigningKey:
        """The key that signs checkpoints where no other is set."""
        return SigningKey.derived(self._master_key)

    async def create(self, visitor_id: UUID) -> bytes:
        wrapped = self._master.wrap(visitor_id, os.urandom(KEY_BYTES))
        standing = await self._table.insert(visitor_id, wrapped)
        if standing is None:
            raise KeyDestroyed
        return self._master.unwrap(visitor_id, standing)

    async def find(self, visitor_id: UUID) -> bytes | None:
        try:
            wrapped = await self._table.select(visitor_id)
        except LookupError:
            raise CorruptLog("a visitor's key is missing") from None
        return None if wrapped is None else self._master.unwrap(visitor_id, wrapped)

    async def destroy(self, visitor_id: UUID) -> datetime:
        return await self._table.destroy(visitor_id)


class MemoryKeyTable:
    """Wrapped keys for as long as the process lives."""

    def __init__(self) -> None:
        self._rows: dict[UUID, Wrapped] = {}
        self._destroyed: dict[UUID, datetime] = {}

    async def insert(self, visitor_id: UUID, wrapped: bytes) -> Wrapped:
        return self._rows.setdefault(visitor_id, wrapped)

    async def select(self, visitor_id: UUID) -> Wrapped:
        return self._rows[visitor_id]

    async def destroy(self, visitor_id: UUID) -> datetime:
        self._rows[visitor_id] = None
        return self._destroyed.setdefault(visitor_id, datetime.now(UTC))


class PostgresKeyTable:
    """Wrapped keys in the table `visitor_keys`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(self, visitor_id: UUID, wrapped: bytes) -> Wrapped:
        # The update that changes nothing makes RETURNING give the row that stands.
        rows = await self._database.fetch(
            "INSERT INTO visitor_keys AS k (visitor_id, wrapped) VALUES ($1, $2) "
            "ON CONFLICT (visitor_id) DO UPDATE SET wrapped = k.wrapped RETURNING wrapped",
            (visitor_id, wrapped),
        )
        return rows[0][0]

    async def select(self, visitor_id: UUID) -> Wrapped:
        rows: Sequence[tuple[Wrapped]] = await self._database.fetch(
            "SELECT wrapped FROM visitor_keys WHERE visitor_id = $1", (visitor_id,)
        )
        if not rows:
            raise LookupError
        return rows[0][0]

    async def destroy(self, visitor_id: UUID) -> datetime:
        rows = await self._database.fetch(
            "INSERT INTO visitor_keys AS k (visitor_id, destroyed_at) VALUES ($1, now()) "
            "ON CONFLICT (visitor_id) DO UPDATE "
            "SET wrapped = NULL, destroyed_at = coalesce(k.destroyed_at, now()) RETURNING destroyed_at",
            (visitor_id,),
        )
        return rows[0][0].astimezone(UTC)


# --- the master key


def settle_master_key(settings: Settings, conninfo: str) -> bytes:
    """The master key of the settings, else of the data folder; made there if the database hasn't had any yet.

    Raises CorruptLog where the database was written with another one. Nothing has been written then.
    """
    with schema_lock(conninfo) as connection, connection.transaction():
        connection.execute(CREATE_VISITOR_KEYS)
        connection.execute(CREATE_MASTER_KEY_CHECK)
        sealed = connection.execute(SEALED_BY_IT).fetchone()
        master_key = fitting_master_key(settings, sealed) or keep_master_key(settings.data_dir)
        connection.execute(KEEP_CHECK, (_seal(AESGCM(master_key), CHECKED, b""),))
    return master_key


def fitting_master_key(settings: Settings, sealed: tuple[bytes, bytes] | None) -> bytes | None:
    """The master key of the settings, else of the data folder, if there is one. `sealed` is what the database
    gives for SEALED_BY_IT. Raises CorruptLog where it was written with another one, SettingsError."""
    master_key = settings.master_key or read_master_key(settings.data_dir)
    if sealed and not (master_key and _opens(master_key, *sealed)):
        raise CorruptLog(_refusal(settings))
    return master_key


def _refusal(settings: Settings) -> str:
    path = master_key_file(settings.data_dir)
    source = f"the master key in {path}" if path.exists() else f"a new master key in {path}"
    return (
        f"{'VERBATIM_MASTER_KEY' if settings.master_key else source} isn't the one this database was written "
        "with: set VERBATIM_MASTER_KEY to that one, or leave it out and set VERBATIM_DATA_DIR to the folder "
        "whose master.key holds it"
    )


def _seal(key: AESGCM, secret: bytes, of: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + key.encrypt(nonce, secret, of)


def _open(key: AESGCM, sealed: bytes, of: bytes) -> bytes:
    return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], of)


def _opens(master_key: bytes, sealed: bytes, of: bytes) -> bool:
    try:
        _open(AESGCM(master_key), sealed, of)
    except InvalidTag:
        return False
    return True
