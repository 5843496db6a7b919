"""Visitors chat with two nodes, or fall silent, while something goes wrong again and again.

Nothing is lost, and nothing doubled.

The full dose, each trouble 100 times: `make test-fuzz`.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from domain.events import (
    IdleWarningIssued,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    VisitorMessagePosted,
)
from tests.support.client import PAUSE_SECONDS, Client, SocketClient, StreamClient
from tests.support.postgres import OwnServer, execute
from tests.support.redis import RedisServer
from tests.support.service import Service, ServiceProcess, Visitor
from tests.support.waiting import until

QUESTIONS = ("What is a novated lease?", "Who owns the car?", "What running costs can be packaged?")
IMPATIENT = {"VERBATIM_IDLE_WARNING_SECONDS": "1", "VERBATIM_IDLE_END_SECONDS": "3"}
"""When those who fall silent are warned, and when their sessions end."""

ENDS_SILENCE = {
    event.topic for event in (VisitorMessagePosted, ReplyStarted, ReplyCompleted, ReplyFailed, ReplyStopped)
}

FROZEN_SECONDS = 4.0
"""Twice as long as whoever holds the deadlines is borne with."""

MESSAGES = 50
"""Of a conversation. Then whoever chats begins another one."""

INTERRUPTIONS = 1
"""How often a message is asked anew because its process has died."""


class Stage:
    """Two nodes on one database, told of each other by Redis or by PostgreSQL, and those who chat."""

    def __init__(
        self, conninfo: str, folder: Path, redis: RedisServer, own: OwnServer | None, **settings: str
    ) -> None:
        self.conninfo = conninfo
        self.redis = redis
        self.own = own
        self.clients: list[Client] = []
        self.services: list[Service | None] = [None, None]
        self.processes = [
            ServiceProcess(
                {
                    "DATABASE_URL": conninfo,
                    "REDIS_URL": redis.url if redis.is_running else "",
                    "VERBATIM_DATA_DIR": str(folder / "data"),
                    "VERBATIM_WORDS_PER_SECOND": "250",
                    "VERBATIM_CHUNK_WINDOW_MS": "20",
                    "VERBATIM_MESSAGES_PER_MINUTE": "10000",
                    "VERBATIM_MESSAGES_PER_SESSION": "100000",
                    "VERBATIM_GRACE_SECONDS": "1",
                    "VERBATIM_SESSIONS_PER_MINUTE": "10000",
                    **settings,
                },
                folder / f"log {number}",
            )
            for number in range(2)
        ]

    def nodes(self) -> Sequence[Service]:
        return [service for service in self.services if service is not None]

    async def start(self, number: int) -> None:
        self.services[number] = await self.processes[number].start()

    async def end(self, number: int, how: Callable[[ServiceProcess], Awaitable[object]]) -> None:
        self.services[number] = None
        await how(self.processes[number])

    async def open(self) -> None:
        await asyncio.gather(*(self.start(number) for number in range(2)))

    async def welcome(self, way: type[Client]) -> Client:
        """A visitor with a new session."""
        while True:
            with suppress(httpx.HTTPError, AssertionError, IndexError):
                visitor = await random.choice(self.nodes()).start_session()
                client = way(self.nodes, visitor.session_id, visitor.visitor_id)
                self.clients.append(client)
                return client
            await asyncio.sleep(PAUSE_SECONDS)

    async def close(self) -> None:
        for client in self.clients:
            await client.close()
        for process in self.processes:
            with suppress(AssertionError):
                await process.kill()

    async def terminate(self, application: str) -> None:
        """Have PostgreSQL cut connections off, by the name of what they are used for."""
        await asyncio.to_thread(
            execute,
            self.conninfo,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = %s AND datname = current_database()",
            application,
        )


# --- what can go wrong


async def a_node_is_killed(stage: Stage) -> None:
    number = random.randrange(2)
    await stage.end(number, ServiceProcess.kill)
    await stage.start(number)


async def the_nodes_are_restarted_in_turn(stage: Stage) -> None:
    for number in range(2):
        await stage.end(number, stop)
        await stage.start(number)


async def stop(process: ServiceProcess) -> None:
    assert await process.stop() == 0


async def sockets_are_dropped(stage: Stage) -> None:
    for client in stage.clients:
        client.drop()
        await asyncio.sleep(random.random() * 0.05)


async def redis_is_killed(stage: Stage) -> None:
    """And comes back empty: it keeps nothing on disk."""
    await stage.redis.kill()
    await stage.redis.start()


async def a_connection_is_cut_off(stage: Stage) -> None:
    await stage.terminate(f"verbatim-{random.choice(['listen', 'notify', 'log', 'presence'])}")


async def postgres_is_restarted(stage: Stage) -> None:
    """And serves again before anything else happens: else nobody would ever come to an end."""
    assert stage.own is not None
    await stage.own.control("restart", "-m", "immediate")
    for node in stage.nodes():
        await until(lambda node=node: is_ready(node), "a node to serve again")


async def a_node_is_frozen(stage: Stage) -> None:
    """For longer than whoever holds the deadlines is borne with."""
    process = stage.processes[random.randrange(2)].process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(FROZEN_SECONDS)
    finally:
        process.send_signal(signal.SIGCONT)


Trouble = Callable[[Stage], Awaitable[None]]
Visit = Callable[[Stage, type[Client], asyncio.Event], Coroutine[None, None, None]]


@asynccontextmanager
async def staged(trouble: Trouble, conninfo: str, folder: Path) -> AsyncIterator[Stage]:
    """A stage with what the trouble needs."""
    redis, own = RedisServer(folder), None
    async with AsyncExitStack() as opened:
        if trouble is redis_is_killed:
            await redis.start()
            opened.push_async_callback(redis.kill)
        if trouble is postgres_is_restarted:
            own = OwnServer()
            await own.start()
            opened.push_async_callback(own.stop)
        stage = Stage(own.conninfo if own else conninfo, folder, redis, own, **IMPATIENT)
        opened.push_async_callback(stage.close)
        await stage.open()
        yield stage


TROUBLES: Sequence[tuple[Trouble, int]] = [
    (a_node_is_killed, 3),
    (a_node_is_frozen, 1),
    (the_nodes_are_restarted_in_turn, 1),
    (sockets_are_dropped, 10),
    (redis_is_killed, 3),
    (a_connection_is_cut_off, 8),
    (postgres_is_restarted, 2),
]


async def go_through(
    trouble: Trouble,
    times: int,
    stage: Stage,
    visits: Sequence[Coroutine[None, None, None]],
    over: asyncio.Event,
) -> None:
    """Have visitors there for as long as there is trouble."""
    async with asyncio.TaskGroup() as visitors:
        for visit in visits:
            visitors.create_task(visit)
        for _ in range(times):
            await asyncio.sleep(random.random() * 0.4)  # at any moment of a reply
            await trouble(stage)
        over.set()


@asynccontextmanager
async def patience(client: Client) -> AsyncIterator[None]:
    """Wait for what a client waits for, but not for ever: else say how far it has come."""
    try:
        async with asyncio.timeout(60):
            yield
    except TimeoutError:
        latest = [*client.said.items()][-1:]
        raise AssertionError(
            f"{client.session_id} goes on no more: {type(client).__name__} at {client.cursor}, "
            f"{client.connections} connections, {client.warnings} warnings, {latest}"
        ) from None


async def chat(stage: Stage, way: type[Client], over: asyncio.Event) -> None:
    """Ask one question after another, until the trouble is over; and once more."""
    client = await stage.welcome(way)
    is_last = False
    while not is_last:
        is_last = over.is_set()
        # One that has ended was too long in trouble to say anything.
        if client.endings or len(client.said) == MESSAGES:
            client = await stage.welcome(way)
        async with patience(client):
            said = await client.begin_to_say(random.choice(QUESTIONS))
            await client.until(lambda client=client, said=said: said.is_over or client.endings > 0)


async def fall_silent(stage: Stage, way: type[Client], over: asyncio.Event) -> None:
    """Ask one question and say no more until the session has ended; and so on, until the trouble is over."""
    is_last = False
    while not is_last:
        is_last = over.is_set()
        client = await stage.welcome(way)
        async with patience(client):
            await client.begin_to_say(random.choice(QUESTIONS))
            await client.until(lambda client=client: client.endings > 0)


VISITS: Sequence[tuple[Visit, type[Client]]] = [
    *(3 * [(chat, SocketClient)]),
    (chat, StreamClient),
    (fall_silent, SocketClient),
    (fall_silent, StreamClient),
]


@pytest.mark.dosed
@pytest.mark.parametrize(
    ("trouble", "times"), [pytest.param(trouble, times, id=trouble.__name__) for trouble, times in TROUBLES]
)
async def test_nothing_is_lost_and_nothing_doubled_when(
    trouble: Trouble, times: int, full_dose: bool, new_conninfo: str, tmp_path: Path
) -> None:
    async with staged(trouble, new_conninfo, tmp_path) as stage:
        over = asyncio.Event()
        visits = [visit(stage, way, over) for visit, way in VISITS]

        await go_through(trouble, 100 if full_dose else times, stage, visits, over)

        assert len(stage.clients) >= len(VISITS)
        for client in stage.clients:
            await check(client, stage)
            await check_silence(client, stage)
        check_logs(stage)


async def check(client: Client, stage: Stage) -> None:
    """What a client has seen is what the log holds."""
    visitor = Visitor(stage.nodes()[0], client.session_id, client.visitor_id)
    await until(lambda: is_served(visitor), "the transcript to be readable")
    entries = (await visitor.transcript())["entries"]
    asked = [entry for entry in entries if entry["who"] == "visitor"]
    accepted = [said for said in client.said.values() if said.message_id]
    assert [entry["text"] for entry in asked] == [said.text for said in accepted]
    assert [entry["message_id"] for entry in asked] == [said.message_id for said in accepted]
    for said in accepted:
        replies = [entry for entry in entries if entry.get("message_id") == said.message_id][1:]
        *interrupted, last = replies
        assert [reply["outcome"] for reply in interrupted] == ["failed"] * len(interrupted)
        assert len(interrupted) <= INTERRUPTIONS
        assert said.texts == [reply.get("text", "") for reply in replies]
        assert last["outcome"] == ("failed" if said.failed else "completed")
        assert said.failed or said.whole == last["text"]
    versions = [version for version, _ in await events(client, stage)]
    assert versions == list(range(1, len(versions) + 1))


async def check_silence(client: Client, stage: Stage) -> None:
    """One warning at most in a spell of silence, one end at most, after a warning; frames say the same."""
    topics = [topic for _, topic in await events(client, stage)]
    warnings = 0
    for topic in topics:
        warnings = 0 if topic in ENDS_SILENCE else warnings + (topic == IdleWarningIssued.topic)
        assert warnings <= 1, topics
    endings = topics.count(SessionEnded.topic)
    assert endings <= 1
    assert not endings or (warnings, topics[-1]) == (1, SessionEnded.topic), topics
    assert client.endings <= endings
    if client.endings:  # else it may be told of more in a moment
        assert client.warnings == topics.count(IdleWarningIssued.topic)


async def events(client: Client, stage: Stage) -> list[tuple[int, str]]:
    """The versions and topics of a session's events."""
    return await asyncio.to_thread(
        execute,
        stage.conninfo,
        "SELECT originator_version, topic FROM stored_events WHERE originator_id = %s ORDER BY 1",
        client.session_id,
    )


