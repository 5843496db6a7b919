"""What `domain.ports.EventStore` promises, told once and kept by every log."""

import asyncio
import dataclasses
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import IntegrityError, StoredEvent

from domain.errors import Conflict, CorruptLog, KeyDestroyed
from domain.events import (
    DetailsCollected,
    Event,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    SessionEnded,
    SessionStarted,
    VisitorErased,
    VisitorMessagePosted,
)
from domain.ports import Recorded
from domain.session import ChatSession, fold
from infrastructure import codec, event_store, snapshots, tail
from infrastructure.doorbells import LocalDoorbell
from infrastructure.event_store import SessionStore
from infrastructure.keyring import WrappedKeyring
from infrastructure.logs import Log
from tests.support.chain import fault_in
from tests.support.stores import MASTER_KEY, Stores
from tests.support.waiting import until

AT = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
EXPIRY = AT + timedelta(hours=24)


@pytest.fixture(params=["memory", "postgres"])
def conninfo_of_log(request: pytest.FixtureRequest) -> str:
    """The conninfo of the log's database; none for the log in memory."""
    return "" if request.param == "memory" else request.getfixturevalue("conninfo")


@pytest.fixture
async def stores(conninfo_of_log: str) -> AsyncIterator[Stores]:
    stores = Stores(conninfo_of_log)
    yield stores
    await stores.close()


@pytest.fixture
async def store(stores: Stores) -> SessionStore:
    return await stores.open()


def started(visitor_id: UUID | None = None) -> SessionStarted:
    return SessionStarted(visitor_id or uuid4(), EXPIRY, {"page": "/"})


def said(text: str = "hello") -> VisitorMessagePosted:
    return VisitorMessagePosted(uuid4(), text)


async def new_session(store: SessionStore, *events: Event) -> ChatSession:
    return await store.append(uuid4(), 0, [started(), *events], AT)


async def put(store: SessionStore, session_id: UUID, event: Event) -> ChatSession:
    """Append an event whatever others append meanwhile."""
    while True:
        session = await store.load(session_id)
        assert session is not None
        try:
            return await store.append(session_id, session.version, [event], AT)
        except Conflict:
            await asyncio.sleep(0)


async def follow(store: SessionStore, session_id: UUID, after: int, upto: int) -> list[Recorded]:
    """What a follower is told after one version, up to another."""
    told: list[Recorded] = []
    async with asyncio.timeout(20), aclosing(cast("Any", store.follow(session_id, after))) as batches:
        while after + len(told) < upto:
            told += await anext(batches)
    return told


def seen(recorded: Sequence[Recorded]) -> list[tuple[Event, ChatSession, datetime]]:
    """What there is to be seen of recorded events."""
    return [(one.event, one.session, one.at) for one in recorded]


def versions(recorded: Sequence[Recorded]) -> list[int]:
    return [one.version for one in recorded]


# --- append, load, refresh


async def test_a_session_that_nobody_started_is_not_there(store: SessionStore) -> None:
    session_id = uuid4()

    assert await store.load(session_id) is None
    assert await store.refresh(session_id) is None
    assert await store.read(session_id) == []


async def test_what_is_appended_is_the_session_from_then_on(store: SessionStore) -> None:
    session_id = uuid4()
    events = [started(), said("one"), said("two")]

    appended = await store.append(session_id, 0, events, AT)

    assert appended == fold(session_id, [(event, AT) for event in events])
    assert await store.load(session_id) == await store.refresh(session_id) == appended


async def test_what_one_process_appended_another_loads(stores: Stores, store: SessionStore) -> None:
    session = await new_session(store, said())

    assert await (await stores.open()).load(session.session_id) == session


@pytest.mark.parametrize("after", [0, 1, 3, 100])
async def test_an_append_anywhere_but_after_the_latest_version_is_a_conflict(
    stores: Stores, store: SessionStore, after: int
) -> None:
    session = await new_session(store, said())

    for process in (store, await stores.open()):
        with pytest.raises(Conflict):
            await process.append(session.session_id, after, [started() if after == 0 else said()], AT)

    assert len(await stores.rows(session.session_id)) == 2


async def test_an_append_where_nobody_started_a_session_is_a_conflict(
    stores: Stores, store: SessionStore
) -> None:
    session_id = uuid4()

    with pytest.raises(Conflict):
        await store.append(session_id, 1, [said()], AT)

    assert await stores.rows(session_id) == []


