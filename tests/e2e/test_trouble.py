"""Visitors chat with two nodes while something goes wrong, again and again: nothing is lost, nothing doubled.

The full dose, each trouble 100 times: `make test-fuzz`.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.postgres import OwnServer, execute
from tests.support.redis import RedisServer
from tests.support.service import Service, ServiceProcess, Visitor
from tests.support.waiting import until

QUESTIONS = ("What is a novated lease?", "Who owns the car?", "What running costs can be packaged?")
VISITORS = 6


class Stage:
    """Two nodes on one database, told of each other by Redis or by PostgreSQL, and those who chat."""

    def __init__(
        self, conninfo: str, folder: Path, redis: RedisServer, *, own: OwnServer | None = None
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
                    "VERBATIM_GRACE_SECONDS": "1",
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
        for _ in range(VISITORS):
            visitor = await self.nodes()[0].start_session()
            self.clients.append(Client(self.nodes, visitor.session_id, visitor.visitor_id))

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
    await stage.redis.kill()
    await stage.redis.start()


async def a_connection_is_cut_off(stage: Stage) -> None:
    await stage.terminate(f"verbatim-{random.choice(['listen', 'notify', 'log', 'presence'])}")


async def postgres_is_restarted(stage: Stage) -> None:
    assert stage.own is not None
    await stage.own.control("restart", "-m", "immediate")


Trouble = Callable[[Stage], Awaitable[None]]


@pytest.fixture
async def stage(request: pytest.FixtureRequest, new_conninfo: str, tmp_path: Path) -> AsyncIterator[Stage]:
    trouble: Trouble = request.param
    redis, own = RedisServer(tmp_path), None
    async with AsyncExitStack() as opened:
        if trouble is redis_is_killed:
            await redis.start()
            opened.push_async_callback(redis.kill)
        if trouble is postgres_is_restarted:
            own = OwnServer()
            await own.start()
            opened.push_async_callback(own.stop)
        stage = Stage(own.conninfo if own else new_conninfo, tmp_path, redis, own=own)
        opened.push_async_callback(stage.close)
        await stage.open()
        yield stage


TROUBLES: Sequence[tuple[Trouble, int]] = [
    (a_node_is_killed, 3),
    (the_nodes_are_restarted_in_turn, 1),
    (sockets_are_dropped, 10),
    (redis_is_killed, 3),
    (a_connection_is_cut_off, 8),
    (postgres_is_restarted, 2),
]


@pytest.mark.dosed
@pytest.mark.parametrize(
    ("stage", "trouble", "times"),
    [pytest.param(trouble, trouble, times, id=trouble.__name__) for trouble, times in TROUBLES],
    indirect=["stage"],
)
async def test_nothing_is_lost_and_nothing_doubled_when(
    stage: Stage, trouble: Trouble, times: int, full_dose: bool
) -> None:
    over = asyncio.Event()
    chatting = [asyncio.create_task(chat(client, over)) for client in stage.clients]

    for _ in range(100 if full_dose else times):
        await asyncio.sleep(random.random() * 0.4)  # at any moment of a reply
        await trouble(stage)
        for chat_task in chatting:
            assert not chat_task.done(), chat_task
    over.set()
    await asyncio.gather(*chatting)

    for client in stage.clients:
        await check(client, stage)
    for process in stage.processes:
        for trace in ("ERROR", "Traceback", *QUESTIONS):
            assert trace not in process.output


async def chat(client: Client, over: asyncio.Event) -> None:
    """Ask one question after another, until the trouble is over; and once more."""
    count = 0
    is_last = False
    while not is_last:
        is_last = over.is_set()
        async with asyncio.timeout(60):
            await client.say(QUESTIONS[count % len(QUESTIONS)])
        count += 1


async def check(client: Client, stage: Stage) -> None:
    """What a client has seen is what the log holds."""
    visitor = Visitor(stage.nodes()[0], client.session_id, client.visitor_id)
    await until(lambda: is_served(visitor), "the transcript to be readable")
    entries = (await visitor.transcript())["entries"]
    asked = [entry for entry in entries if entry["who"] == "visitor"]
    assert [entry["text"] for entry in asked] == [said.text for said in client.said.values()]
    assert [entry["message_id"] for entry in asked] == [said.message_id for said in client.said.values()]
    for said in client.said.values():
        replies = [entry for entry in entries if entry.get("message_id") == said.message_id][1:]
        *interrupted, last = replies
        assert [reply["outcome"] for reply in interrupted] == ["failed"] * len(interrupted)
        assert len(interrupted) <= 1, "it is answered anew once"
        assert said.texts == [reply.get("text", "") for reply in replies]
        assert last["outcome"] == ("failed" if said.failed else "completed")
        assert said.failed or said.whole == last["text"]
    rows = await asyncio.to_thread(
        execute,
        stage.conninfo,
        "SELECT originator_version FROM stored_events WHERE originator_id = %s ORDER BY 1",
        client.session_id,
    )
    assert [version for (version,) in rows] == list(range(1, len(rows) + 1))


async def is_served(visitor: Visitor) -> bool:
    return (await visitor.get("/transcript/")).status_code == 200


async def test_while_the_database_is_gone_sockets_stay_and_messages_are_refused_clearly(
    tmp_path: Path,
) -> None:
    own = OwnServer()
    await own.start()
    stage = Stage(own.conninfo, tmp_path, RedisServer(tmp_path), own=own)
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
            await until(lambda: is_ready(visitor), "the log to be writable again")
            await socket.send(visitor.message("Are you there?", client_message_id="m-1"))
            after = await socket.receive_until("complete")

        assert (refused["type"], refused["metadata"]["code"]) == ("error", "unavailable")
        said = [entry["text"] for entry in (await visitor.transcript())["entries"]]
        assert said == [QUESTIONS[0], before[-1]["message"], "Are you there?", after[-1]["message"]]
    finally:
        await stage.close()
        await own.stop()


async def is_ready(visitor: Visitor) -> bool:
    async with visitor.service.http() as http:
        return (await http.get("/health/ready")).status_code == 200
