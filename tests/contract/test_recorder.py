"""Our recorder on eventsourcing's own test cases, and what we ask of it beside."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.tests import persistence as library
from psycopg.conninfo import make_conninfo

from infrastructure.group_commit import GroupCommit
from infrastructure.logs import PostgresLog
from infrastructure.postgres import Database
from infrastructure.recorder import Recorder, datastore
from tests.support.postgres import execute, is_waited_for
from tests.support.waiting import until

TABLE = "recorded_events"


class OnPostgres:
    """The library's test cases on a table of our recorder's, made and dropped for each test."""

    datastore: PostgresDatastore

    @pytest.fixture(autouse=True)
    def table(self, conninfo: str) -> Iterator[None]:
        self.datastore = datastore(conninfo, pool_size=2, max_overflow=12)
        yield
        self.datastore.close()
        execute(conninfo, f"DROP TABLE {TABLE}")

    def create_recorder(self) -> Recorder:
        recorder = Recorder(self.datastore, events_table_name=TABLE)
        recorder.create_table()
        return recorder


class TestApplicationRecorder(OnPostgres, library.ApplicationRecorderTestCase[Recorder]):
    """What the library expects of every recorder of an application."""

    def test_insert_subscribe(self) -> None:
        super().optional_test_insert_subscribe()


class TestNonInterleavingNotificationIDs(OnPostgres, library.NonInterleavingNotificationIDsBaseCase):
    """What the library expects of the order of positions where two appends race."""


# --- ours


@pytest.fixture
def recorder(conninfo: str) -> Iterator[Recorder]:
    """A recorder on the service's own table."""
    recorder = Recorder(datastore(conninfo, pool_size=1, max_overflow=4))
    recorder.create_table()
    yield recorder
    recorder.datastore.close()


@pytest.fixture
async def group_commit(conninfo: str, recorder: Recorder) -> AsyncIterator[GroupCommit]:
    group_commit = GroupCommit(conninfo, recorder)
    await group_commit.open()
    yield group_commit
    await group_commit.close()


def row(stream: UUID, version: int, state: bytes = b"{}") -> StoredEvent:
    return StoredEvent(stream, version, "tested.v1", state)


def nobody() -> None:
    """Nobody needs to know."""


