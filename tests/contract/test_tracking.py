"""Our tracking on eventsourcing's own test case, and what we ask of it beside."""

from collections.abc import Iterator

import psycopg
import pytest
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore
from eventsourcing.tests import persistence as library

from infrastructure.recorder import datastore
from projections.tracking import Overtaken, ProjectionRecorder
from tests.support.postgres import execute

TABLE = "tested_tracking"


class TestTracking(library.TrackingRecorderTestCase):
    """What the library expects of every recorder that tracks."""

    datastore: PostgresDatastore

    @pytest.fixture(autouse=True)
    def table(self, conninfo: str) -> Iterator[None]:
        self.datastore = datastore(conninfo, pool_size=2)
        yield
        self.datastore.close()
        execute(conninfo, f"DROP TABLE {TABLE}")

    def create_recorder(self) -> ProjectionRecorder:
        recorder = ProjectionRecorder(self.datastore, tracking_table_name=TABLE)
        recorder.create_table()
        return recorder


@pytest.fixture
def recorder(conninfo: str) -> Iterator[ProjectionRecorder]:
    connections = datastore(conninfo, pool_size=2)
    recorder = ProjectionRecorder(connections, tracking_table_name=TABLE)
    recorder.create_table()
    execute(conninfo, "CREATE TABLE rows (number int)")
    yield recorder
    connections.close()
    execute(conninfo, f"DROP TABLE rows; DROP TABLE {TABLE}")


def test_positions_move_with_the_rows_or_not_at_all(recorder: ProjectionRecorder, conninfo: str) -> None:
    recorder.insert_tracking(Tracking("a", 0))
    recorder.insert_tracking(Tracking("b", 0))

    with recorder.advancing(["a", "b"], 0, 7) as cursor:
        cursor.execute("INSERT INTO rows VALUES (1)")
    with pytest.raises(psycopg.Error), recorder.advancing(["a", "b"], 7, 9) as cursor:
        cursor.execute("INSERT INTO rows VALUES (2), ('no number')")

    assert execute(conninfo, "SELECT number FROM rows") == [(1,)]
    assert (recorder.max_tracking_id("a"), recorder.max_tracking_id("b")) == (7, 7)


def test_whoever_believes_to_be_elsewhere_moves_nothing(recorder: ProjectionRecorder, conninfo: str) -> None:
    recorder.insert_tracking(Tracking("a", 5))

    with pytest.raises(Overtaken), recorder.advancing(["a"], 4, 9) as cursor:
        cursor.execute("INSERT INTO rows VALUES (1)")

    assert recorder.max_tracking_id("a") == 5
    assert execute(conninfo, "SELECT number FROM rows") == []
