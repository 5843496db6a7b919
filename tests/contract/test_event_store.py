"""What `domain.ports.EventStore` promises of what is recorded and read, told once and kept by every log."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from domain.errors import Conflict, CorruptLog, KeyDestroyed
from domain.events import (
    DetailsCollected,
    Event,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyStarted,
    SessionEnded,
    SessionStarted,
    VisitorErased,
    VisitorMessagePosted,
)
from infrastructure import event_store, snapshots
from infrastructure.event_store import SessionStore
from infrastructure.keyring import WrappedKeyring
from tests.support.chain import fault_in
from tests.support.history import fold
from tests.support.recording import AT, counted, follow, new_session, put, said, started, versions
from tests.support.stores import MASTER_KEY, Stores

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
    opened = counted(monkeypatch)

    beginning = await store.read(session.session_id, 0, most=12)

    assert versions(beginning) == [*range(1, 13)]
    assert opened == [*range(1, 21)]
    assert versions(await store.read(session.session_id, 90, most=12)) == [91, 92, 93, 94, 95]


async def test_a_long_session_is_learned_page_by_page(
    stores: Stores, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_store, "PAGE_EVENTS", 10)
    session = await new_session(store, *(said() for _ in range(94)))
    log = await stores.open_log()
    read, pages = log.read, list[int]()

    async def noted(session_id: UUID, after: int, most: int | None = None) -> Sequence[StoredEvent]:
        rows = await read(session_id, after, most)
        pages.append(len(rows))
        return rows

    monkeypatch.setattr(log, "read", noted)
    other = stores.on(log)

    assert await other.load(session.session_id) == session
    assert pages == [10] * 9 + [5]


# --- a visitor who is forgotten


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


async def test_what_another_process_erases_is_in_no_memory_of_a_session_that_was_only_read(
    stores: Stores, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "SNAPSHOT_EVENTS", 10)
    session = await new_session(store, said("a secret"))
    other = await stores.open()
    await other.open()
    await other.load(session.session_id)
    session = await store.append(session.session_id, 2, [said("a secret") for _ in range(30)], AT)
    await other.read(session.session_id)
    await other.look()

    await store.append(session.session_id, 32, [SessionEnded("deleted"), VisitorErased()], AT)
    await other.look()

    assert not any("a secret" in str(kept.session) for kept in other._snapshots._kept.values())


async def test_nothing_is_said_where_a_visitor_was_forgotten_before_the_start_was_recorded(
    stores: Stores, store: SessionStore
) -> None:
    session = await new_session(store)
    await WrappedKeyring(MASTER_KEY, stores.keys).destroy(session.visitor_id)
    other = await stores.open()

    with pytest.raises(KeyDestroyed):
        await other.append(session.session_id, 1, [said()], AT)
    assert versions(await other.read(session.session_id)) == [1]
    await other.append(session.session_id, 1, [SessionEnded("deleted"), VisitorErased()], AT)
    assert versions(await other.read(session.session_id)) == [1, 2, 3]


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
