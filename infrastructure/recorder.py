"""The log's table, on eventsourcing's layout: an append that refuses holes and blocks no more than it must.

The library's own append takes a table lock for its transaction. Ours takes one advisory lock, which
serialises appends just as well (positions become visible in order) and stops neither ANALYZE nor VACUUM.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import RawCursor
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Literal

from infrastructure.postgres import lively

Columns = tuple[list[Any], list[int], list[str], list[bytes], list[int]]
Place = tuple[Any, int]
"""A stream, by its UUID (eventsourcing would also take a text), and a version."""

# A statement of its own: only one that starts after the lock is held sees what its last holder committed.
LOCK = "SELECT pg_advisory_xact_lock({lock})"

# `first` is the version that the row's command begins with: it must come right after the latest one of its
# stream, or begin the stream, at 0 or at 1.
APPEND = """
    INSERT INTO {table} (originator_id, originator_version, topic, state)
    SELECT id, version, topic, state
    FROM unnest($1::{id_type}[], $2::bigint[], $3::text[], $4::bytea[], $5::bigint[])
        AS command (id, version, topic, state, first)
    WHERE coalesce(
        (SELECT originator_version FROM {table}
         WHERE originator_id = id AND originator_version >= first - 1
         ORDER BY originator_version DESC LIMIT 1),
        CASE WHEN first IN (0, 1) THEN first - 1 END
    ) = first - 1
    RETURNING originator_id, originator_version, notification_id
"""

SETTLE = """
    SELECT originator_id, originator_version
    FROM unnest($1::{id_type}[], $2::bigint[], $3::text[], $4::bytea[]) AS command (id, version, topic, state)
    JOIN {table} AS stored ON originator_id = id AND originator_version = version
        AND stored.topic = command.topic AND stored.state = command.state
"""

READ = """
    SELECT originator_version, topic, state FROM {table}
    WHERE originator_id = $1 AND originator_version > $2 ORDER BY originator_version LIMIT $3::bigint
"""

SINCE = """
    SELECT notification_id, originator_id, originator_version FROM {table}
    WHERE notification_id > $1 ORDER BY notification_id LIMIT $2
"""

LATEST = "SELECT coalesce(max(notification_id), 0) FROM {table}"


class Recorder(PostgresApplicationRecorder):
    """eventsourcing's recorder, with an append that refuses holes. Synchronous, as the library wants it."""

    def __init__(self, datastore: PostgresDatastore, *, events_table_name: str = "stored_events") -> None:
        super().__init__(datastore, events_table_name=events_table_name)
        # The library's insert function neither locks nor keeps to its own table: it must not exist.
        del self.sql_create_statements[self.create_insert_function_statement_index]
        names = {
            "table": SQL("{}.{}").format(Identifier(datastore.schema), Identifier(events_table_name)),
            "id_type": SQL("uuid" if datastore.originator_id_type == "uuid" else "text"),
            "lock": Literal(zlib.crc32(f"{datastore.schema}.{events_table_name}".encode())),
        }
        self.lock_statement = SQL(LOCK).format(**names).as_bytes(None)
        self.append_statement = SQL(APPEND).format(**names).as_bytes(None)
        self.settle_statement = SQL(SETTLE).format(**names).as_bytes(None)
        self.read_statement = SQL(READ).format(**names).as_bytes(None)
        self.since_statement = SQL(SINCE).format(**names).as_bytes(None)
        self.latest_statement = SQL(LATEST).format(**names).as_bytes(None)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Insert all or none. Raises IntegrityError where a stream has moved on, or would get a hole."""
        if not stored_events:
            return None
        with self.datastore.get_connection() as connection:
            cursor = RawCursor(connection, row_factory=dict_row)
            with connection.transaction():
                cursor.execute(self.lock_statement)
                cursor.execute(self.append_statement, columns(_streams(stored_events)))
                rows = cursor.fetchall()
                if len(rows) < len(stored_events):
                    raise IntegrityError(_refusal(stored_events, rows))
            # After the commit: NOTIFY in a transaction takes a lock of the whole database until its end.
            connection.execute(SQL("NOTIFY {}").format(Identifier(self.channel_name)))
        positions = {_place(row): row["notification_id"] for row in rows}
        return [positions[event.originator_id, event.originator_version] for event in stored_events]


def datastore(conninfo: str, **settings: Any) -> PostgresDatastore:
    """The library's connection pool for a conninfo or URL of ours, on the schema in which it makes tables."""
    # The library takes five parts of an address, and its pool isn't open yet: it gets the address whole.
    datastore = PostgresDatastore("", "", "", "", "", **settings)
    datastore.pool.conninfo = conninfo
    datastore.pool.kwargs = {"row_factory": dict_row, **lively(conninfo)}
    with datastore.get_connection() as connection:
        row = connection.execute("SELECT current_schema() AS schema").fetchone()
    if row and row["schema"]:
        datastore.schema = row["schema"]
    return datastore


def columns(commands: Iterable[Sequence[StoredEvent]]) -> Columns:
    """The rows of commands, each of one stream, as arrays for `APPEND`."""
    ids: list[Any] = []
    versions: list[int] = []
    topics: list[str] = []
    states: list[bytes] = []
    firsts: list[int] = []
    for rows in commands:
        first = rows[0].originator_version
        for row in rows:
            ids.append(row.originator_id)
            versions.append(row.originator_version)
            topics.append(row.topic)
            states.append(row.state)
            firsts.append(first)
    return ids, versions, topics, states, firsts


def require_consecutive(rows: Sequence[StoredEvent]) -> None:
    """Raises IntegrityError for rows of one stream that aren't in order, or leave a hole."""
    for version, row in enumerate(rows, rows[0].originator_version):
        if row.originator_version != version:
            raise IntegrityError(
                f"{row.originator_id}: version {row.originator_version} stands where {version} is due"
            )


def _streams(rows: Sequence[StoredEvent]) -> Iterable[Sequence[StoredEvent]]:
    streams: dict[UUID | str, list[StoredEvent]] = {}
    for row in rows:
        streams.setdefault(row.originator_id, []).append(row)
    for stream in streams.values():
        require_consecutive(stream)
    return streams.values()


def _refusal(rows: Sequence[StoredEvent], inserted: Sequence[Any]) -> str:
    done = set(map(_place, inserted))
    refused = next(row for row in rows if (row.originator_id, row.originator_version) not in done)
    return f"{refused.originator_id}: version {refused.originator_version} doesn't follow the latest one"


def _place(row: Mapping[str, Any]) -> Place:
    return row["originator_id"], row["originator_version"]
