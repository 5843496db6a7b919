"""Whether the tables hold what the log makes: their rows against others, made anew in temporary tables.

All tables are read in one snapshot. What a projection has not come to yet is no fault of its rows; nor is a
session that is just being erased, or one that can't be read: that is for whoever verifies the log to tell.
One that was set aside is told of as such: its rows are behind for good. What can't be compared now is told,
too, as no fault: a session that is being made anew, and tables of a version that this code doesn't make.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg import Connection, RawCursor
from psycopg.sql import SQL, Composed, Identifier

from domain.errors import CorruptLog
from domain.log import LogSource, Told
from domain.proof import Finding, Progress, unwatched
from projections.builds import schema
from projections.projection import Projection
from projections.runner import is_of_the_server, write

SESSIONS_AT_ONCE = 100
ATTEMPTS = 5

LIVE = """
    SELECT name, version, build, notification_id FROM projections
    JOIN notification_tracking ON application_name = build WHERE state = 'live' ORDER BY name
"""

FAULTS = "SELECT build, session_id, version, position, error, retry FROM projection_faults"

# What is generated can't be anything else, and an index makes no difference: without them it is quicker.
GENERATED = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = $1::regclass AND attgenerated <> '' AND NOT attisdropped
"""
INDEXES = "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = $1::regclass AND NOT indisprimary"
COLUMNS = """
    SELECT attname, attnum = ANY(indkey) FROM pg_attribute
    JOIN pg_index ON indrelid = attrelid AND indisprimary
    WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""

DIFFERENCES = """
    WITH made AS (SELECT {columns} FROM pg_temp.{table}),
        held AS (SELECT {columns} FROM {build}.{table} WHERE session_id = ANY($1))
    SELECT true, to_jsonb(missing) FROM (TABLE made EXCEPT ALL TABLE held) AS missing
    UNION ALL SELECT false, to_jsonb(added) FROM (TABLE held EXCEPT ALL TABLE made) AS added
