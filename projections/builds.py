"""Builds: a projection's tables, in a schema of their own. While one is live, another can be made beside it.

    building --caught up--> live --another one has taken its place--> retired --dropped--> gone

Whoever reads does so through the views of the schemas `analytics` and `live`, which always show what is live.
A build is made anew when the code has a newer version of its projection, or when somebody asks for it.

Code of another version may run at the same time. It goes on with builds of its own versions, and the views
are of one code as a whole: they change hands once all that is live is of the versions that the new one has.
What is being built is retired when nobody has driven it for long, as after a return to an older release.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from time import monotonic
from typing import Any, Literal

import psycopg
from eventsourcing.persistence import Tracking
from msgspec import Struct
from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from projections.projection import Projection
from projections.reader import has_reader, make_reader
from projections.tracking import ProjectionRecorder

logger = logging.getLogger(__name__)

State = Literal["building", "live", "retired"]
Views = Callable[[Mapping[str, str]], Sequence[str]]
"""The statements that make the views, for the schema of each projection's live build."""

CREATE_PROJECTIONS = """
    CREATE TABLE IF NOT EXISTS projections (
        build text PRIMARY KEY,
        name text NOT NULL,
        version integer NOT NULL,
        state text NOT NULL CHECK (state IN ('building', 'live', 'retired')),
        began_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE UNIQUE INDEX IF NOT EXISTS projections_live ON projections (name) WHERE state = 'live';
    CREATE TABLE IF NOT EXISTS projection_faults (
        build text NOT NULL REFERENCES projections ON DELETE CASCADE,
        session_id uuid NOT NULL,
        version bigint NOT NULL,
        position bigint NOT NULL,
        topic text NOT NULL,
        error text NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        retry boolean NOT NULL DEFAULT false,
        PRIMARY KEY (build, session_id)
    );
    CREATE SEQUENCE IF NOT EXISTS projection_builds;
    CREATE TABLE IF NOT EXISTS projection_views (
        fingerprint text NOT NULL,
        single boolean PRIMARY KEY DEFAULT true CHECK (single)
    );
"""

CURRENT = """
    SELECT build, name, version, state, notification_id FROM projections
    JOIN {tracking} ON application_name = build ORDER BY began_at, build
"""

POSITIONS = """
    SELECT application_name, notification_id FROM {tracking}
    WHERE application_name = ANY(%s) ORDER BY application_name FOR UPDATE
"""
# What an older release has begun to build would never be shown, and holds what was said. What a newer one has
# begun is to take this one's place.
RETIRE = """
    UPDATE projections SET state = 'retired'
    WHERE name = %s AND build <> %s AND (state = 'live' OR version <= %s)
"""
RETIRE_ABANDONED = "UPDATE projections SET state = 'retired' WHERE build = %s AND state = 'building'"
TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%s)"
SHOW = "UPDATE projections SET state = 'live' WHERE build = %s"
SHOWN = "SELECT fingerprint FROM projection_views"
SHOW_VIEWS = """
    INSERT INTO projection_views (fingerprint) VALUES (%s)
    ON CONFLICT (single) DO UPDATE SET fingerprint = excluded.fingerprint
"""
REGISTER = "INSERT INTO projections (build, name, version, state) VALUES (%s, %s, %s, %s)"

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '200ms'"
"""Views and tables that somebody reads for long are replaced later: new readers would queue behind us."""

ABANDONED_SECONDS = 300.0
"""For how long nobody drives what code of another version has begun, until it is dropped: a release that is
being rolled out may be starting again."""