async def test_events_are_recorded_together_or_not_at_all(stores: Stores, store: SessionStore) -> None:
    session = await new_session(store)
    other = await stores.open()
    await other.load(session.session_id)
    await store.append(session.session_id, 1, [said("first")], AT)

    with pytest.raises(Conflict):
        await other.append(session.session_id, 1, [said("late"), said("later"), said("latest")], AT)

    assert [type(one.event) for one in await other.read(session.session_id)] == [
        SessionStarted,
        VisitorMessagePosted,
    ]


async def test_after_a_conflict_a_session_is_loaded_as_it_is(stores: Stores, store: SessionStore) -> None:
    session = await new_session(store)
    behind = await stores.open()
    await behind.load(session.session_id)
    latest = await store.append(session.session_id, 1, [said()], AT)

    assert await behind.load(session.session_id) == session, "it may be behind"
    with pytest.raises(Conflict):
        await behind.append(session.session_id, 1, [said()], AT)

    assert await behind.load(session.session_id) == latest
    assert (await behind.append(session.session_id, 2, [said()], AT)).version == 3


async def test_whoever_knows_the_latest_version_can_append_where_the_process_is_behind(
    stores: Stores, store: SessionStore
) -> None:
    session = await new_session(store)
    behind = await stores.open()
    await behind.load(session.session_id)
    await store.append(session.session_id, 1, [said()], AT)

    assert (await behind.append(session.session_id, 2, [said()], AT)).version == 3


async def test_refreshing_tells_what_others_recorded(stores: Stores, store: SessionStore) -> None:
    session = await new_session(store)
    other = await stores.open()
    await other.load(session.session_id)
    latest = await store.append(session.session_id, 1, [said(), said()], AT)

    assert await other.refresh(session.session_id) == latest
    assert await other.load(session.session_id) == latest


async def test_of_writers_that_race_each_gets_its_events_in_once(stores: Stores, store: SessionStore) -> None:
    session = await new_session(store)
    processes = [store, await stores.open()]
    events = [said(f"message {number}") for number in range(30)]

    await asyncio.gather(
        *(put(processes[number % 2], session.session_id, event) for number, event in enumerate(events))
    )

    recorded = [one.event for one in await store.read(session.session_id)][1:]
    assert len(recorded) == len(events)
    assert {event.message_id for event in recorded if isinstance(event, VisitorMessagePosted)} == {
        event.message_id for event in events
    }


async def test_a_caller_who_goes_away_loses_nothing(stores: Stores, store: SessionStore) -> None:
    session = await new_session(store)
    following = asyncio.create_task(follow(store, session.session_id, 1, 2))
    appending = asyncio.create_task(store.append(session.session_id, 1, [said("bye")], AT))
    await asyncio.sleep(0)

    appending.cancel()
    await asyncio.gather(appending, return_exceptions=True)
    (told,) = await following

    assert told.event == (await store.read(session.session_id))[1].event
    assert await store.load(session.session_id) == told.session
    assert (await store.append(session.session_id, 2, [said()], AT)).version == 3


async def test_many_sessions_are_recorded_at_once(stores: Stores, store: SessionStore) -> None:
    async def converse() -> UUID:
        session = await new_session(store)
        for number in range(5):
            await store.append(session.session_id, session.version + number, [said(f"{number}")], AT)
        return session.session_id

    session_ids = await asyncio.gather(*(converse() for _ in range(60)))

    for session_id in session_ids:
        recorded = await store.read(session_id)
        assert versions(recorded) == [1, 2, 3, 4, 5, 6]
        cipher = await stores.cipher(recorded[0].session.visitor_id) if session_id == session_ids[0] else None
        assert fault_in(await stores.rows(session_id), cipher) == ""


async def test_sessions_of_one_visitor_share_the_visitor_s_key(stores: Stores, store: SessionStore) -> None:
    visitor_id = uuid4()

    sessions = await asyncio.gather(
        *(store.append(uuid4(), 0, [started(visitor_id), said(f"{number}")], AT) for number in range(5))
    )

    other = await stores.open()
    assert [await other.load(session.session_id) for session in sessions] == sessions