"""

Open = Callable[[], AbstractContextManager[tuple[Connection[Any], LogSource]]]
"""Opens a connection on which transactions are snapshots, and the log, on another one."""

Read = tuple[Mapping[UUID, Sequence[Told]], Collection[UUID]]
"""The histories of sessions; and those of their visitors whose key was destroyed when they had been read."""


class Table(NamedTuple):
    """A table, with what tells its rows apart, and the query for those that differ."""

    name: str
    key: Sequence[str]
    differences: Composed


class Live(NamedTuple):
    """Tables that are read, with all of the log up to a position."""

    projection: Projection
    build: str
    position: int
    tables: Sequence[Table]


class Fault(NamedTuple):
    """Why a session was set aside; `retry` says that it is being made anew."""

    version: int
    position: int
    error: str
    retry: bool


class Agreement:
    """See above. It is a `domain.proof.Check`."""

    def __init__(self, open_log: Open, projections: Sequence[Projection]) -> None:
        self._open = open_log
        self._projections = {projection.name: projection for projection in projections}

    async def __call__(
        self, session_ids: Collection[UUID] | None, progress: Progress = unwatched
    ) -> Sequence[Finding]:
        return await asyncio.to_thread(self._check, session_ids, progress)

    def _check(self, session_ids: Collection[UUID] | None, progress: Progress) -> Sequence[Finding]:
        with self._open() as (connection, log):
            try:
                _keep_tables(connection, self._projections)
                return [*Comparison(connection, log, self._projections).findings(session_ids, progress)]
            finally:
                connection.rollback()


def _keep_tables(connection: Connection[Any], projections: Mapping[str, Projection]) -> None:
    """Have no table be dropped before all is compared: locked before the snapshot is taken, they are in it.

    Where a build takes the place of another one just now, it is looked for again.
    """
    for attempt in range(ATTEMPTS):
        builds = _ours(connection, projections)
        connection.rollback()
        try:
            for projection, build, _ in builds:
                for table in projection.tables:
                    lock = SQL("LOCK TABLE {}.{} IN ACCESS SHARE MODE")
                    connection.execute(lock.format(Identifier(build), Identifier(table)))
            return
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            connection.rollback()
            if attempt == ATTEMPTS - 1:
                return  # then it is gone, and is told of


def _ours(
    connection: Connection[Any], projections: Mapping[str, Projection]
) -> Sequence[tuple[Projection, str, int]]:
    """What is live, of the versions that this code makes."""
    rows = RawCursor(connection).execute(LIVE.encode()).fetchall()
    return [
        (projections[name], build, position)
        for name, version, build, position in rows
        if name in projections and projections[name].version == version
    ]


class Comparison:
    """What is compared in one snapshot, which is the connection's transaction."""

    def __init__(
        self, connection: Connection[Any], log: LogSource, projections: Mapping[str, Projection]
    ) -> None:
        self._connection = connection
        self._log = log
        self._projections = projections
        self._live = [
            Live(projection, build, position, self._tables(projection, build))
            for projection, build, position in _ours(connection, projections)
        ]
        self._faults: dict[tuple[str, UUID], Fault] = {
            (build, session_id): Fault(*fault) for build, session_id, *fault in self._fetch(FAULTS)
        }

    def findings(self, session_ids: Collection[UUID] | None, progress: Progress) -> Iterator[Finding]:
        """What is wrong with these sessions, or with any, also with such as the log doesn't know."""
        yield from self._of_other_versions()
        gone = [
            (live, table) for live in self._live for table in live.tables if not self._is_there(live, table)
        ]
        for live, table in gone:
            yield Finding(f"projection {live.projection.name}: its table {table.name} is gone")
        self._live = [live for live in self._live if not any(live is one for one, _ in gone)]
        wanted = self._all() if session_ids is None else [*session_ids]
        parts = [wanted[at : at + SESSIONS_AT_ONCE] for at in range(0, len(wanted), SESSIONS_AT_ONCE)]
        with ThreadPoolExecutor(1, "read-ahead") as reading:
            # While one part is compared, which is the database's work, the next one is read, which is ours.
            ahead = [reading.submit(self._read, part) for part in parts[:1]]
            for number, part in enumerate(parts):
                ahead += [reading.submit(self._read, part) for part in parts[number + 1 : number + 2]]
                yield from self._compared(part, ahead.pop(0).result)
                progress((number + 1) / len(parts))

    def _of_other_versions(self) -> Iterator[Finding]:
        """What is read, and isn't what this code makes."""
        versions = {name: version for name, version, *_ in self._fetch(LIVE)}
        for projection in self._projections.values():
            if versions.get(projection.name) != projection.version:
                name, version = projection.name, versions.get(projection.name, "none")
                what = f"its tables are of version {version}, and this Verbatim makes version"
                yield Finding(
                    f"projection {name}: {what} {projection.version}: they aren't compared", is_fault=False
                )

    def _is_there(self, live: Live, table: Table) -> bool:
        return self._fetch("SELECT to_regclass($1) IS NOT NULL", (f"{live.build}.{table.name}",))[0][0]

    def _all(self) -> Sequence[UUID]:
        query = Composed([SQL("SELECT originator_id FROM stored_events")])
        for live in self._live:
            for table in live.tables:
                of_table = SQL(" UNION SELECT session_id FROM {}.{}")
                query += of_table.format(Identifier(live.build), Identifier(table.name))
        return [session_id for (session_id,) in self._fetch(query)]

    # --- some sessions at a time

    def _read(self, session_ids: Sequence[UUID]) -> Read:
        histories = self._log.histories(session_ids, max((live.position for live in self._live), default=0))
        # Asked afterwards: whose key is there now, whatever was read of them could be opened.
        visitors = {each[0].recorded.session.visitor_id for each in histories.values() if each[0].recorded}
        return histories, self._log.destroyed(visitors)

    def _compared(self, session_ids: Sequence[UUID], read: Callable[[], Read]) -> Sequence[Finding]:
        """What is wrong with these; one that can't be made at all keeps nobody else from being compared."""
        try:
            with self._connection.transaction():
                return [*self._different(session_ids, *read())]
        except Exception as error:
            if is_of_the_server(error):
                raise
            if len(session_ids) == 1:
                if isinstance(error, CorruptLog):
                    return []
                what = f"its rows in the projections can't be compared with the log ({type(error).__name__})"
                return [Finding(f"session {session_ids[0]}: {what}", session_ids[0])]
            half = len(session_ids) // 2
            halves = (session_ids[:half], session_ids[half:])
            return [found for part in halves for found in self._compared(part, partial(self._read, part))]

    def _different(
        self,
        session_ids: Sequence[UUID],
        histories: Mapping[UUID, Sequence[Told]],
        destroyed: Collection[UUID],
    ) -> Iterator[Finding]:
        for live in self._live:
            comparable: list[UUID] = []
            taken_in: list[Told] = []
            for session_id in session_ids:
                if fault := self._faults.get((live.build, session_id)):
                    yield _set_aside(live, session_id, fault)
                    continue
                history = [told for told in histories.get(session_id, ()) if told.position <= live.position]
                if _can_be_made(history, destroyed):
                    comparable.append(session_id)
                    taken_in += history
            yield from self._differences(live, comparable, taken_in)

    def _differences(
        self, live: Live, session_ids: Sequence[UUID], history: Sequence[Told]
    ) -> Iterator[Finding]:
        with schema(self._connection, "pg_temp"):
            for table in live.tables:
                self._connection.execute(SQL("TRUNCATE {}").format(Identifier(table.name)))
            write(
                RawCursor(self._connection),
                live.projection,
                [told.recorded for told in history if told.recorded],
            )
        for table in live.tables:
            found = _told(live, table, self._fetch(table.differences, (session_ids,)))
            yield from sorted(found, key=lambda one: (one.session_id, one.version or 0, one.message))

    # --- the tables beside

    def _tables(self, projection: Projection, build: str) -> Sequence[Table]:
        """Make tables like those of a projection."""
        with schema(self._connection, "pg_temp"):
            for statements in projection.tables.values():
                self._connection.execute(statements.encode())
        return [self._table(name, build) for name in projection.tables]

    def _table(self, name: str, build: str) -> Table:
        place = f"pg_temp.{name}"
        for (column,) in self._fetch(GENERATED, (place,)):
            drop = SQL("ALTER TABLE pg_temp.{} DROP COLUMN {}").format(Identifier(name), Identifier(column))
            self._connection.execute(drop)
        for (index,) in self._fetch(INDEXES, (place,)):
            self._connection.execute(SQL("DROP INDEX {}").format(SQL(index)))
        columns = self._fetch(COLUMNS, (place,))
        differences = SQL(DIFFERENCES).format(
            columns=SQL(", ").join(Identifier(column) for column, _ in columns),
            table=Identifier(name),
            build=Identifier(build),
        )
        return Table(name, [column for column, is_key in columns if is_key], differences)

    def _fetch(self, query: str | Composed, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        text = query.encode() if isinstance(query, str) else query.as_bytes(self._connection)
        return RawCursor(self._connection).execute(text, params).fetchall()


def _can_be_made(history: Sequence[Told], destroyed: Collection[UUID]) -> bool:
    """Whether rows can be made again. Where the key is destroyed and the projection hasn't come to that yet,
    it still holds what can't be read any more."""
    if not history:
        return True
    last = history[-1].recorded
    if last is None:
        return False
    return last.session.erased_at is not None or last.session.visitor_id not in destroyed


def _set_aside(live: Live, session_id: UUID, fault: Fault) -> Finding:
    name = live.projection.name
    if fault.retry:
        what = f"its rows in the projection {name} are to be made anew: they aren't compared"
        return Finding(f"session {session_id}: {what}", session_id, is_fault=False)
    what = f"the projection {name} has set it aside, with all that follows: {fault.error}"
    where = f"session {session_id}, version {fault.version}"
    return Finding(f"{where}: {what}", session_id, fault.version, fault.position)


def _told(live: Live, table: Table, rows: Iterable[tuple[bool, Mapping[str, Any]]]) -> Iterator[Finding]:
    """Findings name columns, and never what is in them."""
    made: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    held: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for is_made, row in rows:
        (made if is_made else held)[tuple(row[column] for column in table.key)] = row
    for key in [*made, *(key for key in held if key not in made)]:
        row = made.get(key) or held[key]
        session_id, version = UUID(row["session_id"]), row.get("version")
        where = f"session {session_id}" + (f", version {version}" if version is not None else "")
        more = [f"{column} {row[column]}" for column in table.key if column not in ("session_id", "version")]
        place = ", ".join((f"the table {table.name} of the projection {live.projection.name}", *more))
        yield Finding(f"{where}: {place}: {_what(made.get(key), held.get(key))}", session_id, version)


def _what(made: Mapping[str, Any] | None, held: Mapping[str, Any] | None) -> str:
    if held is None:
        return "the row that the log makes is missing"
    if made is None:
        return "a row was added that the log doesn't make"
    return f"{', '.join(name for name in made if made[name] != held[name])}: not what the log makes"