def lock_of(name: str, version: int) -> int:
    """The advisory lock of the one process that drives the builds of a projection's version."""
    digest = sha256(f"verbatim projection {name} {version}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


class Build(Struct, frozen=True):
    """Tables in a schema named like the build, with what has been taken in up to a position."""

    build: str
    name: str
    version: int
    state: State
    position: int


class Builds:
    """The builds of a database, for the projections of this code."""

    def __init__(self, recorder: ProjectionRecorder, projections: Sequence[Projection], views: Views) -> None:
        self.recorder = recorder
        self._views = views
        self._is_published = False
        self._undriven_since: dict[str, float] = {}
        self.projections = {projection.name: projection for projection in projections}

    def open(self) -> None:
        """Create what is missing, and have the views show what is live, unless somebody reads them for long:
        then whoever drives the builds has them do so. One process at a time may do it."""
        self.recorder.create_table()
        with self.recorder.connection() as connection:
            connection.execute(CREATE_PROJECTIONS)
        self.begin_missing(self.projections)
        with self.recorder.connection() as connection:
            make_reader(connection)
        if not self.publish():
            logger.warning("views are left as they were: they are made anew once nobody reads them for long")

    def all(self) -> Sequence[Build]:
        """All there are."""
        with self.recorder.connection() as connection:
            return _all(connection, self.recorder)

    def ours(self, names: Collection[str]) -> Sequence[Build]:
        """Those that this code takes events into, of the projections with these names."""
        return [
            build
            for build in self.all()
            if build.state != "retired" and build.name in names and self._is_ours(build)
        ]

    def newer(self) -> Sequence[Build]:
        """What is read of a later version than this code has, and so is for others to drive."""
        with self.recorder.connection() as connection:
            live = self._live(connection)
        return [build for build in live if build.version > self.projections[build.name].version]

    def begin_missing(self, names: Collection[str]) -> None:
        """Begin a build of each of these projections where there is none, or an older one."""
        builds = [build for build in self.all() if build.name in names]
        there = {build.name for build in builds if self._is_being_built(build) or self._is_as_new(build)}
        for name in names:
            if name not in there:
                self.begin(name)

    def begin(self, name: str) -> Build:
        """Begin a build, with tables that are empty: to be read at once where there is nothing else to read.

        One that is being made already is joined.
        """
        projection = self.projections[name]
        with self.recorder.connection() as connection:
            # Two who begin at the same time would both make one.
            connection.execute("LOCK TABLE projections IN SHARE ROW EXCLUSIVE MODE")
            of_it = [build for build in _all(connection, self.recorder) if build.name == name]
            if under_way := next(filter(self._is_being_built, of_it), None):
                return under_way
            state = "building" if any(build.state == "live" for build in of_it) else "live"
            number = _one(connection, "SELECT nextval('projection_builds')")
            build = Build(f"{name}_{number}", name, projection.version, state, 0)
            connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(build.build)))
            with schema(connection, build.build):
                for statements in projection.tables.values():
                    connection.execute(statements.encode())
            connection.execute(REGISTER, (build.build, name, build.version, state))
            with connection.cursor() as cursor:
                self.recorder._insert_tracking(cursor, Tracking(build.build, 0))
        return build

    def swap_in(self, builds: Sequence[Build]) -> bool:
        """Have builds take the places of the live ones, together. Not just now, if somebody is reading those
        for long, if they have gone further since, or if others of our code must be shown with them."""
        try:
            with self.recorder.connection() as connection:
                connection.execute(LOCK_TIMEOUT)
                if not self._may_be_shown(connection, builds):
                    return False
                for build in builds:
                    connection.execute(RETIRE, (build.name, build.build, build.version))
                    connection.execute(SHOW, (build.build,))
                self._publish(connection)
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    def publish(self) -> bool:
        """Have the views show what is live, if that hasn't been done yet. Not just now, if somebody is
        reading them for long."""
        if self._is_published:
            return True
        try:
            with self.recorder.connection() as connection:
                connection.execute(LOCK_TIMEOUT)
                self._publish(connection)
        except psycopg.errors.LockNotAvailable:
            return False
        self._is_published = True
        return True

    def _may_be_shown(self, connection: Connection[Any], builds: Sequence[Build]) -> bool:
        new = {build.name: build for build in builds}
        live = self._live(connection)
        if not all(self._is_ours(new.get(build.name, build)) for build in live):
            return False
        replaced = [build for build in live if build.name in new]
        names = [build.build for build in (*builds, *replaced)]
        query = SQL(POSITIONS).format(tracking=self.recorder.table)
        # Whoever drives the live ones waits until it is done: readers must not be shown less than before.
        rows = connection.execute(query, (names,)).fetchall()
        positions = {row["application_name"]: row["notification_id"] for row in rows}
        return len(positions) == len(names) and all(
            positions[new[build.name].build] >= positions[build.build] for build in replaced
        )

    def retire_abandoned(self, names: Collection[str]) -> None:
        """Retire what code of another version has begun to build of these projections, when nobody has driven
        it for long: it would forget no visitor. That code begins it anew, should it come back."""
        since, self._undriven_since = self._undriven_since, {}
        for build in self.all():
            if build.state != "building" or build.name not in names or self._is_ours(build):
                continue
            with self.recorder.connection() as connection:
                # Held until it is retired: nobody takes it up meanwhile.
                if not _one(connection, TRY_LOCK, lock_of(build.name, build.version)):
                    continue
                began = self._undriven_since[build.build] = since.get(build.build, monotonic())
                if monotonic() - began >= ABANDONED_SECONDS:
                    connection.execute(RETIRE_ABANDONED, (build.build,))
                    logger.warning(
                        "%s, of version %d, is dropped: it was being built, and nobody drives it any more",
                        *(build.build, build.version),
                    )

    def drop_retired(self) -> None:
        """Drop the tables that nobody is shown any more, as far as nobody reads them still."""
        for build in self.all():
            if build.state != "retired":
                continue
            try:
                with self.recorder.connection() as connection:
                    connection.execute(LOCK_TIMEOUT)
                    # Code of another version may have been first.
                    drop = SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(build.build))
                    connection.execute(drop)
                    connection.execute("DELETE FROM projections WHERE build = %s", (build.build,))
                    query = SQL("DELETE FROM {} WHERE application_name = %s").format(self.recorder.table)
                    connection.execute(query, (build.build,))
            except psycopg.errors.LockNotAvailable:
                pass

    def _live(self, connection: Connection[Any]) -> Sequence[Build]:
        """What is live, of all that this code has in any version."""
        builds = _all(connection, self.recorder)
        return [build for build in builds if build.state == "live" and build.name in self.projections]

    def _publish(self, connection: Connection[Any]) -> None:
        live = self._live(connection)
        if not all(map(self._is_ours, live)):
            return  # our views may want columns that these tables don't have: theirs stay
        statements = self._views({build.name: build.build for build in live})
        # Only if there is something new to show, or somebody new to show it to: making a view anew waits for
        # those who read it.
        told = "\0".join((*statements, str(has_reader(connection))))
        fingerprint = sha256(told.encode()).hexdigest()
        if connection.execute(SHOWN).fetchone() == {"fingerprint": fingerprint}:
            return
        for statement in statements:
            connection.execute(statement.encode())
        connection.execute(SHOW_VIEWS, (fingerprint,))

    def _is_ours(self, build: Build) -> bool:
        projection = self.projections.get(build.name)
        return projection is not None and projection.version == build.version

    def _is_as_new(self, build: Build) -> bool:
        return build.state == "live" and build.version >= self.projections[build.name].version

    def _is_being_built(self, build: Build) -> bool:
        return build.state == "building" and self._is_ours(build)


@contextmanager
def schema(connection: Connection[Any], name: str) -> Iterator[None]:
    """Meanwhile, in a transaction, tables are those of this schema."""
    connection.execute(SQL("SET LOCAL search_path = {}, pg_temp").format(Identifier(name)))
    yield
    connection.execute("SET LOCAL search_path TO DEFAULT")


def _all(connection: Connection[Any], recorder: ProjectionRecorder) -> Sequence[Build]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(SQL(CURRENT).format(tracking=recorder.table)).fetchall()
    return [Build(*row) for row in rows]


def _one(connection: Connection[Any], query: str, *params: Any) -> Any:
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query.encode(), params).fetchone()
    assert row is not None
    return row[0]