async def test_a_session_that_is_known_no_more_is_read_again(
    stores: Stores, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_store, "CACHED_SESSIONS", 3)
    sessions = [await new_session(store) for _ in range(10)]

    for session in sessions:
        assert await store.load(session.session_id) == session
        assert (await store.append(session.session_id, 1, [said()], AT)).version == 2
    for session in reversed(sessions):
        assert (await store.append(session.session_id, 2, [said()], AT)).version == 3


async def test_the_log_can_be_asked_whether_it_is_there(store: SessionStore) -> None:
    await store.check()


# --- read


async def test_what_is_read_is_what_was_recorded_with_the_session_at_each_point(store: SessionStore) -> None:
    session_id = uuid4()
    message, response = uuid4(), uuid4()
    events: list[Event] = [
        started(),
        VisitorMessagePosted(message, "Hi, I am Zoë 🚗", "m-1"),
        ReplyStarted(response, message, "guide"),
        ReplyChunksRecorded((120, 0), ("Hello ", "Zoë")),
        DetailsCollected(message, {"name": "Zoë"}),
        ReplyCompleted(response, "", needs_info=True),
        SessionEnded("completed"),
    ]
    times = [AT + timedelta(milliseconds=number) for number in range(len(events))]
    for version, (event, at) in enumerate(zip(events, times, strict=True)):
        await store.append(session_id, version, [event], at)

    recorded = await store.read(session_id)

    assert [one.event for one in recorded] == events
    assert [one.at for one in recorded] == times
    assert versions(recorded) == list(range(1, len(events) + 1))
    history = list(zip(events, times, strict=True))
    for one in recorded:
        assert one.session == fold(session_id, history[: one.version])


@pytest.mark.parametrize("after", [0, 1, 2, 3, 9])
async def test_reading_begins_after_a_version(store: SessionStore, after: int) -> None:
    session = await new_session(store, said(), said())

    assert versions(await store.read(session.session_id, after)) == list(range(after + 1, 4))


