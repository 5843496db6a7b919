"""A log that isn't what was recorded is found to be so by whoever reads it."""

import asyncio
import dataclasses
from uuid import uuid4

import pytest

from domain.errors import Conflict, CorruptLog
from domain.events import ReplyFailed, SessionEnded, VisitorErased, VisitorMessagePosted
from infrastructure.event_store import SessionStore
from tests.support.recording import AT, follow, new_session, said, versions
from tests.support.stores import Stores


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


async def test_a_log_that_has_lost_its_end_is_gone_on_with_from_where_it_stands(
    stores: Stores, store: SessionStore
) -> None:
    session_id = (await new_session(store, said("one"), said("lost"))).session_id
    following = asyncio.create_task(follow(store, session_id, 2, 4))
    await asyncio.sleep(0)

    await stores.remove(session_id, 3)
    with pytest.raises(Conflict):
        await store.append(session_id, 3, [said("three")], AT)
    session = await store.load(session_id)
    assert session is not None
    assert session.version == 2
    await store.append(session_id, 2, [said("two"), said("three")], AT)

    events = [recorded.event for recorded in await store.read(session_id)]
    assert [event.text for event in events if isinstance(event, VisitorMessagePosted)] == [
        "one",
        "two",
        "three",
    ]
    assert versions(await following) == [3, 4]