def check_logs(stage: Stage) -> None:
    for process in stage.processes:
        for trace in ("ERROR", "Traceback", *QUESTIONS):
            assert trace not in process.output


async def is_served(visitor: Visitor) -> bool:
    return (await visitor.get("/transcript/")).status_code == 200


async def test_while_the_database_is_gone_sockets_stay_and_messages_are_refused_clearly(
    tmp_path: Path,
) -> None:
    own = OwnServer()
    await own.start()
    stage = Stage(own.conninfo, tmp_path, RedisServer(tmp_path), own)
    try:
        await stage.start(0)
        visitor = await stage.nodes()[0].start_session()
        async with visitor.socket() as socket:
            await socket.send(visitor.message(QUESTIONS[0]))
            before = await socket.receive_until("complete")
            await own.control("stop", "-m", "immediate")

            await socket.send(visitor.message("Are you there?", client_message_id="m-1"))
            refused = await socket.receive()
            await socket.send("ping")
            assert (await socket.receive())["type"] == "pong"
            await own.control("start")
            await until(lambda: is_served(visitor), "the log to be readable again")
            await until(lambda: is_ready(visitor.service), "the log to be writable again")
            await socket.send(visitor.message("Are you there?", client_message_id="m-1"))
            after = await socket.receive_until("complete")

        assert (refused["type"], refused["metadata"]["code"]) == ("error", "unavailable")
        said = [entry["text"] for entry in (await visitor.transcript())["entries"]]
        assert said == [QUESTIONS[0], before[-1]["message"], "Are you there?", after[-1]["message"]]
    finally:
        await stage.close()
        await own.stop()


async def is_ready(node: Service) -> bool:
    async with node.http() as http:
        return (await http.get("/health/ready")).status_code == 200
