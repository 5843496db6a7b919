"""Retention: what is too old is exported, then erased; whose sessions aren't all too old stays whole."""

import asyncio
import json
import stat
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from api.app import Erasing, build_retention, open_erasing
from domain.erasure import Erasure
from domain.errors import Unavailable
from domain.events import (
    Event,
    FeedbackGiven,
    SessionEnded,
    SessionStarted,
    VisitorErased,
    VisitorMessagePosted,
)
from domain.ports import Keyring, Recorded
from domain.retention import Applied, Retention
from infrastructure.clock import SystemClock
from infrastructure.event_store import SessionStore
from infrastructure.keyring import WrappedKeyring
from infrastructure.logs import MemoryLog
from infrastructure.postgres import Database
from infrastructure.settings import SettingsError, read_settings
from projections.archive import exported
from projections.forgetting import Tables
from projections.overdue import OVERDUE, OverdueVisitors
from projections.transcript import transcript
from tests.support.postgres import execute
from tests.support.projecting import Projecting, projecting
from tests.support.stores import MASTER_KEY, KeysStay, Stores
from tests.support.waiting import until

DAYS = 30
HELLO = VisitorMessagePosted(uuid4(), "secret")
ENDED = SessionEnded("completed")
SETTINGS = read_settings(
    {"VERBATIM_RETENTION_DAYS": str(DAYS), "VERBATIM_MASTER_KEY": b64encode(MASTER_KEY).decode()}
)


class World:
    """A log with sessions of any age, its projections, and what applies the retention."""

    def __init__(self, stores: Stores, store: SessionStore, database: Database, folder: Path) -> None:
        self.conninfo = stores.conninfo
        self.stores = stores
        self.store = store
        self.folder = folder
        self.database = database

    def retention(self, *, exports: bool = True, keyring: Keyring | None = None) -> Retention:
        keyring = keyring or WrappedKeyring(MASTER_KEY, self.stores.keys)
        erasure = Erasure(self.store, keyring, Tables(self.database.fetch), SystemClock())
        environment = {"VERBATIM_RETENTION_DAYS": str(DAYS)}
        if exports:
            environment["VERBATIM_RETENTION_EXPORT_DIR"] = str(self.folder)
        erasing = Erasing(erasure, self.store, MemoryLog(), self.database, SystemClock())
        return build_retention(read_settings(environment), erasing)

    async def apply(
        self, process: Projecting, *, exports: bool = True, keyring: Keyring | None = None
    ) -> Applied:
        """All that is too old, as projections know it now; and then they learn what has become of it."""
        process.catch_up()
        applying = asyncio.create_task(self.retention(exports=exports, keyring=keyring).apply())
        while not applying.done():
            await asyncio.to_thread(process.catch_up)
        return await applying

    async def session(self, visitor_id: UUID, days_old: float, *events: Event, lifetime: float = 1) -> UUID:
        """One that began so many days ago, could be used for one, and in which this happened at once."""
        session_id, at = uuid4(), SystemClock().now() - timedelta(days=days_old)
        started = SessionStarted(visitor_id, at + timedelta(days=lifetime))
        await self.store.append(session_id, 0, [started, *events], at)
        return session_id

    async def is_erased(self, session_id: UUID) -> bool:
        history = await (await self.stores.open()).read(session_id)
        return history[-1].session.erased_at is not None and "secret" not in repr(history)


@pytest.fixture
async def world(new_conninfo: str, tmp_path: Path) -> AsyncIterator[World]:
    stores, database = Stores(new_conninfo), Database(new_conninfo, max_connections=2)
    await database.open()
    yield World(stores, await stores.open(), database, tmp_path / "archive" / "chats")
    await stores.close()
    await database.close()


@pytest.fixture
def process(new_conninfo: str):
    with projecting(new_conninfo) as process:
        yield process


# --- who is erased


