"""How far projections have come: eventsourcing's tracking, in one transaction with the rows."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from psycopg import Connection, RawCursor
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

STANDING = """
    SELECT application_name FROM {table}
    WHERE application_name = ANY(%s) AND notification_id = %s
    ORDER BY application_name FOR UPDATE
"""


class Overtaken(Exception):
    """Somebody else has moved what this process was about to move: what it knows is old."""


class ProjectionRecorder(PostgresTrackingRecorder):
    """Keeps each build's position as that of an application of the library's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = SQL("{}.{}").format(
            Identifier(self.datastore.schema), Identifier(self.tracking_table_name)
        )

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """A connection in a transaction. What is lost in a crash is made again: its commits needn't wait."""
        with self.datastore.pool.connection() as connection, connection.transaction():
            connection.execute("SET LOCAL synchronous_commit = off")
            yield connection

    @contextmanager
    def advancing(self, builds: Collection[str], before: int, after: int) -> Iterator[RawCursor[Any]]:
        """A transaction that moves builds from one position to another, with their rows. Raises Overtaken.

        A leader that has lost its lock without knowing can do no harm: it isn't where it believes to be.
        """
        with self.connection() as connection:
            query = SQL(STANDING).format(table=self.table)
            standing = connection.execute(query, (sorted(builds), before)).fetchall()
            if len(standing) < len(builds):
                raise Overtaken
            yield RawCursor(connection, row_factory=tuple_row)
            if after > before:
                with connection.cursor() as cursor:
                    for build in builds:
                        self._insert_tracking(cursor, Tracking(build, after))