async def test_where_the_beginning_is_wanted_no_more_of_a_long_session_is_opened(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_store, "PAGE_EVENTS", 10)
    session = await new_session(store, *(said() for _ in range(94)))
    decoded = counted(monkeypatch)

    beginning = await store.read(session.session_id, 0, most=12)

    assert versions(beginning) == [*range(1, 13)]
    assert decoded == [*range(1, 21)]
    assert versions(await store.read(session.session_id, 90, most=12)) == [91, 92, 93, 94, 95]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The versions of the rows that are opened from now on."""
    decoded: list[int] = []
    decode = codec.decode

    def decode_and_count(row: StoredEvent, cipher: AESGCM | None) -> tuple[Event, datetime]:
        decoded.append(row.originator_version)
        return decode(row, cipher)

    monkeypatch.setattr(codec, "decode", decode_and_count)
    return decoded


# --- follow


@pytest.mark.parametrize("after", [0, 1, 3, 4])
async def test_a_follower_is_told_what_was_recorded_and_then_what_is(store: SessionStore, after: int) -> None:
    session = await new_session(store, said(), said())
    following = asyncio.create_task(follow(store, session.session_id, after, 6))
    await asyncio.sleep(0)

    for version in (3, 4, 5):
        await store.append(session.session_id, version, [said()], AT)

    assert versions(await following) == list(range(after + 1, 7))


async def test_whoever_comes_back_to_a_long_session_does_not_make_it_be_read_from_the_start(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "SNAPSHOT_EVENTS", 10)
    session = await new_session(store, *(said() for _ in range(94)))
    decoded = counted(monkeypatch)
    follows = [follow(store, session.session_id, after, 95) for after in (91, 93, 93, 92)]
    told = await asyncio.gather(*follows)

    assert [versions(each) for each in told] == [[92, 93, 94, 95], [94, 95], [94, 95], [93, 94, 95]]
    assert decoded == [91, 92, 93, 94, 95], "once for all, and no more than that"
    assert seen(told[0]) == seen(await store.read(session.session_id, 91))


async def test_of_an_erased_session_nothing_is_kept_that_was_said(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "SNAPSHOT_EVENTS", 10)
    session = await new_session(store, *(said("a secret") for _ in range(30)))
    await store.read(session.session_id)

    await store.append(session.session_id, 31, [SessionEnded("deleted"), VisitorErased()], AT)
    await store.read(session.session_id)

    assert not any("a secret" in str(kept.session) for kept in store._snapshots._kept.values())
    assert versions(await follow(store, session.session_id, 25, 33)) == list(range(26, 34))


async def test_a_session_can_be_followed_before_it_starts(store: SessionStore) -> None:
    session_id = uuid4()
    following = asyncio.create_task(follow(store, session_id, 0, 2))
    await asyncio.sleep(0)

    await store.append(session_id, 0, [started()], AT)
    await store.append(session_id, 1, [said()], AT)

    assert versions(await following) == [1, 2]


async def test_what_is_replayed_equals_what_was_told_live(stores: Stores, store: SessionStore) -> None:
    session = await new_session(store)
    live = asyncio.create_task(follow(store, session.session_id, 0, 21))
    await asyncio.sleep(0)
    for version in range(1, 21):
        await store.append(
            session.session_id, version, [said(f"{version}")], AT + timedelta(milliseconds=version)
        )

    told = seen(await live)

    other = await stores.open()
    assert told == seen(await store.read(session.session_id))
    assert told == seen(await other.read(session.session_id))
    assert told == seen(await follow(other, session.session_id, 0, 21))


async def test_followers_are_told_all_without_gap_or_repetition_while_others_write(
    stores: Stores, store: SessionStore
) -> None:
    chance = random.Random(7)
    session = await new_session(store)
    other = await stores.open()
    total = 121

    async def follow_from_somewhere() -> tuple[int, list[Recorded]]:
        for _ in range(chance.randrange(60)):
            await asyncio.sleep(0)
        latest = await store.load(session.session_id)
        assert latest is not None
        after = chance.randrange(latest.version + 1)
        return after, await follow(store, session.session_id, after, total)

    async def write(process: SessionStore, times: int) -> None:
        for _ in range(times):
            await put(process, session.session_id, said())
            await store.refresh(session.session_id)

    *followers, _, _, _ = await asyncio.gather(
        *(follow_from_somewhere() for _ in range(12)), write(store, 40), write(store, 40), write(other, 40)
    )

    recorded = seen(await store.read(session.session_id))
    assert len(recorded) == total
    for after, told in cast("list[tuple[int, list[Recorded]]]", followers):
        assert versions(told) == list(range(after + 1, total + 1))
        assert seen(told) == recorded[after:]


async def test_a_follower_who_was_far_behind_is_told_all_the_same(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "TAIL_EVENTS", 4)
    session = await new_session(store)
    async with asyncio.timeout(20), aclosing(cast("Any", store.follow(session.session_id, 0))) as batches:
        told = list(await anext(batches))

        for version in range(1, 30):
            await store.append(session.session_id, version, [said()], AT)
        while len(told) < 30:
            told += await anext(batches)

    assert versions(told) == list(range(1, 31))


async def test_a_follower_is_told_at_once_what_is_learned_of_other_processes(
    stores: Stores, store: SessionStore
) -> None:
    session = await new_session(store)
    other = await stores.open()
    await other.load(session.session_id)
    following = asyncio.create_task(follow(store, session.session_id, 1, 4))
    await asyncio.sleep(0)

    for version in (1, 2, 3):
        await other.append(session.session_id, version, [said()], AT)
    await store.refresh(session.session_id)

    assert versions(await following) == [2, 3, 4]


async def test_a_follower_is_told_of_a_session_that_is_known_no_more(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_store, "CACHED_SESSIONS", 1)
    session = await new_session(store)
    following = asyncio.create_task(follow(store, session.session_id, 0, 4))
    await asyncio.sleep(0)

    for version in (1, 2, 3):
        await new_session(store)
        await store.append(session.session_id, version, [said()], AT)

    assert versions(await following) == [1, 2, 3, 4]


class LateLog:
    """A log whose next answer comes late: it was true once, and others have gone on since."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.append = log.append
        self.check = log.check
        self.since = log.since
        self.latest = log.latest
        self.sessions_of = log.sessions_of
        self.heads = log.heads
        self.late: asyncio.Event | None = None

    async def read(self, session_id: UUID, after: int, most: int | None = None) -> Sequence[StoredEvent]:
        late, self.late = self.late, None
        rows = await self._log.read(session_id, after, most)
        if late:
            await late.wait()
        return rows