def test_there_is_no_function_that_inserts_without_a_lock(recorder: Recorder, conninfo: str) -> None:
    assert recorder.sql_create_pg_function_insert_events not in recorder.sql_create_statements

    functions = execute(conninfo, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")

    assert functions == []


def test_the_library_connects_by_the_whole_conninfo(conninfo: str) -> None:
    whole = make_conninfo(conninfo, application_name="verbatim-tables", options="-c work_mem=5MB")
    store = datastore(whole)

    with store.get_connection() as connection:
        row = connection.execute(
            "SELECT current_setting('application_name') AS name, current_setting('work_mem') AS memory"
        ).fetchone()

    assert row == {"name": "verbatim-tables", "memory": "5MB"}
    store.close()


async def test_all_tables_are_made_in_the_schema_that_the_conninfo_asks_for(new_conninfo: str) -> None:
    execute(new_conninfo, "CREATE SCHEMA chat")
    in_public = tables(new_conninfo, "public")
    conninfo = make_conninfo(new_conninfo, options="-c search_path=chat")

    log = PostgresLog(conninfo, Database(conninfo))
    await log.open()
    stream = uuid4()
    await log.append([row(stream, 1)], nobody)
    await log.close()

    assert tables(new_conninfo, "chat") == in_public
    assert execute(new_conninfo, "SELECT originator_id FROM chat.stored_events") == [(stream,)]
    assert execute(new_conninfo, "SELECT originator_id FROM public.stored_events") == []


def tables(conninfo: str, schema: str) -> set[str]:
    """The names of all tables in a schema."""
    found = execute(conninfo, "SELECT tablename FROM pg_tables WHERE schemaname = %s", schema)
    return {name for (name,) in found}


def test_each_event_is_told_its_own_position(recorder: Recorder) -> None:
    one, two = uuid4(), uuid4()
    events = [row(one, 1), row(two, 1), row(one, 2), row(two, 2), row(two, 3)]

    positions = recorder.insert_events(events)

    assert positions is not None
    for event, position in zip(events, positions, strict=True):
        (notification,) = recorder.select_notifications(start=position, limit=1)
        assert (notification.originator_id, notification.originator_version) == (
            event.originator_id,
            event.originator_version,
        )


@pytest.mark.parametrize("versions", [(2,), (1, 3), (2, 1), (1, 1), (-1,), (7, 8)])
def test_a_stream_gets_no_holes(recorder: Recorder, versions: tuple[int, ...]) -> None:
    stream, other = uuid4(), uuid4()

    with pytest.raises(IntegrityError):
        recorder.insert_events([row(other, 1), *(row(stream, version) for version in versions)])

    assert recorder.select_events(stream) == []
    assert recorder.select_events(other) == [], "all or none"


def test_a_stream_begins_at_0_or_at_1_and_goes_on_from_there(recorder: Recorder) -> None:
    zero, one = uuid4(), uuid4()

    for stream, first in ((zero, 0), (one, 1)):
        recorder.insert_events([row(stream, first), row(stream, first + 1)])
        recorder.insert_events([row(stream, first + 2)])
        with pytest.raises(IntegrityError):
            recorder.insert_events([row(stream, 0)])

    assert [event.originator_version for event in recorder.select_events(zero)] == [0, 1, 2]
    assert [event.originator_version for event in recorder.select_events(one)] == [1, 2, 3]


async def test_the_library_reads_what_we_wrote(recorder: Recorder, group_commit: GroupCommit) -> None:
    stream = uuid4()
    before = recorder.max_notification_id() or 0

    await asyncio.gather(
        group_commit.append([row(stream, 1, b"\x00\xff"), row(stream, 2)], nobody),
        group_commit.append([row(uuid4(), 1)], nobody),
    )

    assert recorder.select_events(stream) == [row(stream, 1, b"\x00\xff"), row(stream, 2)]
    assert len(recorder.select_notifications(start=before + 1, limit=10)) == 3


async def test_analyze_stops_no_append_as_it_would_stop_the_library_s_own(
    conninfo: str, recorder: Recorder, group_commit: GroupCommit
) -> None:
    stock = PostgresApplicationRecorder(datastore(conninfo))
    stock.datastore.register_type_adapters()
    inserting = threading.Thread(target=stock.insert_events, args=([row(uuid4(), 1)],))

    with psycopg.connect(conninfo) as analyzing:
        analyzing.execute("ANALYZE stored_events")  # and hold its lock until the end of the transaction

        async with asyncio.timeout(20):
            await group_commit.append([row(uuid4(), 1)], nobody)
        recorder.insert_events([row(uuid4(), 1)])

        inserting.start()
        pid = analyzing.info.backend_pid
        await until(lambda: is_waited_for(conninfo, pid), "the library's own append to wait")
        assert inserting.is_alive()

    await asyncio.to_thread(inserting.join, 10)
    assert not inserting.is_alive()
    stock.datastore.close()


async def test_whoever_reads_on_from_the_last_position_misses_nothing_while_several_write(
    conninfo: str, recorder: Recorder, group_commit: GroupCommit
) -> None:
    another = GroupCommit(conninfo, recorder)
    await another.open()
    start = recorder.max_notification_id() or 0
    total = 2 * 200 + 50
    seen: list[int] = []

    def read_on() -> None:
        while len(seen) < total:
            after = seen[-1] if seen else start
            news = recorder.select_notifications(start=after, limit=1000, inclusive_of_start=False)
            seen.extend(notification.id for notification in news)

    def write() -> None:
        for _ in range(50):
            recorder.insert_events([row(uuid4(), 1)])

    async def write_in_groups(writer: GroupCommit) -> None:
        for _ in range(20):
            await asyncio.gather(*(writer.append([row(uuid4(), 1)], nobody) for _ in range(10)))

    async with asyncio.timeout(30):
        await asyncio.gather(
            asyncio.to_thread(read_on),
            asyncio.to_thread(write),
            write_in_groups(group_commit),
            write_in_groups(another),
        )
    await another.close()

    query = "SELECT notification_id FROM stored_events WHERE notification_id > %s ORDER BY 1"
    rows = execute(conninfo, query, start)
    assert seen == [position for (position,) in rows]
