"""Following a session: what is recorded, then what is being recorded, without gap or repetition."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from domain.ports import Recorded
from infrastructure import event_store, snapshots, tail
from infrastructure.event_store import SessionStore
from infrastructure.logs import Log
from tests.support.recording import AT, counted, follow, new_session, put, said, seen, started, versions
from tests.support.stores import Stores
from tests.support.waiting import until


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
    opened = counted(monkeypatch)
    follows = [follow(store, session.session_id, after, 95) for after in (91, 93, 93, 92)]
    told = await asyncio.gather(*follows)

    assert [versions(each) for each in told] == [[92, 93, 94, 95], [94, 95], [94, 95], [93, 94, 95]]
    assert opened == [91, 92, 93, 94, 95], "once for all, and no more than that"
    assert seen(told[0]) == seen(await store.read(session.session_id, 91))


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
        self.check = log.check
        self.since = log.since
        self.latest = log.latest
        self.sessions_of = log.sessions_of
        self.heads = log.heads
        self.late: asyncio.Event | None = None
        self.is_late = False

    def append(self, rows: Sequence[StoredEvent], committed: Callable[[], None]) -> "asyncio.Future[None]":
        late, self.late = self.late, None
        return asyncio.create_task(self._append(rows, committed, late))

    async def _append(
        self, rows: Sequence[StoredEvent], committed: Callable[[], None], late: asyncio.Event | None
    ) -> None:
        await self._log.append(rows, lambda: None)
        if late:
            self.is_late = True
            await late.wait()
        committed()

    async def read(self, session_id: UUID, after: int, most: int | None = None) -> Sequence[StoredEvent]:
        late, self.late = self.late, None
        rows = await self._log.read(session_id, after, most)
        if late:
            self.is_late = True
            await late.wait()
        return rows


async def test_what_is_learned_late_takes_back_nothing_that_is_known_since(
    stores: Stores, store: SessionStore
) -> None:
    session = await new_session(store)
    log = LateLog(await stores.open_log())
    other = stores.on(log)
    following = asyncio.create_task(follow(other, session.session_id, 0, 4))
    await other.load(session.session_id)
    await store.append(session.session_id, 1, [said()], AT)

    log.late = answer = asyncio.Event()
    refreshing = asyncio.create_task(other.refresh(session.session_id))
    await until(lambda: log.is_late, "the log to be asked")
    await other.refresh(session.session_id)
    latest = await other.append(session.session_id, 2, [said()], AT)
    answer.set()
    await refreshing

    assert await other.load(session.session_id) == latest
    assert versions(await follow(other, session.session_id, 2, 3)) == [3]
    await other.append(session.session_id, 3, [said()], AT)
    assert versions(await following) == [1, 2, 3, 4]


async def test_what_others_record_while_a_session_is_being_read_is_not_passed_by(
    stores: Stores, store: SessionStore
) -> None:
    session = await new_session(store)
    log = LateLog(await stores.open_log())
    other = stores.on(log)
    await other.open()

    log.late = answer = asyncio.Event()
    reading = asyncio.create_task(other.refresh(session.session_id))
    await until(lambda: log.is_late, "the session to be read")
    latest = await store.append(session.session_id, 1, [said()], AT)
    await other.look()
    answer.set()
    await reading

    assert await other.load(session.session_id) == latest
    assert versions(await follow(other, session.session_id, 1, 2)) == [2]


async def test_what_others_record_while_we_dont_know_yet_of_our_own_commit_is_not_passed_by(
    stores: Stores, store: SessionStore
) -> None:
    session = await new_session(store)
    log = LateLog(await stores.open_log())
    other = stores.on(log)
    await other.open()
    await other.load(session.session_id)

    log.late = answer = asyncio.Event()
    appending = asyncio.create_task(other.append(session.session_id, 1, [said()], AT))
    await until(lambda: log.is_late, "the commit")
    await store.refresh(session.session_id)
    latest = await store.append(session.session_id, 2, [said()], AT)
    await other.look()
    answer.set()
    await appending

    assert await other.load(session.session_id) == latest
    assert versions(await follow(other, session.session_id, 2, 3)) == [3]


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
