"""The group-committing writer: each command is recorded as if it were alone, in the order of their coming."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from psycopg.conninfo import make_conninfo

from domain.errors import Conflict, Unavailable
from infrastructure.group_commit import MAX_BATCH_BYTES, GroupCommit
from infrastructure.pipeline import SINCE_SERVER, Pipeline, Statement
from infrastructure.recorder import Recorder
from tests.support.postgres import execute
from tests.support.rows import as_recorded, nobody, outcomes, recorded, row
from tests.support.waiting import until


@pytest.fixture
async def writer(conninfo: str, recorder: Recorder) -> AsyncIterator[GroupCommit]:
    writer = GroupCommit(conninfo, recorder)
    await writer.open()
    yield writer
    await writer.close()


# --- batches


async def test_a_conflict_fails_its_own_stream_alone(conninfo: str, writer: GroupCommit) -> None:
    streams = [uuid4() for _ in range(10)]
    await asyncio.gather(*(writer.append([row(stream, 1)], nobody) for stream in streams))

    versions = [1 if number == 4 else 3 if number == 7 else 2 for number in range(10)]
    places = zip(streams, versions, strict=True)
    ends = await outcomes([writer.append([row(stream, version)], nobody) for stream, version in places])

    assert ends == [Conflict if version != 2 else None for version in versions]
    assert [len(recorded(conninfo, stream)) for stream in streams] == [
        1 if version != 2 else 2 for version in versions
    ]


async def test_what_is_recorded_is_so_for_all_though_one_can_t_be_told(
    conninfo: str, writer: GroupCommit, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ValueError("something that was said")

    streams = [uuid4() for _ in range(3)]
    told: list[UUID] = []
    commands = [writer.append([row(streams[0], 1)], broken)]
    commands += [
        writer.append([row(stream, 1)], lambda stream=stream: told.append(stream)) for stream in streams[1:]
    ]

    assert await outcomes(commands) == [None] * 3
    assert told == streams[1:]
    assert all(len(recorded(conninfo, stream)) == 1 for stream in streams)
    assert [record.message for record in caplog.records] == ["what was recorded isn't passed on"]


async def test_a_batch_is_no_larger_than_a_socket_takes_at_once(conninfo: str, writer: GroupCommit) -> None:
    streams = [uuid4() for _ in range(40)]
    large = [
        StoredEvent(stream, 1, "tested.v1", b"%d" % number * 5_000) for number, stream in enumerate(streams)
    ]
    larger = StoredEvent(uuid4(), 1, "tested.v1", bytes(2 * MAX_BATCH_BYTES))

    ends = await outcomes([writer.append([one], nobody) for one in (*large, larger)])

    assert set(ends) == {None}
    query = (
        "SELECT count(*), sum(length(state)) FROM stored_events "
        "WHERE originator_id = ANY(%s) GROUP BY xmin::text ORDER BY 2"
    )
    *batches, alone = execute(conninfo, query, [*streams, larger.originator_id])
    assert sum(count for count, _ in batches) == len(streams)
    assert all(size <= MAX_BATCH_BYTES for _, size in batches)
    assert any(count > 1 for count, _ in batches)
    assert alone == (1, 2 * MAX_BATCH_BYTES)


async def test_a_writer_that_freezes_in_mid_round_keeps_the_lock_for_seconds_only(
    conninfo: str, recorder: Recorder, writer: GroupCommit
) -> None:
    lock = Statement("lock", recorder.lock_statement, 0)
    frozen = await Pipeline.connect(conninfo, (lock,))
    pgconn = frozen._pgconn
    if pgconn.server_version < SINCE_SERVER:
        pytest.skip("an older server waits for whoever is frozen")
    pgconn.send_query_prepared(lock.name, (), ())
    pgconn.send_flush_request()
    pgconn.flush()
    held = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = %s AND granted"
    await until(lambda: bool(execute(conninfo, held, pgconn.backend_pid)), "the lock to be held")

    assert await outcomes([writer.append([row(uuid4(), 1)], nobody)]) == [None]
    await frozen.close()


async def test_commands_of_one_stream_are_recorded_in_the_order_of_their_coming(
    conninfo: str, writer: GroupCommit
) -> None:
    stream = uuid4()
    rows = [row(stream, version) for version in range(1, 31)]
    told: list[int] = []

    ends = await outcomes(
        [
            writer.append(pair, lambda last=pair[1]: told.append(last.originator_version))
            for pair in zip(rows[::2], rows[1::2], strict=True)
        ]
    )

    assert set(ends) == {None}
    assert told == list(range(2, 31, 2))
    assert recorded(conninfo, stream) == as_recorded(*rows)


async def test_of_two_commands_for_one_place_the_first_one_wins(conninfo: str, writer: GroupCommit) -> None:
    stream = uuid4()
    first, second, third = row(stream, 1), row(stream, 1), row(stream, 2)

    ends = await outcomes([writer.append([one], nobody) for one in (first, second, third)])

    assert ends == [None, Conflict, None]
    assert recorded(conninfo, stream) == as_recorded(first, third)


async def test_what_builds_on_a_command_that_lost_is_lost_too(conninfo: str, writer: GroupCommit) -> None:
    stream = uuid4()
    await writer.append([theirs := row(stream, 1)], nobody)

    ends = await outcomes([writer.append([row(stream, version)], nobody) for version in (1, 3, 4)])

    assert ends == [Conflict, Conflict, Conflict]
    assert recorded(conninfo, stream) == as_recorded(theirs)


async def test_a_command_that_the_server_dislikes_fails_alone(conninfo: str, writer: GroupCommit) -> None:
    streams = [uuid4() for _ in range(8)]

    ends = await outcomes(
        [
            writer.append([row(stream, 1, "no\x00good" if number == 3 else "tested.v1")], nobody)
            for number, stream in enumerate(streams)
        ]
    )

    assert ends == [Unavailable if number == 3 else None for number in range(8)]
    assert [len(recorded(conninfo, stream)) for stream in streams] == [
        int(number != 3) for number in range(8)
    ]


async def test_a_command_that_cannot_even_be_sent_leaves_the_writer_alive(
    conninfo: str, writer: GroupCommit
) -> None:
    (end,) = await outcomes([writer.append([row(uuid4(), 1, "\ud800")], nobody)])
    stream = uuid4()

    assert end is Unavailable
    async with asyncio.timeout(20):
        await writer.append([row(stream, 1)], nobody)
    assert len(recorded(conninfo, stream)) == 1


async def test_a_thousand_streams_are_recorded_at_once(conninfo: str, writer: GroupCommit) -> None:
    streams = [uuid4() for _ in range(1500)]

    ends = await outcomes([writer.append([row(stream, 1), row(stream, 2)], nobody) for stream in streams])

    assert set(ends) == {None}
    ((rows,),) = execute(
        conninfo, "SELECT count(*) FROM stored_events WHERE originator_id = ANY (%s)", streams
    )
    assert rows == 3000


# --- beginning and ending


async def test_nothing_is_opened_where_there_is_no_server(recorder: Recorder, conninfo: str) -> None:
    writer = GroupCommit(make_conninfo(conninfo, host="/nowhere"), recorder)

    with pytest.raises(Unavailable):
        await writer.open()


async def test_closing_finishes_what_is_under_way_and_refuses_the_rest(
    conninfo: str, recorder: Recorder
) -> None:
    writer = GroupCommit(conninfo, recorder)
    await writer.open()
    under_way, pending, late = uuid4(), uuid4(), uuid4()

    with psycopg.connect(conninfo) as busy:
        busy.execute(recorder.lock_statement)
        first = writer.append([row(under_way, 1)], nobody)
        await until(lambda: is_waiting(conninfo), "the commit to be under way")
        second = writer.append([row(pending, 1)], nobody)
        closing = asyncio.create_task(writer.close())
        await asyncio.sleep(0)
        third = writer.append([row(late, 1)], nobody)
        assert await outcomes([second, third]) == [Unavailable, Unavailable]
        assert not first.done()
    await closing

    assert await outcomes([first]) == [None]
    assert [len(recorded(conninfo, stream)) for stream in (under_way, pending, late)] == [1, 0, 0]


def is_waiting(conninfo: str) -> bool:
    """Whether a writer waits for the lock of the log."""
    ((waiting,),) = execute(
        conninfo,
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'verbatim-log' "
        "AND datname = current_database() AND wait_event_type = 'Lock'",
    )
    return waiting > 0