async def test_a_visitor_is_erased_when_all_of_their_sessions_are_too_old(
    world: World, process: Projecting
) -> None:
    old, loyal, young = uuid4(), uuid4(), uuid4()
    gone = [await world.session(old, days, HELLO, ENDED) for days in (400, DAYS + 0.1)]
    kept = [await world.session(loyal, days, HELLO, ENDED) for days in (400, DAYS - 0.1)]
    kept.append(await world.session(young, 1, HELLO))

    assert await world.apply(process) == Applied(visitors=1, sessions=2, left=0)

    assert all([await world.is_erased(session_id) for session_id in gone])
    assert not any([await world.is_erased(session_id) for session_id in kept])
    assert await world.apply(process) == Applied(visitors=0, sessions=0, left=0)


@pytest.mark.parametrize(
    ("began", "ended", "lifetime", "is_too_old"),
    [
        (40, 29, 1, False),
        (40, 31, 1, True),
        (31, None, 1, True),
        (31, None, 60, False),
        (29, None, 1, False),
    ],
)
async def test_a_session_s_age_is_that_of_its_end_or_if_it_never_ended_and_can_t_be_used_of_its_start(
    world: World, process: Projecting, began: float, ended: float | None, lifetime: float, is_too_old: bool
) -> None:
    session_id = await world.session(uuid4(), began, HELLO, lifetime=lifetime)
    if ended is not None:
        await world.store.append(session_id, 2, [ENDED], SystemClock().now() - timedelta(days=ended))

    applied = await world.apply(process)

    assert (applied.sessions == 1) is await world.is_erased(session_id) is is_too_old


async def test_the_log_decides_where_projections_don_t_know_yet_that_a_visitor_came_back(
    world: World, process: Projecting
) -> None:
    visitor_id = uuid4()
    old = await world.session(visitor_id, 400, HELLO, ENDED)
    process.catch_up()
    await world.session(visitor_id, 0, HELLO)

    assert await world.retention().apply() == Applied(visitors=0, sessions=0, left=1)

    assert not await world.is_erased(old)


async def test_a_visitor_whose_log_can_t_be_read_is_left_for_somebody_to_look_at(
    world: World, process: Projecting
) -> None:
    sound, broken = uuid4(), uuid4()
    await world.session(sound, 400, HELLO, ENDED)
    session_id = await world.session(broken, 500, HELLO, ENDED)
    process.catch_up()
    await world.stores.overwrite(StoredEvent(session_id, 2, HELLO.topic, b"{}"))

    world.store = await world.stores.open()
    applied = await world.apply(process)

    assert applied == Applied(visitors=1, sessions=1, left=1)
    assert execute(world.conninfo, "SELECT destroyed_at FROM visitor_keys WHERE visitor_id = %s", broken) == [
        (None,)
    ]


def test_what_is_too_old_is_found_by_an_index(process: Projecting) -> None:
    query = OVERDUE.replace("$1", "now()").replace("$2", "now()").replace("$3", "'{}'").replace("$4", "1")
    with psycopg.connect(process.conninfo) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_bitmapscan = off")
        plan = connection.execute(f"EXPLAIN {query}".encode()).fetchall()

    assert "coalesce_idx" in str(plan)
    assert "Sort" not in str(plan)


async def test_retention_is_off_unless_it_is_set(world: World) -> None:
    assert read_settings({}).retention_days is None
    with pytest.raises(SettingsError, match="VERBATIM_RETENTION_DAYS='' is not accepted"):
        build_retention(read_settings({}), Erasing(*[None] * 5))  # type: ignore[arg-type]


class Machine(datetime):
    """A machine's clock, which is so wrong."""

    wrong = timedelta(0)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Machine":
        return super().now(tz) + cls.wrong


