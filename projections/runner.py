"""Drives projections: reads the log in order and writes rows, many events at once, and each exactly once.

Builds that stand at the same position are read for together. An event that a projection can't digest is set
aside with its error, and with all that follows in its session there: the others go on.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

import psycopg
from psycopg import RawCursor
from psycopg.sql import SQL, Identifier

from domain.events import VisitorErased
from domain.log import LogReader, LogSource, Told
from domain.ports import Recorded
from projections.builds import Build, Builds, schema
from projections.projection import Change, Projection, array
from projections.tracking import Overtaken, ProjectionRecorder

logger = logging.getLogger(__name__)

MOST_EVENTS = 5_000
"""Events that are taken in at once."""

SET_ASIDE = """
    INSERT INTO projection_faults (build, session_id, version, position, topic, error)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (build, session_id) DO UPDATE SET version = excluded.version, position = excluded.position,
        topic = excluded.topic, error = excluded.error, at = now()
"""
# Where there is such a row by now, somebody has just asked that it be tried again: that stands.
# Read at every step, in no time worth saving: others write there, too, when a visitor is erased, and what
# they ask for must be known before anything more is taken in.
FAULTY = "SELECT build, session_id, retry FROM projection_faults"
FORGET_FAULT = "DELETE FROM projection_faults WHERE build = $1 AND session_id = $2"


class Unreadable(Exception):
    """The log itself can't be read there. Its text tells of the log alone."""


class Runner:
    """Takes what the log has into the tables of all builds. It blocks: it is for a thread or a process.

    `head` is the log's latest position, as its latest step has found it; `is_behind` says whether that step
    has left something for another.
    """

    def __init__(
        self, recorder: ProjectionRecorder, source: LogSource, builds: Builds, most: int = MOST_EVENTS
    ) -> None:
        self.head = 0
        self.is_behind = False
        self._recorder = recorder
        self._most = most
        self._source = source
        self._builds = builds
        self._readers: dict[int, LogReader] = {}
        self._ahead: dict[int, Future[tuple[LogReader, Sequence[Told]]]] = {}
        self._reading = ThreadPoolExecutor(1, "read-ahead")

    def step(self, names: Collection[str] | None = None) -> bool:
        """Take in a batch for each position at which builds stand, the furthest first: what is live doesn't
        wait for what is being built. Of the projections with these names alone, if they are given. Whether
        there may be more.

        Raises the library's errors where the database can't be reached.
        """
        led = self._builds.projections if names is None else names
        self.head = head = self._source.head()
        self.is_behind = False
        try:
            moved = [self._advance(*group) for group in self._groups(self._builds.ours(led), head)]
            self._retry(led)
        except Overtaken:
            # Code of another version has shown its own tables, or somebody else leads by now: time enough to
            # be told, and not to fight over it meanwhile.
            self._drop_readers()
            return False
        except BaseException:
            self._drop_readers()  # they have read what wasn't written
            raise
        self._settle(led, head)
        return any(moved)

    def _groups(self, builds: Sequence[Build], limit: int) -> Sequence[tuple[Sequence[Build], int]]:
        """Builds that stand at one place, and how far they can go before they meet others."""
        groups: list[tuple[Sequence[Build], int]] = []
        furthest_first = sorted(builds, key=attrgetter("position"), reverse=True)
        for position, group in groupby(furthest_first, key=attrgetter("position")):
            groups.append(([*group], limit))
            limit = position
        return groups

    def _advance(self, builds: Sequence[Build], limit: int) -> bool:
        position = builds[0].position
        if position >= limit:
            return False
        after, told = self._read(position, limit)
        names = [build.build for build in builds]
        with self._recorder.advancing(names, position, after) as cursor:
            faulty = {(build, session_id) for build, session_id, _ in cursor.execute(FAULTY)}
            for build in builds:
                fit = [each for each in told if (build.build, each.session_id) not in faulty]
                self._take_in(cursor, build, fit if faulty else told)
                if len(fit) < len(told):
                    left_out = [each for each in told if (build.build, each.session_id) in faulty]
                    self._forget(cursor, build, left_out)
        return True

    def _read(self, position: int, limit: int) -> tuple[int, Sequence[Told]]:
        """The next batch, and where it ends. The one after it is read while this one is written."""
        if ahead := self._ahead.pop(position, None):
            reader, told = ahead.result()
        else:
            reader = self._readers.pop(position, None) or self._source.reader(position)
            told = reader.read(limit, self._most)
        after = reader.position
        if after < limit:
            self.is_behind = True
            self._ahead[after] = self._reading.submit(_read_on, reader, limit, self._most)
        else:
            self._readers[after] = reader
        return after, told

    def _drop_readers(self) -> None:
        """Read anew from where the builds stand."""
        self._readers.clear()
        self._ahead.clear()

    # --- rows

    def _take_in(self, cursor: RawCursor[Any], build: Build, told: Sequence[Told]) -> None:
        projection = self._builds.projections[build.name]
        try:
            with cursor.connection.transaction(), schema(cursor.connection, build.build):
                write(cursor, projection, _recorded(told))
        except Exception as error:
            if is_of_the_server(error):
                raise
            self._take_in_apart(cursor, build, told)

    def _take_in_apart(self, cursor: RawCursor[Any], build: Build, told: Sequence[Told]) -> None:
        """Event by event in sessions that fail, to find the one that can't be digested."""
        projection = self._builds.projections[build.name]
        by_session: dict[UUID, list[Told]] = {}
        for each in told:
            by_session.setdefault(each.session_id, []).append(each)
        for session in by_session.values():
            if self._try(cursor, build, projection, session) is None:
                continue
            for each in session:
                if error := self._try(cursor, build, projection, [each]):
                    _set_aside(cursor, build, each, error)
                    self._forget(cursor, build, session)
                    break

    def _try(
        self, cursor: RawCursor[Any], build: Build, projection: Projection, told: Sequence[Told]
    ) -> str | None:
        """Take events in, or say why that can't be done."""
        try:
            with cursor.connection.transaction(), schema(cursor.connection, build.build):
                write(cursor, projection, _recorded(told))
        except Exception as error:
            if is_of_the_server(error):
                raise
            return _reason(error)
        return None

    def _forget(self, cursor: RawCursor[Any], build: Build, left_out: Sequence[Told]) -> None:
        """Of sessions that are set aside, have no rows once their visitor is erased: what would make them
        hold nothing that was said is itself among the events that are left out."""
        for each in left_out:
            if each.topic == VisitorErased.topic:
                self._delete_rows(cursor, build, each.session_id)

    # --- what happens seldom

    def _retry(self, led: Collection[str]) -> None:
        """Make the rows of sessions anew for which somebody has asked."""
        with self._recorder.connection() as connection:
            cursor = RawCursor(connection)
            asked = [(row["build"], row["session_id"]) for row in _faults(cursor) if row["retry"]]
        if asked:
            # They may remember keys that were destroyed since, which is why somebody asks.
            self._drop_readers()
        for name, session_id in asked:
            for build in self._builds.ours(led):
                if build.build == name:
                    self._make_anew(build, session_id)

    def _make_anew(self, build: Build, session_id: UUID) -> None:
        history = self._source.history(session_id, build.position)
        with self._recorder.advancing([build.build], build.position, build.position) as cursor:
            cursor.execute(FORGET_FAULT, (build.build, session_id))
            self._delete_rows(cursor, build, session_id)
            self._take_in(cursor, build, history)

    def _delete_rows(self, cursor: RawCursor[Any], build: Build, session_id: UUID) -> None:
        for table in self._builds.projections[build.name].tables:
            place = SQL("{}.{}").format(Identifier(build.build), Identifier(table))
            cursor.execute(SQL("DELETE FROM {} WHERE session_id = $1").format(place), (session_id,))

    def _settle(self, led: Collection[str], head: int) -> None:
        """Show what has caught up with what is live, or with the log where that isn't ours, and the views
        that a start had to leave; drop what isn't shown any more, or never will be."""
        # Code of another version, or somebody by hand, may have taken away what this code had begun.
        self._builds.begin_missing(led)
        builds = self._builds.ours(led)
        live = {build.name: build.position for build in builds if build.state == "live"}
        caught_up = [
            build
            for build in builds
            if build.state == "building" and build.position >= live.get(build.name, head)
        ]
        if caught_up:
            self._builds.swap_in(caught_up)
        self._builds.publish()
        self._builds.retire_abandoned(led)
        self._builds.drop_retired()


