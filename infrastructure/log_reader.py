"""The log from one end to the other. See `domain.log`.

What is remembered of a session is what its next event needs. One that isn't remembered is read again from its
start.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent
from msgspec import Struct
from psycopg import Connection, RawCursor
from psycopg.rows import tuple_row

from domain.errors import CorruptLog
from domain.log import Told
from domain.ports import Recorded
from infrastructure import codec
from infrastructure.keyring import KEYS, MasterKey, WrappedKeyring
from infrastructure.known import Known, first_known, next_known

REMEMBERED_SESSIONS = 20_000

HEAD = "SELECT coalesce(max(notification_id), 0) FROM stored_events"

# Ids as bytes: to make and to hash as many UUIDs would take longer than to open what is sealed.
COLUMNS = "notification_id, uuid_send(originator_id), originator_version, topic, state"

NEXT = f"""
    SELECT {COLUMNS} FROM stored_events
    WHERE notification_id > $1 AND notification_id <= $2 ORDER BY notification_id LIMIT $3
"""  # noqa: S608

BEFORE = f"""
    SELECT {COLUMNS} FROM stored_events
    JOIN unnest($1::uuid[], $2::bigint[]) AS first (session_id, version)
        ON originator_id = session_id AND originator_version < version
    ORDER BY originator_id, originator_version
"""  # noqa: S608

HISTORIES = f"""
    SELECT {COLUMNS} FROM stored_events
    WHERE originator_id = ANY($1) AND notification_id <= $2 ORDER BY originator_id, originator_version
"""  # noqa: S608

Row = tuple[int, bytes, int, str, bytes]
"""Position, session, version, topic, state."""


class Remembered(Struct, frozen=True):
    """A session as far as it has been read; before its first event, with its visitor's cipher, which is None
    where the key was destroyed. `fault` says why nothing that follows can be read."""

    session_id: UUID
    known: Known | None = None
    cipher: AESGCM | None = None
    fault: str = ""


class PostgresLogSource:
    """The log in PostgreSQL, on whatever connection `connected` gives for a while."""

    def __init__(
        self,
        connected: Callable[[], AbstractContextManager[Connection[Any]]],
        master_key: MasterKey | WrappedKeyring,
    ) -> None:
        self._connected = connected
        self._master_key = master_key

    def head(self) -> int:
        return self.fetch(HEAD)[0][0]

    def reader(self, position: int) -> "PostgresLogReader":
        return PostgresLogReader(self, position)

    def history(self, session_id: UUID, up_to: int) -> Sequence[Told]:
        return self.histories([session_id], up_to).get(session_id, [])

    def histories(self, session_ids: Collection[UUID], up_to: int) -> Mapping[UUID, Sequence[Told]]:
        rows = self.fetch(HISTORIES, ([*session_ids], up_to))
        histories: dict[UUID, list[Told]] = {}
        for told in PostgresLogReader(self, 0).told(rows):
            histories.setdefault(told.session_id, []).append(told)
        return histories

    def destroyed(self, visitor_ids: Collection[UUID]) -> Collection[UUID]:
        return {visitor_id for visitor_id, wrapped in self.fetch(KEYS, ([*visitor_ids],)) if wrapped is None}

    def fetch(self, query: str, params: Sequence[object] = ()) -> list[Any]:
        """All rows of a query, as tuples."""
        with self._connected() as connection:
            cursor = RawCursor(connection, row_factory=tuple_row)
            return cursor.execute(query.encode(), params, prepare=True, binary=True).fetchall()

    def ciphers(self, visitor_ids: Iterable[UUID]) -> Mapping[UUID, AESGCM | None]:
        """The ciphers of visitors, None for those whose key was destroyed."""
        rows = self.fetch(KEYS, ([*visitor_ids],))
        return {
            visitor_id: AESGCM(self._master_key.unwrap(visitor_id, wrapped)) if wrapped else None
            for visitor_id, wrapped in rows
        }


class PostgresLogReader:
    """See `domain.log.LogReader`."""

    def __init__(self, source: PostgresLogSource, position: int) -> None:
        self.position = position
        self._source = source
        self._remembered: dict[bytes, Remembered] = {}

    def read(self, up_to: int, most: int) -> Sequence[Told]:
        rows = self._source.fetch(NEXT, (self.position, up_to, most))
        told = self.told(rows)
        self.position = rows[-1][0] if len(rows) == most else up_to
        return told

    def told(self, rows: Sequence[Row]) -> Sequence[Told]:
        """What rows tell, which go on where those before have ended."""
        self._remember(rows)
        return [self._next(row) for row in rows]

    def _remember(self, rows: Sequence[Row]) -> None:
        """Make ready for rows: sessions that aren't remembered, with their keys and what came before."""
        remembered = self._remembered
        first: dict[bytes, Row] = {}
        for row in rows:
            key = row[1]
            if key in first:
                continue
            first[key] = row
            if known := remembered.pop(key, None):
                remembered[key] = known  # who was heard of last is remembered longest
        while len(remembered) > REMEMBERED_SESSIONS:
            del remembered[next(iter(remembered))]
        self._begin({key: row for key, row in first.items() if key not in remembered})

    def _begin(self, first: Mapping[bytes, Row]) -> None:
        later = {UUID(bytes=key): version for key, (_, _, version, _, _) in first.items() if version > 1}
        before = self._source.fetch(BEFORE, ([*later], [*later.values()])) if later else []
        beginnings = {**first, **{row[1]: row for row in before if row[2] == 1}}
        visitors = {key: _visitor(row) for key, row in beginnings.items()}
        ciphers = self._source.ciphers({who for who in visitors.values() if isinstance(who, UUID)})
        for key, visitor in visitors.items():
            self._remembered[key] = _begun(UUID(bytes=key), visitor, ciphers)
        for row in before:
            self._next(row)

    def _next(self, row: Row) -> Told:
        position, key, version, topic, state = row
        remembered, recorded = self._remembered[key], None
        if not remembered.fault:
            stored = StoredEvent(remembered.session_id, version, topic, state)
            remembered, recorded = _after(remembered, stored)
            self._remembered[key] = remembered
        return Told(position, remembered.session_id, version, topic, recorded, remembered.fault)


def _visitor(row: Row) -> UUID | str:
    """The visitor that a session's first event names, or why that can't be told."""
    _, key, version, topic, state = row
    session_id = UUID(bytes=key)
    if version != 1:
        return f"session {session_id}: version 1 is missing"
    try:
        return codec.visitor_of(StoredEvent(session_id, version, topic, state))
    except CorruptLog as error:
        return str(error)


def _begun(session_id: UUID, visitor: UUID | str, ciphers: Mapping[UUID, AESGCM | None]) -> Remembered:
    if isinstance(visitor, str):
        return Remembered(session_id, fault=visitor)
    if visitor not in ciphers:
        return Remembered(session_id, fault=f"session {session_id}: its visitor's key is missing")
    return Remembered(session_id, cipher=ciphers[visitor])


def _after(remembered: Remembered, row: StoredEvent) -> tuple[Remembered, Recorded | None]:
    """What is remembered after one more row, and what that recorded: nothing where it can't be read."""
    try:
        if remembered.known:
            known, recorded = next_known(remembered.known, row)
        else:
            known, recorded = first_known(row, remembered.cipher)
    except CorruptLog as error:
        return Remembered(remembered.session_id, fault=str(error)), None
    return Remembered(remembered.session_id, known), recorded