@pytest.fixture
async def machine(
    world: World, process: Projecting, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[type[Machine]]:
    """One that is to apply the retention to a visitor who came two days ago."""
    await world.session(uuid4(), 2, HELLO, ENDED)
    process.catch_up()
    monkeypatch.setattr("infrastructure.clock.datetime", Machine)
    monkeypatch.setattr("infrastructure.clock.COMPARE_SECONDS", 0.01)
    yield Machine
    Machine.wrong = timedelta(0)


async def test_nobody_is_too_old_for_a_machine_whose_clock_is_fast(
    world: World, machine: type[Machine]
) -> None:
    machine.wrong = timedelta(days=400)

    async with open_erasing(SETTINGS, world.conninfo) as erasing:
        assert await build_retention(SETTINGS, erasing).overdue() == (0, 0)


async def test_a_machine_whose_clock_is_set_meanwhile_goes_on_by_the_database_s(
    world: World, machine: type[Machine]
) -> None:
    async with open_erasing(SETTINGS, world.conninfo) as erasing:
        retention = build_retention(SETTINGS, erasing)
        machine.wrong = timedelta(days=400)

        async def is_right() -> bool:
            return await retention.overdue() == (0, 0)

        await until(is_right, "it to be told the time")


# --- what is exported first


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


async def test_each_session_is_exported_whole_before_its_key_is_destroyed(
    world: World, process: Projecting
) -> None:
    visitor_id = uuid4()
    session_ids = [await world.session(visitor_id, days, HELLO, ENDED) for days in (400, 50)]
    histories = [await world.store.read(session_id) for session_id in session_ids]

    await world.apply(process)

    assert files(world.folder) == {
        f"{history[0].session.session_id}.json": exported(history) for history in histories
    }
    for history in histories:
        path = world.folder / f"{history[0].session.session_id}.json"
        assert json.loads(path.read_bytes()) == msgspec.to_builtins(transcript(history))
        assert "secret" in path.read_text()
        assert str(visitor_id) not in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(world.folder.stat().st_mode) == 0o700


async def test_without_a_folder_nothing_is_written_and_all_is_erased(
    world: World, process: Projecting
) -> None:
    session_id = await world.session(uuid4(), 400, HELLO, ENDED)

    await world.apply(process, exports=False)

    assert not world.folder.exists()
    assert await world.is_erased(session_id)


async def test_what_can_t_be_exported_isn_t_erased_and_the_next_attempt_goes_on(
    world: World, process: Projecting
) -> None:
    visitor_id = uuid4()
    session_ids = [await world.session(visitor_id, days, HELLO, ENDED) for days in (400, 50)]
    world.folder.parent.write_text("in the way")

    with pytest.raises(OSError, match="archive"):
        await world.apply(process)
    assert not any([await world.is_erased(session_id) for session_id in session_ids])

    world.folder.parent.unlink()
    assert (await world.apply(process)).sessions == 2
    assert set(files(world.folder)) == {f"{session_id}.json" for session_id in session_ids}


async def test_a_file_that_has_as_much_is_left_and_one_that_has_less_is_replaced(
    world: World, process: Projecting
) -> None:
    as_much = await world.session(uuid4(), 400, HELLO, ENDED)
    more = await world.session(uuid4(), 400, HELLO, ENDED)
    world.folder.mkdir(parents=True)
    for session_id in (as_much, more):
        before = exported(await world.store.read(session_id)).replace(b"secret", b"as it was")
        (world.folder / f"{session_id}.json").write_bytes(before)
    at = SystemClock().now() - timedelta(days=399)
    await world.store.append(more, 3, [FeedbackGiven(uuid4(), "up")], at)

    await world.apply(process)

    kept = files(world.folder)
    assert b"as it was" in kept[f"{as_much}.json"]
    assert b"secret" in kept[f"{more}.json"]


async def test_a_file_that_is_something_else_is_not_overwritten(world: World, process: Projecting) -> None:
    session_id = await world.session(uuid4(), 400, HELLO, ENDED)
    world.folder.mkdir(parents=True)
    (world.folder / f"{session_id}.json").write_text("mine")

    with pytest.raises(OSError, match=f"{session_id}.json: a file of this session's name is there"):
        await world.apply(process)

    assert files(world.folder) == {f"{session_id}.json": b"mine"}
    assert not await world.is_erased(session_id)


async def test_an_erasure_that_a_visitor_asked_for_and_that_broke_off_is_finished_without_an_export(
    world: World, process: Projecting
) -> None:
    visitor_id = uuid4()
    begun, left = [await world.session(visitor_id, days, HELLO, ENDED) for days in (400, 50)]
    await world.store.append(begun, 3, [VisitorErased()], SystemClock().now())

    assert (await world.apply(process)).sessions == 2

    assert files(world.folder) == {}
    assert await world.is_erased(left)


async def test_a_retention_that_broke_off_before_a_key_was_destroyed_is_finished_by_the_next_one(
    world: World, process: Projecting
) -> None:
    visitor_id = uuid4()
    gone = [await world.session(visitor_id, days, HELLO, ENDED) for days in (400, 50)]
    with pytest.raises(Unavailable):
        await world.apply(process, keyring=KeysStay(MASTER_KEY, world.stores.keys))
    process.catch_up()
    exports = files(world.folder)

    assert await world.apply(process) == Applied(visitors=1, sessions=2, left=0)

    assert all([await world.is_erased(session_id) for session_id in gone])
    assert files(world.folder) == exports
    assert len(exports) == 2


# --- what happens meanwhile


class Interrupted:
    """What applies the retention, and what somebody does while the first session is being exported."""

    def __init__(self, world: World, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self.exported: list[UUID] = []
        self._meanwhile = meanwhile
        keyring = WrappedKeyring(MASTER_KEY, world.stores.keys)
        tables = Tables(world.database.fetch)
        clock = SystemClock()
        self.erasure = Erasure(world.store, keyring, tables, clock)
        overdue = OverdueVisitors(world.database.fetch)
        keep = timedelta(days=DAYS)
        self.retention = Retention(world.store, self.erasure, overdue, clock, keep, self._export)

    async def _export(self, history: Sequence[Recorded]) -> None:
        self.exported.append(history[0].session.session_id)
        if len(self.exported) == 1:
            await self._meanwhile()


async def test_of_a_visitor_who_wishes_to_be_erased_meanwhile_nothing_more_is_exported(
    world: World, process: Projecting, caplog: pytest.LogCaptureFixture
) -> None:
    visitor_id = uuid4()
    gone = [await world.session(visitor_id, days, HELLO, ENDED) for days in (400, 50)]
    process.catch_up()

    async def erase() -> None:
        await interrupted.erasure.erase(visitor_id, within=0)

    interrupted = Interrupted(world, erase)
    assert await interrupted.retention.apply() == Applied(visitors=1, sessions=2, left=0)

    (exported,) = interrupted.exported
    assert all([await world.is_erased(session_id) for session_id in gone])
    told = [record for record in caplog.records if "remove its file" in record.getMessage()]
    assert [vars(record)["session_id"] for record in told] == [exported]


async def test_a_visitor_who_comes_back_meanwhile_is_kept(world: World, process: Projecting) -> None:
    visitor_id = uuid4()
    sessions = [await world.session(visitor_id, days, HELLO, ENDED) for days in (400, 50)]
    process.catch_up()

    async def come_back() -> None:
        sessions.append(await world.session(visitor_id, 0, HELLO))

    interrupted = Interrupted(world, come_back)
    assert await interrupted.retention.apply() == Applied(visitors=0, sessions=0, left=1)

    assert not any([await world.is_erased(session_id) for session_id in sessions])


async def test_what_is_recorded_meanwhile_in_an_old_session_is_exported_too(
    world: World, process: Projecting
) -> None:
    session_id = await world.session(uuid4(), 400, HELLO, ENDED)
    process.catch_up()

    async def rate() -> None:
        await world.store.append(session_id, 3, [FeedbackGiven(uuid4(), "up")], SystemClock().now())

    interrupted = Interrupted(world, rate)
    assert await interrupted.retention.apply() == Applied(visitors=1, sessions=1, left=0)

    assert interrupted.exported == [session_id, session_id]
    assert await world.is_erased(session_id)