async def test_what_is_learned_late_takes_back_nothing_that_is_known_since(
    stores: Stores, store: SessionStore
) -> None:
    session = await new_session(store)
    log = LateLog(await stores.open_log())
    other = SessionStore(log, WrappedKeyring(MASTER_KEY, stores.keys), LocalDoorbell())
    following = asyncio.create_task(follow(other, session.session_id, 0, 4))
    await other.load(session.session_id)
    await store.append(session.session_id, 1, [said()], AT)

    log.late = answer = asyncio.Event()
    refreshing = asyncio.create_task(other.refresh(session.session_id))
    await until(lambda: log.late is None, "the log to be asked")
    await other.refresh(session.session_id)
    latest = await other.append(session.session_id, 2, [said()], AT)
    answer.set()
    await refreshing

    assert await other.load(session.session_id) == latest
    assert versions(await follow(other, session.session_id, 2, 3)) == [3]
    await other.append(session.session_id, 3, [said()], AT)
    assert versions(await following) == [1, 2, 3, 4]


async def test_one_follower_who_leaves_takes_nothing_from_the_others(store: SessionStore) -> None:
    session = await new_session(store)
    staying = asyncio.create_task(follow(store, session.session_id, 0, 3))
    leaving = asyncio.create_task(follow(store, session.session_id, 0, 3))
    await asyncio.sleep(0)

    await store.append(session.session_id, 1, [said()], AT)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await store.append(session.session_id, 2, [said()], AT)

    assert versions(await staying) == [1, 2, 3]
    assert versions(await follow(store, session.session_id, 0, 3)) == [1, 2, 3]


# --- a log that isn't what was recorded


async def test_a_row_that_is_missing_is_found(stores: Stores, store: SessionStore) -> None:
    session = await new_session(store, said(), said())

    await stores.remove(session.session_id, 2)

    with pytest.raises(CorruptLog, match=rf"session {session.session_id}: version 2 is missing"):
        await store.read(session.session_id)
    with pytest.raises(CorruptLog):
        await (await stores.open()).load(session.session_id)


async def test_a_row_that_was_changed_is_found(stores: Stores, store: SessionStore) -> None:
    session = await new_session(store, SessionEnded("deleted"), said())
    row = (await stores.rows(session.session_id))[1]

    await stores.overwrite(dataclasses.replace(row, state=row.state.replace(b"deleted", b"expired")))

    with pytest.raises(CorruptLog, match="version 3 doesn't follow the one before it"):
        await store.read(session.session_id)


async def test_a_row_that_is_no_event_is_found(stores: Stores, store: SessionStore) -> None:
    session = await new_session(store, said())
    row = (await stores.rows(session.session_id))[1]

    await stores.overwrite(dataclasses.replace(row, state=b"\xff"))

    with pytest.raises(CorruptLog):
        await store.read(session.session_id)


async def test_a_row_that_tells_what_can_t_have_happened_is_found(
    stores: Stores, store: SessionStore
) -> None:
    session = await new_session(store, said(), SessionEnded("idle_timeout", uuid4(), "Bye"))
    row = (await stores.rows(session.session_id))[2]

    await stores.overwrite(dataclasses.replace(row, topic=ReplyFailed.topic))

    with pytest.raises(CorruptLog, match=rf"session {session.session_id}, version 3: the log holds an event"):
        await store.read(session.session_id)


async def test_a_first_row_that_starts_nothing_is_found(stores: Stores, store: SessionStore) -> None:
    session = await new_session(store)
    await stores.keys.destroy(session.visitor_id)  # then its topic isn't held against what is sealed
    (row,) = await stores.rows(session.session_id)

    await stores.overwrite(dataclasses.replace(row, topic=VisitorErased.topic))

    with pytest.raises(CorruptLog, match=rf"session {session.session_id}, version 1: a session begins with"):
        await store.read(session.session_id)


async def test_without_the_visitor_s_key_nothing_is_read(stores: Stores, store: SessionStore) -> None:
    session = await new_session(store)

    await stores.remove_key(session.visitor_id)

    with pytest.raises(CorruptLog, match="a visitor's key is missing"):
        await (await stores.open()).load(session.session_id)


async def test_with_another_master_key_nothing_is_read(stores: Stores, store: SessionStore) -> None:
    session = await new_session(store)

    with pytest.raises(CorruptLog, match="MASTER_KEY isn't the one"):
        await (await stores.open(master_key=b"\x01" * 32)).load(session.session_id)


# --- the log beneath


def row(session_id: UUID, version: int) -> StoredEvent:
    return StoredEvent(session_id, version, "tested.v1", b"{}")


