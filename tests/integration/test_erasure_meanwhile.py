"""Erasing a visitor whatever else happens meanwhile, and whatever the log holds: no word comes back."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent
from msgspec.structs import replace

import domain.erasure
from domain.conversations import Conversations, Rules
from domain.erasure import Erasure, Receipt
from domain.errors import KeyDestroyed, SessionError, Unavailable
from domain.events import ReplyFailed, SessionEnded, SessionStarted, VisitorErased, VisitorMessagePosted
from domain.ports import Recorded
from infrastructure.background import for_ever
from infrastructure.clock import SystemClock
from infrastructure.doorbells import LocalDoorbell
from infrastructure.event_store import SessionStore
from infrastructure.keyring import WrappedKeyring
from infrastructure.postgres import Database
from projections import builds
from projections.catalogue import PROJECTIONS
from projections.forgetting import Tables
from projections.projection import Change
from projections.transcripts import TRANSCRIPTS
from tests.support.assistants import Echo
from tests.support.postgres import execute, tidied
from tests.support.projecting import Projecting, kept_projecting, projecting
from tests.support.stores import MASTER_KEY, KeysStay, Stores
from tests.support.waiting import until


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


async def broken_off(world: World, visitor_id: UUID) -> None:
    """An erasure by a process that gets no further than the log."""
    store = await world.stores.open()
    keyring = KeysStay(MASTER_KEY, world.stores.keys)
    with pytest.raises(Unavailable):
        await Erasure(store, keyring, Tables(world.database.fetch), SystemClock()).erase(visitor_id, within=0)


async def test_an_erasure_that_broke_off_before_the_key_was_destroyed_is_finished_by_any_process(
    world: World,
) -> None:
    process, visitor_id = await world.process(), uuid4()
    session_id = await chat(process.store, visitor_id, "secret")
    await broken_off(world, visitor_id)
    with projecting(world.stores.conninfo) as tables:
        tables.catch_up()
    assert await process.keyring.find(visitor_id)

    async def is_destroyed() -> bool:
        return await process.keyring.find(visitor_id) is None

    async with for_ever("erasures that broke off", (await world.process()).erasure.keep_finished):
        await until(is_destroyed, "the key to be destroyed")

    assert "secret" not in repr(await (await world.process()).store.read(session_id))
    assert await process.erasure.finish() == []


async def test_nobody_is_erased_because_tables_alone_say_so(world: World) -> None:
    process, visitor_id = await world.process(), uuid4()
    await chat(process.store, visitor_id, "kept")
    with projecting(world.stores.conninfo) as tables:
        tables.catch_up()
        (build,) = [build.build for build in tables.builds.all() if build.name == "sessions"]
        execute(world.stores.conninfo, f"UPDATE {build}.sessions SET erased_at = now()")

        assert await process.erasure.finish() == []

    assert await process.keyring.find(visitor_id)


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


async def test_an_erasure_in_the_very_moment_in_which_its_session_is_set_aside_leaves_nothing_in_tables(
    world: World,
) -> None:
    process, visitor_id = await world.process(), uuid4()
    broken = await chat(process.store, visitor_id, "secret one", "secret two", "secret three")
    row = (await world.stores.rows(broken))[-1]
    await world.stores.overwrite(StoredEvent(broken, row.originator_version, row.topic, b"{}"))
    eraser, loop = (await world.process()).erasure, asyncio.get_running_loop()
    receipts: list[Receipt] = []

    def taken_in_meanwhile(recorded: Recorded) -> Iterable[Change]:
        if not receipts:
            erasing = asyncio.run_coroutine_threadsafe(eraser.erase(visitor_id, within=0), loop)
            receipts.append(erasing.result())
        return TRANSCRIPTS.project(recorded)

    slow = replace(TRANSCRIPTS, project=taken_in_meanwhile)
    with projecting(world.stores.conninfo, (slow,), show=lambda _: ()) as tables:
        await asyncio.to_thread(tables.catch_up)

        assert receipts
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


async def test_no_word_stays_in_tables_that_a_release_had_begun_before_it_was_taken_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    conninfo = world.stores.conninfo
    process, visitor_id = await world.process(), uuid4()
    await chat(process.store, visitor_id, *["secret"] * 20)
    later = [replace(each, version=each.version + 1) for each in PROJECTIONS]
    with projecting(conninfo) as tables:
        tables.catch_up()
        with projecting(conninfo, later, most=5) as taken_back:
            taken_back.runner.step()
            assert any("secret" in str(rows) for rows in being_built(taken_back))

        receipt = await process.erasure.erase(visitor_id, within=0)
        assert receipt.projections == "pending"
        monkeypatch.setattr(builds, "ABANDONED_SECONDS", 0)
        tables.catch_up()

        assert being_built(tables) == []
        receipt = await process.erasure.erase(visitor_id, within=5)
        assert receipt.projections == "purged"


def being_built(process: Projecting) -> Sequence[Sequence[Any]]:
    """All rows of the tables that aren't shown yet."""
    return [
        execute(process.conninfo, f"SELECT * FROM {build.build}.{table}")
        for build in process.builds.all()
        if build.state == "building"
        for table in process.builds.projections[build.name].tables
    ]


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
