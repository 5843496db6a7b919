"""Projections on a database, driven by hand or in a thread."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from infrastructure.keyring import MasterKey
from infrastructure.log_reader import PostgresLogSource
from infrastructure.postgres import schema_lock
from infrastructure.recorder import datastore
from projections.builds import Builds
from projections.catalogue import PROJECTIONS
from projections.projection import Projection
from projections.runner import Runner
from projections.tracking import ProjectionRecorder
from projections.views import views
from tests.support.postgres import execute
from tests.support.stores import MASTER_KEY


class Projecting:
    """A process that drives projections."""

    def __init__(self, conninfo: str, builds: Builds, runner: Runner) -> None:
        self.conninfo = conninfo
        self.builds = builds
        self.runner = runner

    def catch_up(self) -> None:
        """Take in all there is."""
        while self.runner.step():
            pass

    def rebuild(self) -> None:
        """Make all tables anew."""
        for name in self.builds.projections:
            self.builds.begin(name)
        self.catch_up()
        assert {build.state for build in self.builds.all()} == {"live"}

    def tables(self) -> dict[str, Sequence[Any]]:
        """All rows of what is live, in an order of their own, by projection and table."""
        return {
            f"{build.name}.{table}": execute(
                self.conninfo, f"SELECT row.* FROM {build.build}.{table} AS row ORDER BY row::text"
            )
            for build in self.builds.all()
            if build.state == "live"
            for table in self.builds.projections[build.name].tables
        }


def forget_all(conninfo: str) -> None:
    """Drop every table that was made from the log, and how far it had come."""
    for (build,) in execute(conninfo, "SELECT build FROM projections"):
        execute(conninfo, f"DROP SCHEMA {build} CASCADE")
    builds = "SELECT build FROM projections"
    execute(conninfo, f"DELETE FROM notification_tracking WHERE application_name IN ({builds})")
    execute(conninfo, "TRUNCATE projections, projection_faults, projection_views")


@contextmanager
def projecting(
    conninfo: str,
    projections: Sequence[Projection] = PROJECTIONS,
    most: int = 5000,
    show: Callable[..., Sequence[str]] = views,
) -> Iterator[Projecting]:
    """A process that takes in as much of the log at once."""
    connections = datastore(conninfo, pool_size=3)
    try:
        recorder = ProjectionRecorder(connections)
        builds = Builds(recorder, projections, show)
        with schema_lock(conninfo):
            builds.open()
        source = PostgresLogSource(connections.pool.connection, MasterKey(MASTER_KEY))
        yield Projecting(conninfo, builds, Runner(recorder, source, builds, most))
    finally:
        connections.close()


@contextmanager
def kept_projecting(conninfo: str) -> Iterator[None]:
    """Meanwhile, a thread takes in what is recorded, soon after it is."""
    is_over = threading.Event()

    def work() -> None:
        with projecting(conninfo) as process:
            while not is_over.wait(0.02):
                process.catch_up()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(30)