async def test_the_log_refuses_holes(stores: Stores) -> None:
    log = await stores.open_log()
    session_id = uuid4()
    committed: list[int] = []

    for first in (2, 3, 100):
        with pytest.raises(Conflict):
            await log.append([row(session_id, first)], lambda: committed.append(0))
    await log.append([row(session_id, 1), row(session_id, 2)], lambda: committed.append(2))
    for first in (0, 1, 2, 4, 100):
        with pytest.raises(Conflict):
            await log.append([row(session_id, first)], lambda: committed.append(0))
    await log.append([row(session_id, 3)], lambda: committed.append(3))

    assert committed == [2, 3]
    assert [one.originator_version for one in await log.read(session_id, 0)] == [1, 2, 3]
    assert [one.originator_version for one in await log.read(session_id, 2)] == [3]


@pytest.mark.parametrize("numbers", [(1, 3), (2, 1), (1, 1), (1, 2, 4)])
async def test_the_log_refuses_rows_that_are_not_in_order_at_once(
    stores: Stores, numbers: tuple[int, ...]
) -> None:
    log = await stores.open_log()
    session_id = uuid4()

    with pytest.raises(IntegrityError):
        log.append([row(session_id, number) for number in numbers], lambda: None)

    assert await log.read(session_id, 0) == []
    await log.append([row(session_id, 1)], lambda: None)


async def test_the_log_tells_of_a_commit_even_if_nobody_waits_for_it(stores: Stores) -> None:
    log = await stores.open_log()
    committed: list[int] = []
    session_id = uuid4()

    log.append([row(session_id, 1)], lambda: committed.append(1)).cancel()

    await until(lambda: committed == [1], "the commit to be told")
    assert len(await log.read(session_id, 0)) == 1


# --- a visitor who is forgotten


async def test_a_visitor_s_sessions_are_those_whose_start_names_the_visitor(store: SessionStore) -> None:
    visitor_id = uuid4()
    mine = {(await store.append(uuid4(), 0, [started(visitor_id)], AT)).session_id for _ in range(3)}
    await new_session(store, said(str(visitor_id)))

    assert set(await store.sessions_of(visitor_id)) == mine
    assert await store.sessions_of(uuid4()) == []


async def test_without_the_key_what_happened_is_read_and_what_was_said_is_not(
    stores: Stores, store: SessionStore
) -> None:
    visitor_id = uuid4()
    session = await store.append(uuid4(), 0, [started(visitor_id), said("my secret")], AT)
    await store.append(session.session_id, 2, [SessionEnded("deleted"), VisitorErased()], AT)
    await WrappedKeyring(MASTER_KEY, stores.keys).destroy(visitor_id)

    read = await (await stores.open()).read(session.session_id)

    assert [type(one.event) for one in read] == [
        SessionStarted,
        VisitorMessagePosted,
        SessionEnded,
        VisitorErased,
    ]
    assert "my secret" not in repr(read)
    assert read[-1].session.erased_at == AT


async def test_a_process_that_knew_the_session_forgets_what_was_said(
    stores: Stores, store: SessionStore
) -> None:
    session = await new_session(store, said("my secret"))
    other = await stores.open()
    await other.load(session.session_id)
    await store.append(session.session_id, 2, [SessionEnded("deleted"), VisitorErased()], AT)

    assert "my secret" not in repr(await other.refresh(session.session_id))
    assert "my secret" not in repr(await store.load(session.session_id))


async def test_nothing_can_be_said_for_a_visitor_whose_key_is_destroyed(
    stores: Stores, store: SessionStore
) -> None:
    visitor_id = uuid4()
    session = await store.append(uuid4(), 0, [started(visitor_id)], AT)
    keyring = WrappedKeyring(MASTER_KEY, stores.keys)

    for _ in range(2):
        await keyring.destroy(visitor_id)

    assert await keyring.find(visitor_id) is None
    with pytest.raises(KeyDestroyed):
        await keyring.create(visitor_id)
    with pytest.raises(KeyDestroyed):
        await store.append(uuid4(), 0, [started(visitor_id)], AT)
    assert await store.sessions_of(visitor_id) == [session.session_id]


async def test_a_key_that_was_never_there_is_not_one_that_was_destroyed(stores: Stores) -> None:
    await stores.open_log()

    with pytest.raises(CorruptLog, match="a visitor's key is missing"):
        await WrappedKeyring(MASTER_KEY, stores.keys).find(uuid4())
