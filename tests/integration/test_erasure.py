"""Erasing a visitor: at any node, at once for all of them, whatever else is going on; and what is left."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from eventsourcing.persistence import StoredEvent
from websockets.exceptions import ConnectionClosed

import api.erasure
import domain.erasure
from domain.conversations import Conversations, Rules
from domain.erasure import Erasure
from domain.errors import KeyDestroyed, SessionError
from domain.events import ReplyFailed, SessionEnded, SessionStarted, VisitorErased, VisitorMessagePosted
from infrastructure.background import for_ever
from infrastructure.clock import SystemClock
from infrastructure.doorbells import LocalDoorbell
from infrastructure.event_store import SessionStore
from infrastructure.keyring import WrappedKeyring
from infrastructure.postgres import Database
from projections.forgetting import Tables
from tests.support.assistants import Echo
from tests.support.postgres import execute
from tests.support.projecting import kept_projecting, projecting
from tests.support.puppet import Puppet
from tests.support.service import Service, Visitor, complaints, served
from tests.support.stores import MASTER_KEY, Stores
from tests.support.waiting import until

TOKEN = "a-token-for-operators"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
SOON = 2.0
"""Seconds after which no node says anything of a visitor who is erased."""


def settings_of(data_dir: Path) -> Mapping[str, str]:
    return {
        "VERBATIM_DATA_DIR": str(data_dir),
        "VERBATIM_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
        "VERBATIM_OPERATOR_TOKEN": TOKEN,
        "VERBATIM_CHUNK_WINDOW_MS": "5",
    }


class Nodes(NamedTuple):
    """Two nodes, and the assistant of each."""

    here: Service
    there: Service
    puppet: Puppet
    other_puppet: Puppet

    def everywhere(self, visitor: Visitor) -> Sequence[Visitor]:
        """The same visitor, at each of the nodes."""
        return [Visitor(node, visitor.session_id, visitor.visitor_id) for node in (self.here, self.there)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nodes(conninfo: str, data_dir: Path) -> AsyncIterator[Nodes]:
    settings, puppets = settings_of(data_dir), (Puppet(), Puppet())
    async with AsyncExitStack() as running:
        here, there = [
            await running.enter_async_context(served(conninfo, data_dir, puppet, settings))
            for puppet in puppets
        ]
        yield Nodes(here, there, *puppets)


@pytest.fixture(scope="module")
def projected(conninfo: str) -> Iterator[None]:
    with kept_projecting(conninfo):
        yield


async def erase(node: Service, visitor_id: UUID, headers: Mapping[str, str] = OPERATOR) -> httpx.Response:
    async with node.http() as http:
        return await http.delete(f"/api/audit/visitors/{visitor_id}/", headers=headers)


async def say(visitor: Visitor, text: str) -> httpx.Response:
    async with visitor.service.http() as http:
        return await http.post(visitor.path + "/messages/", json={"message": text}, headers=visitor.headers)


# --- at every node


@pytest.mark.usefixtures("projected")
@pytest.mark.parametrize("asked_here", [True, False])
async def test_a_live_socket_is_told_that_the_session_ends_and_is_closed(
    nodes: Nodes, asked_here: bool
) -> None:
    visitor = await nodes.there.start_session()
    async with visitor.socket() as socket:
        await socket.send(visitor.message("Secret |never"))
        await socket.receive()

        answer = await erase(nodes.here if asked_here else nodes.there, visitor.visitor_id)

        assert answer.status_code == 200, answer.text
        frames = await socket.receive_until("session_end")
        assert frames[0]["metadata"]["finish_reason"] == "stopped"
        assert (await socket.receive())["metadata"]["code"] == "session_erased"
        with pytest.raises(ConnectionClosed):
            await socket.receive()
        assert socket.connection.close_code == 4410
    await until(lambda: nodes.other_puppet.speaking == 0, "the assistant to be stopped")


@pytest.mark.usefixtures("projected")
async def test_soon_no_node_gives_any_of_it_to_anybody(nodes: Nodes) -> None:
    visitor = await nodes.here.start_session()
    said = (await say(visitor, "Secret email=ann@example.com")).json()
    for one in nodes.everywhere(visitor):
        async with one.socket(after="0.0") as socket:  # so that each node knows all of it
            assert "Secret" in str(await socket.receive_until("complete"))

    await erase(nodes.here, visitor.visitor_id)

    for one in nodes.everywhere(visitor):
        await until(lambda one=one: is_forgotten(one, said["metadata"]["cursor"]), "a node to forget", SOON)


async def is_forgotten(visitor: Visitor, cursor: str) -> bool:
    """Whether every way to what was said is closed, and says nothing of it."""
    answers = [await visitor.get(path) for path in ("/", "/transcript/", "/stream/", "/stream/?after=1.0")]
    answers.append(await say(visitor, "Hello?"))
    async with visitor.socket(after=cursor) as socket:
        greeting = socket.greeting
    told = "".join(answer.text for answer in answers) + str(greeting)
    return (
        {answer.status_code for answer in answers} == {410}
        and greeting.get("metadata", {}).get("code") == "session_erased"
        and "Secret" not in told
        and "ann@example.com" not in told
    )


@pytest.mark.usefixtures("projected")
async def test_who_comes_back_with_the_old_id_is_somebody_new(nodes: Nodes) -> None:
    visitor = await nodes.here.start_session()
    await erase(nodes.there, visitor.visitor_id)

    async with nodes.here.http() as http:
        again = await http.post("/api/chats/sessions/", json={"visitor_id": str(visitor.visitor_id)})

    assert again.status_code == 201
    assert again.json()["visitor_id"] != str(visitor.visitor_id)


# --- the receipt


@pytest.mark.usefixtures("projected")
async def test_the_receipt_says_what_an_auditor_can_check_later(nodes: Nodes, conninfo: str) -> None:
    visitor = await nodes.here.start_session()
    await say(visitor, "Secret")

    receipt = (await erase(nodes.here, visitor.visitor_id)).json()

    (session,) = receipt.pop("sessions")
    head = await head_of(conninfo, visitor.session_id)
    assert (session["session_id"], session["version"], session["hash"]) == (
        str(visitor.session_id),
        *head[1:],
    )
    assert datetime.fromisoformat(session["erased_at"]) <= datetime.fromisoformat(receipt["erased_at"])
    assert receipt == {
        "visitor_id": str(visitor.visitor_id),
        "erased_at": receipt["erased_at"],
        "key": "destroyed",
        "position": head[0],
        "projections": "purged",
        "purged": [
            {"name": name, "position": head[0]}
            for name in ("analytics", "conversation_data", "sessions", "transcripts")
        ],
    }


async def head_of(conninfo: str, session_id: UUID) -> tuple[int, int, str]:
    """Position, version and hash of a session's last event, told from the table as an auditor would."""
    (row,) = execute(
        conninfo,
        "SELECT notification_id, originator_version, encode(sha256(uuid_send(originator_id) "
        "|| int8send(originator_version) || convert_to(topic, 'UTF8') || '\\x00'::bytea || state), 'hex') "
        "FROM stored_events WHERE originator_id = %s ORDER BY originator_version DESC LIMIT 1",
        session_id,
    )
    return row