def _read_on(reader: LogReader, limit: int, most: int) -> tuple[LogReader, Sequence[Told]]:
    return reader, reader.read(limit, most)


def is_of_the_server(error: Exception) -> bool:
    """Whether an error says something of the server and nothing of what it was given, which may be more than
    it can take: its limits (54...) are of the same kind."""
    return isinstance(error, psycopg.OperationalError) and not (error.sqlstate or "").startswith("54")


def write(cursor: RawCursor[Any], projection: Projection, history: Sequence[Recorded]) -> None:
    """Write what a history changes, in tables that the search path names."""
    for name, rows in latest(projection, projection.changes(history)).items():
        columns = [array(column) for column in zip(*rows, strict=True)]
        cursor.execute(projection.writes[name].statement, columns)


def latest(projection: Projection, changes: Sequence[Change]) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    """The rows of each write, in the order of the writes: of changes to the same row, the last."""
    rows: dict[str, dict[tuple[Any, ...], tuple[Any, ...]]] = {}
    for name, row in changes:
        rows.setdefault(name, {})[row[: projection.writes[name].key]] = row
    return {name: [*rows[name].values()] for name in projection.writes if name in rows}


def _recorded(told: Sequence[Told]) -> Sequence[Recorded]:
    """Raises Unreadable."""
    history: list[Recorded] = []
    for each in told:
        if each.recorded is None:
            raise Unreadable(each.fault)
        history.append(each.recorded)
    return history


def _reason(error: Exception) -> str:
    """What is told of an error: its text may hold what was said, unless it is ours."""
    if isinstance(error, psycopg.Error):
        return f"{type(error).__name__} ({error.sqlstate or 'no code'})"
    return str(error) if isinstance(error, Unreadable) else type(error).__name__


def _set_aside(cursor: RawCursor[Any], build: Build, told: Told, error: str) -> None:
    logger.error(
        "%s can't digest version %d: %s",
        build.name,
        told.version,
        error,
        extra={"session_id": told.session_id},
    )
    row = (build.build, told.session_id, told.version, told.position, told.topic, error)
    cursor.execute(SET_ASIDE, row)


def _faults(cursor: RawCursor[Any]) -> Sequence[Mapping[str, Any]]:
    return cursor.execute(FAULTY).fetchall()
