"""The log from one end to the other. See `domain.log`.

What is remembered of a session is what its next event needs: the session, and its visitor's cipher. One that
isn't remembered is read again from its start.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresDatastore
from msgspec import Struct
from psycopg import RawCursor
from psycopg.rows import tuple_row

from domain.errors import CorruptLog
from domain.events import SessionStarted
from domain.log import Told
from domain.ports import Recorded
from domain.session import ChatSession, begin, evolve
from infrastructure import codec
from infrastructure.keyring import MasterKey

REMEMBERED_SESSIONS = 20_000

HEAD = "SELECT coalesce(max(notification_id), 0) FROM stored_events"

COLUMNS = "notification_id, originator_id, originator_version, topic, state"

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

HISTORY = f"""
    SELECT {COLUMNS} FROM stored_events
    WHERE originator_id = $1 AND notification_id <= $2 ORDER BY originator_version
"""  # noqa: S608

KEYS = "SELECT visitor_id, wrapped FROM visitor_keys WHERE visitor_id = ANY($1)"


class Remembered(Struct):
    """A session as far as it has been read. `cipher` is None where the key was destroyed; `fault` says why
    nothing that follows can be read."""

    session: ChatSession | None
    cipher: AESGCM | None
    fault: str = ""


class PostgresLogSource:
    """The log in PostgreSQL."""

    def __init__(self, datastore: PostgresDatastore, master_key: MasterKey) -> None:
        self._datastore = datastore
        self._master_key = master_key

    def head(self) -> int:
        return self.fetch(HEAD)[0][0]

    def reader(self, position: int) -> "PostgresLogReader":
        return PostgresLogReader(self, position)

    def history(self, session_id: UUID, up_to: int) -> Sequence[Told]:
        rows = self.fetch(HISTORY, (session_id, up_to))
        return PostgresLogReader(self, 0).told(rows)

    def fetch(self, query: str, params: Sequence[object] = ()) -> list[Any]:
        """All rows of a query, as tuples."""
        with self._datastore.pool.connection() as connection:
            cursor = RawCursor(connection, row_factory=tuple_row)
            return cursor.execute(query.encode(), params, prepare=True, binary=True).fetchall()

    def keys_of(self, visitor_ids: Iterable[UUID]) -> Mapping[UUID, AESGCM | None]:
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
        self._remembered: dict[UUID, Remembered] = {}

    def read(self, up_to: int, most: int) -> Sequence[Told]:
        rows = self._source.fetch(NEXT, (self.position, up_to, most))
        self._remember([row for row in rows if row[1] not in self._remembered])
        told = self.told(rows, known=True)
        self.position = rows[-1][0] if len(rows) == most else up_to
        while len(self._remembered) > REMEMBERED_SESSIONS:
            del self._remembered[next(iter(self._remembered))]
        return told

    def told(self, rows: Sequence[Any], *, known: bool = False) -> Sequence[Told]:
        """What rows tell; of sessions from their start on, unless those are known."""
        if not known:
            self._remember(rows)
        return [self._next(position, StoredEvent(*row)) for position, *row in rows]

    def _remember(self, rows: Sequence[Any]) -> None:
        """Make ready for rows of sessions that aren't remembered: their keys, and what came before."""
        first: dict[UUID, StoredEvent] = {}
        for _, *row in rows:
            first.setdefault(row[0], StoredEvent(*row))
        later = {
            session_id: row.originator_version
            for session_id, row in first.items()
            if row.originator_version > 1
        }
        before = self._source.fetch(BEFORE, ([*later], [*later.values()])) if later else []
        for _, *row in before:
            if row[1] == 1:
                first[row[0]] = StoredEvent(*row)
        visitors = {session_id: _visitor(row) for session_id, row in first.items()}
        keys = self._source.keys_of({visitor for visitor in visitors.values() if isinstance(visitor, UUID)})
        for session_id, visitor in visitors.items():
            self._remembered[session_id] = _begun(visitor, keys)
        for position, *row in before:
            self._next(position, StoredEvent(*row))

    def _next(self, position: int, row: StoredEvent) -> Told:
        session_id = row.originator_id
        assert isinstance(session_id, UUID)
        # Those that were heard of last are remembered longest.
        self._remembered[session_id] = remembered = self._remembered.pop(session_id)
        recorded, fault = None, remembered.fault
        if not fault:
            try:
                recorded = _recorded(row, remembered)
            except (CorruptLog, AssertionError) as error:
                fault = remembered.fault = str(error)
        return Told(position, session_id, row.originator_version, row.topic, recorded, fault)


def _visitor(row: StoredEvent) -> UUID | str:
    """The visitor that a session's first event names, or why that can't be told."""
    if row.originator_version != 1:
        return f"session {row.originator_id}: version 1 is missing"
    try:
        return codec.visitor_of(row)
    except CorruptLog as error:
        return str(error)


def _begun(visitor: UUID | str, keys: Mapping[UUID, AESGCM | None]) -> Remembered:
    if isinstance(visitor, str):
        return Remembered(None, None, visitor)
    if visitor not in keys:
        return Remembered(None, None, "the visitor's key is missing")
    return Remembered(None, keys[visitor])


def _recorded(row: StoredEvent, remembered: Remembered) -> Recorded:
    """Raises CorruptLog, AssertionError."""
    event, at = codec.decode(row, remembered.cipher)
    before = remembered.session
    assert isinstance(row.originator_id, UUID)
    if before is None:
        assert isinstance(event, SessionStarted), f"a session begins with session_started, not {event.topic}"
        session = begin(row.originator_id, event, at)
    else:
        expected = before.version + 1
        assert row.originator_version == expected, f"version {expected} is missing"
        session = evolve(before, event, at)
    remembered.session = session
    return Recorded(event, session, at)