@pytest.mark.usefixtures("projected")
async def test_whoever_asks_again_gets_the_same_receipt(nodes: Nodes) -> None:
    visitor = await nodes.here.start_session()
    async with nodes.here.http() as http:
        for _ in range(3):
            await http.post("/api/chats/sessions/", json={"visitor_id": str(visitor.visitor_id)})

    receipts = [(await erase(node, visitor.visitor_id)).json() for node in nodes[:2]]
    receipts += [
        answer.json()
        for answer in await asyncio.gather(*(erase(node, visitor.visitor_id) for node in nodes[:2]))
    ]

    assert receipts == [receipts[0]] * 4
    assert len(receipts[0]["sessions"]) == 4


@pytest.mark.usefixtures("projected")
async def test_who_isnt_known_can_t_be_erased_and_leaves_no_trace(nodes: Nodes, conninfo: str) -> None:
    nobody = uuid4()

    answer = await erase(nodes.here, nobody)

    assert (answer.status_code, answer.json()["code"]) == (404, "visitor_not_found")
    assert execute(conninfo, "SELECT count(*) FROM visitor_keys WHERE visitor_id = %s", nobody) == [(0,)]


async def test_only_operators_erase(nodes: Nodes) -> None:
    visitor = await nodes.here.start_session()

    for headers in ({}, visitor.headers, {"Authorization": f"Bearer {visitor.visitor_id}"}):
        answer = await erase(nodes.here, visitor.visitor_id, headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")

    assert (await visitor.get()).status_code == 200


async def test_where_nobody_projects_the_receipt_says_so_and_later_that_it_is_done(
    new_conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.erasure, "WAIT_SECONDS", 0.2)
    settings = settings_of(tmp_path)
    async with served(new_conninfo, tmp_path, Puppet(), settings) as service:
        visitor = await service.start_session()
        pending = (await erase(service, visitor.visitor_id)).json()

        with kept_projecting(new_conninfo):
            await until(lambda: is_purged(service, visitor.visitor_id), "projections to forget")
        purged = (await erase(service, visitor.visitor_id)).json()
        await until(lambda: "visitor_keys" in tidied(new_conninfo), "tables to be tidied")

    assert (pending.pop("projections"), pending.pop("purged")) == ("pending", [])
    assert (purged.pop("projections"), len(purged.pop("purged"))) == ("purged", 4)
    assert pending == purged


async def is_purged(service: Service, visitor_id: UUID) -> bool:
    return (await erase(service, visitor_id)).json()["projections"] == "purged"


async def test_no_line_of_ours_has_the_visitor_even_where_an_erasure_breaks(
    new_conninfo: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(new_conninfo, tmp_path, Puppet(), settings_of(tmp_path)) as service:
        visitor = await service.start_session()
        execute(new_conninfo, "ALTER TABLE projections RENAME TO elsewhere")

        answer = await erase(service, visitor.visitor_id)

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    (line,) = complaints(caplog)
    assert line.startswith("DELETE /api/audit/visitors/{visitor_id")
    assert str(visitor.visitor_id) not in caplog.text


# --- whatever else happens meanwhile


class Process(NamedTuple):
    """All that erasing takes, as a process of its own would have it."""

    store: SessionStore
    erasure: Erasure
    keyring: WrappedKeyring


class World:
    """Processes on one log."""

    def __init__(self, stores: Stores, database: Database) -> None:
        self.stores = stores
        self.database = database

    async def process(self) -> Process:
        store = await self.stores.open()
        keyring = WrappedKeyring(MASTER_KEY, self.stores.keys)
        return Process(store, Erasure(store, keyring, Tables(self.database.fetch), SystemClock()), keyring)


@pytest.fixture
async def world(new_conninfo: str) -> AsyncIterator[World]:
    stores, database = Stores(new_conninfo), Database(new_conninfo, max_connections=2)
    await database.open()
    yield World(stores, database)
    await stores.close()
    await database.close()


def conversations(store: SessionStore) -> Conversations:
    return Conversations(store, Echo(), SystemClock(), Rules(messages_per_minute=10_000), "node")


async def chat(store: SessionStore, visitor_id: UUID, *texts: str) -> UUID:
    session_id, now = uuid4(), SystemClock().now()
    said = [VisitorMessagePosted(uuid4(), text) for text in texts]
    await store.append(session_id, 0, [SessionStarted(visitor_id, now), *said], now)
    return session_id


async def test_no_session_that_is_started_meanwhile_escapes(world: World) -> None:
    with projecting(world.stores.conninfo):
        pass
    visitor_id = uuid4()
    process, other = await world.process(), await world.process()
    talking = conversations(other.store)
    first = await talking.start(visitor_id, {})
    is_over = asyncio.Event()

    async def come_back() -> list[UUID]:
        """Again and again, until somebody new is made of the visitor."""
        started: list[UUID] = []
        while not is_over.is_set():
            session = await talking.start(visitor_id, {"page": "secret"})
            if session.visitor_id != visitor_id:
                return started
            started.append(session.session_id)
            with suppress(SessionError):
                await talking.post(session.session_id, visitor_id, "secret")
        return started

    coming = [asyncio.create_task(come_back()) for _ in range(8)]
    receipt = await process.erasure.erase(visitor_id, within=0)
    started = {each for many in await asyncio.gather(*coming) for each in many}
    is_over.set()

    erased = {session.session_id for session in receipt.sessions}
    assert started | {first.session_id} <= erased
    fresh = await world.process()
    for session_id in await fresh.store.sessions_of(visitor_id):
        history = await fresh.store.read(session_id)
        assert history[-1].session.erased_at
        assert "secret" not in repr(history)
    await talking.close()


class ErasedMeanwhile(WrappedKeyring):
    """Somebody else destroys the key as soon as it has been given out."""

    async def create(self, visitor_id: UUID) -> bytes:
        key = await super().create(visitor_id)
        await self.destroy(visitor_id)
        return key


async def test_a_session_that_is_recorded_after_its_key_was_destroyed_is_erased_by_who_started_it(
    world: World,
) -> None:
    visitor_id = uuid4()
    await world.stores.open()
    log = await world.stores.open_log()
    store = SessionStore(log, ErasedMeanwhile(MASTER_KEY, world.stores.keys), LocalDoorbell())
    talking = conversations(store)

    with pytest.raises(KeyDestroyed):  # that of the visitor who is made in their place, too
        await talking.start(visitor_id, {"page": "secret"})

    (session_id,) = await store.sessions_of(visitor_id)
    session = await store.refresh(session_id)
    assert session
    assert session.erased_at


async def test_a_session_whose_log_doesn_t_add_up_is_forgotten_all_the_same(world: World) -> None:
    process, visitor_id = await world.process(), uuid4()
    sound = await chat(process.store, visitor_id, "secret")
    broken = await chat(process.store, visitor_id, "secret one", "secret two", "secret three")
    with projecting(world.stores.conninfo) as tables:
        tables.catch_up()
        assert str(tables.tables()).count("secret") == 4 + 4, "as text, and as words to search for"
        row = (await world.stores.rows(broken))[2]
        await world.stores.overwrite(StoredEvent(broken, 3, row.topic, b"{}"))

        with kept_projecting(world.stores.conninfo):
            receipts = [await (await world.process()).erasure.erase(visitor_id, within=20) for _ in range(2)]

        assert "secret" not in str(tables.tables())
    assert receipts[0] == receipts[1]
    assert receipts[0].projections == "purged"
    by_id = {session.session_id: session for session in receipts[0].sessions}
    assert by_id[sound].erased_at
    assert (by_id[broken].erased_at, by_id[broken].version) == (None, 4)


async def test_a_session_that_tells_what_can_t_have_happened_is_forgotten_all_the_same(world: World) -> None:
    process, visitor_id = await world.process(), uuid4()
    session_id = await chat(process.store, visitor_id, "secret")
    ended = SessionEnded("idle_timeout", uuid4(), "Bye")
    await process.store.append(session_id, 2, [ended], SystemClock().now())
    row = (await world.stores.rows(session_id))[2]
    await world.stores.overwrite(StoredEvent(session_id, 3, ReplyFailed.topic, row.state))

    with projecting(world.stores.conninfo):
        receipt = await (await world.process()).erasure.erase(visitor_id, within=0)

    assert [session.erased_at for session in receipt.sessions] == [None]
    assert await process.keyring.find(visitor_id) is None


async def test_a_build_that_is_behind_brings_nothing_back_of_a_session_whose_log_doesn_t_add_up(
    world: World,
) -> None:
    """Whoever drives it has read the first of it while there was a key, and may remember that."""
    process, visitor_id = await world.process(), uuid4()
    broken = await chat(process.store, visitor_id, *(f"secret {number}" for number in range(30)))
    row = (await world.stores.rows(broken))[-1]
    await world.stores.overwrite(StoredEvent(broken, row.originator_version, row.topic, b"{}"))
    with projecting(world.stores.conninfo, most=5) as tables:
        tables.runner.step()
        tables.runner.step()
        assert "secret" in str(tables.tables())

        erasing = asyncio.create_task((await world.process()).erasure.erase(visitor_id, within=20))
        while not erasing.done():
            await asyncio.to_thread(tables.runner.step)
        receipt = await erasing
        tables.catch_up()

        assert receipt.projections == "purged"
        assert "secret" not in str(tables.tables())


async def test_who_takes_it_slowly_gets_no_more_of_it_once_it_is_erased(world: World) -> None:
    process, other = await world.process(), await world.process()
    visitor_id = uuid4()
    texts = [f"secret {number}" for number in range(700)]
    session_id = await chat(process.store, visitor_id, *texts)
    following = other.store.follow(session_id, 0)
    first = await anext(following)

    with projecting(world.stores.conninfo):
        await process.erasure.erase(visitor_id, within=0)
    await other.store.look()
    rest = []
    while not (rest and rest[-1].session.erased_at):
        rest += await anext(following)
    await following.aclose()

    assert [each.version for each in (*first, *rest)] == list(range(1, len(texts) + 4))
    assert len(first) == 50
    assert "secret" in repr(first)
    assert "secret" not in repr(rest)


async def test_what_can_t_be_digested_is_gone_from_tables_with_its_visitor(world: World) -> None:
    """The row that says that it is erased is left out with all that follows in such a session."""
    process, visitor_id = await world.process(), uuid4()
    with projecting(world.stores.conninfo) as tables:
        session_id = await chat(process.store, visitor_id, "secret")
        tables.catch_up()
        for build in tables.builds.all():  # as if it had failed here, for whatever reason
            execute(
                world.stores.conninfo,
                "INSERT INTO projection_faults (build, session_id, version, position, topic, error) "
                "VALUES (%s, %s, 2, 2, 'visitor_message_posted.v2', 'KeyError')",
                build.build,
                session_id,
            )
        assert "secret" in str(tables.tables())

        await process.store.append(
            session_id, 2, [SessionEnded("deleted"), VisitorErased()], SystemClock().now()
        )
        tables.catch_up()

        assert "secret" not in str(tables.tables())


class Watched(Tables):
    """It is known how often they were looked at."""

    looks = 0

    async def forgotten(self, position: int) -> Sequence[str] | None:
        self.looks += 1
        return await super().forgotten(position)


async def test_files_are_tidied_up_when_projections_have_forgotten_however_late_that_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain.erasure, "TIDY_SECONDS", 0.02)
    conninfo = world.stores.conninfo
    process, tables = await world.process(), Watched(world.database.fetch)
    with projecting(conninfo) as projections:
        erasure = Erasure(process.store, process.keyring, tables, SystemClock())
        visitor_id = uuid4()
        await chat(process.store, visitor_id, "secret")
        receipt = await erasure.erase(visitor_id, within=0)
        assert receipt.projections == "pending"

        async with for_ever("tidying up", erasure.keep_tidy):
            looks = tables.looks
            await until(lambda: tables.looks > looks + 1, "it to be looked twice")
            assert tidied(conninfo) == set(), "it is too early"

            projections.catch_up()
            await until(
                lambda: {"sessions", "entries", "visitor_keys"} <= tidied(conninfo), "tables to be tidied"
            )


def tidied(conninfo: str) -> set[str]:
    query = "SELECT relname FROM pg_stat_user_tables WHERE last_vacuum IS NOT NULL"
    return {name for (name,) in execute(conninfo, query)}
