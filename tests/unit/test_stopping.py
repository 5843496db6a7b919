"""Stopping: a reply, by its visitor or with its session, and a whole process."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.conversations import Conversations
from domain.errors import (
    ChatError,
    MessageConflict,
    RateLimited,
    ReplyNotFound,
    SessionNotActive,
    Unavailable,
    VisitorMismatch,
)
from domain.events import (
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    SessionStarted,
    VisitorMessagePosted,
)
from tests.support.assistants import Scripted
from tests.support.processes import VISITOR, World, at_once, kinds, of_kind, recorded, text_of, told
from tests.support.waiting import until

# --- a reply


async def test_stopping_a_reply_stops_its_assistant_and_the_next_message_is_answered(world: World) -> None:
    never = asyncio.Event()
    assistant = Scripted("Let me think ", never)
    conversations = world.process(assistant)
    session = await conversations.start(VISITOR, {})
    await conversations.post(session.session_id, VISITOR, "one")
    await told(conversations, session.session_id, ReplyChunksRecorded)
    await conversations.post(session.session_id, VISITOR, "two")

    await conversations.stop(session.session_id, VISITOR)
    await until(lambda: assistant.closed == 1, "the assistant to be stopped")
    await told(conversations, session.session_id, ReplyStarted, 2)
    await conversations.stop(session.session_id, VISITOR)
    await until(lambda: assistant.closed == 2, "the assistant to be stopped again")

    events = await recorded(conversations, session.session_id)
    stops = of_kind(events, ReplyStopped)
    assert [stop.by for stop in stops] == ["visitor", "visitor"]
    assert [stop.response_id for stop in stops] == [
        start.response_id for start in of_kind(events, ReplyStarted)
    ]
    assert [prompt.text for prompt in assistant.prompts] == ["one", "two"]


async def test_stopping_where_nothing_is_said_changes_nothing(world: World) -> None:
    conversations = world.process()
    session = await conversations.start(VISITOR, {})

    assert await conversations.stop(session.session_id, VISITOR) == session
    assert kinds(await recorded(conversations, session.session_id)) == [SessionStarted]


async def test_a_reply_is_stopped_where_no_doorbell_has_told_of_it(world: World) -> None:
    here, there = world.process(Scripted("Let me think ", asyncio.Event())), world.process()
    session = await there.start(VISITOR, {})
    await here.post(session.session_id, VISITOR, "one")
    await told(here, session.session_id, ReplyChunksRecorded)

    await there.stop(session.session_id, VISITOR)

    assert kinds(await recorded(there, session.session_id))[-1] is ReplyStopped


async def test_deleting_a_session_in_the_middle_of_a_reply_stops_its_assistant_for_good(world: World) -> None:
    never = asyncio.Event()
    assistant = Scripted("Let me think ", never)
    conversations = world.process(assistant)
    session = await conversations.start(VISITOR, {})
    await conversations.post(session.session_id, VISITOR, "one")
    await told(conversations, session.session_id, ReplyChunksRecorded)
    await conversations.post(session.session_id, VISITOR, "two")

    deleted = await conversations.delete(session.session_id, VISITOR)
    again = await conversations.delete(session.session_id, VISITOR)
    await until(lambda: assistant.closed == 1, "the assistant to be stopped")

    assert deleted.ended == "deleted"
    assert again == deleted
    events = await recorded(conversations, session.session_id)
    assert kinds(events[-2:]) == [ReplyStopped, SessionEnded]
    assert of_kind(events, ReplyStopped)[0].by == "session_end"
    assert len(assistant.prompts) == 1
    with pytest.raises(SessionNotActive):
        await conversations.post(session.session_id, VISITOR, "three")


async def test_a_reply_that_is_stopped_says_nothing_more(world: World) -> None:
    pause = asyncio.Event()
    conversations = world.process(Scripted("One ", pause, "two ", "three"))
    session = await conversations.start(VISITOR, {})
    await conversations.post(session.session_id, VISITOR, "count")
    await told(conversations, session.session_id, ReplyChunksRecorded)

    pause.set()
    await conversations.stop(session.session_id, VISITOR)
    await conversations.post(session.session_id, VISITOR, "again")
    events = await told(conversations, session.session_id, ReplyCompleted)

    stopped = next(index for index, event in enumerate(events) if isinstance(event, ReplyStopped))
    assert text_of(events[stopped:]) == "One two three"


# --- a process


async def test_closing_breaks_off_all_replies_and_leaves_the_sessions_as_they_are_recorded(
    world: World,
) -> None:
    never = asyncio.Event()
    conversations = world.process(assistant := Scripted("One ", never, "two"))
    sessions = [await conversations.start(None, {}) for _ in range(3)]
    for session in sessions:
        await conversations.post(session.session_id, session.visitor_id, "count")
        await told(conversations, session.session_id, ReplyChunksRecorded)

    await conversations.close()

    assert assistant.closed == 3
    for session in sessions:
        events = await recorded(conversations, session.session_id)
        assert kinds(events) == [SessionStarted, VisitorMessagePosted, ReplyStarted, ReplyChunksRecorded]


async def test_closing_right_after_a_stop_leaves_the_next_reply_to_another_process(world: World) -> None:
    never = asyncio.Event()
    conversations = world.process(assistant := Scripted("One ", never))
    session = await conversations.start(VISITOR, {})
    await conversations.post(session.session_id, VISITOR, "one")
    await told(conversations, session.session_id, ReplyChunksRecorded)
    await conversations.post(session.session_id, VISITOR, "two")

    await conversations.stop(session.session_id, VISITOR)
    async with at_once():
        await conversations.close()
    after = world.process(answering := Scripted("Two."))
    await world.stand_in(after, session.session_id)

    events = await told(after, session.session_id, ReplyCompleted)
    assert assistant.closed == len(assistant.prompts)
    assert [prompt.text for prompt in answering.prompts] == ["two"]
    assert text_of(events).endswith("Two.")


async def test_a_process_that_stops_begins_no_reply_and_another_begins_it_at_once(world: World) -> None:
    pause = asyncio.Event()
    before = world.process(first := Scripted("One ", pause))
    session = await before.start(VISITOR, {})
    await before.post(session.session_id, VISITOR, "one")
    await told(before, session.session_id, ReplyChunksRecorded)
    await before.post(session.session_id, VISITOR, "two")

    closing = asyncio.create_task(before.close(grace=10))
    await asyncio.sleep(0)
    pause.set()
    async with at_once():
        await closing
    assert kinds(await recorded(before, session.session_id))[-1] is ReplyCompleted
    assert world.handed_over == [session.session_id]
    with pytest.raises(Unavailable):
        await before.attend(session.session_id, frozenset())

    after = world.process(second := Scripted("Two."))
    await world.stand_in(after, session.session_id)
    events = await told(after, session.session_id, ReplyCompleted, 2)

    assert of_kind(events, ReplyFailed) == []
    assert [prompt.text for prompt in (*first.prompts, *second.prompts)] == ["one", "two"]


REFUSED: list[tuple[Callable[[Conversations, UUID], Awaitable[Any]], type[ChatError]]] = [
    (lambda process, session: process.post(session, uuid4(), "three"), VisitorMismatch),
    (lambda process, session: process.stop(session, uuid4()), VisitorMismatch),
    (lambda process, session: process.delete(session, uuid4()), VisitorMismatch),
    (lambda process, session: process.rate(session, VISITOR, uuid4(), "up"), ReplyNotFound),
    (lambda process, session: process.post(session, VISITOR, "three"), RateLimited),
    (lambda process, session: process.post(session, VISITOR, "three", "m-2"), MessageConflict),
]


@pytest.mark.parametrize(("deed", "refusal"), REFUSED)
async def test_what_isnt_allowed_is_refused_also_where_a_message_was_left_to_be_answered(
    world: World, deed: Callable[[Conversations, UUID], Awaitable[Any]], refusal: type[ChatError]
) -> None:
    before = world.process(Scripted("One ", asyncio.Event()))
    session = await before.start(VISITOR, {})
    await before.post(session.session_id, VISITOR, "one")
    await before.post(session.session_id, VISITOR, "two", "m-2")
    closing = asyncio.create_task(before.close(grace=10))
    await asyncio.sleep(0)
    await before.stop(session.session_id, VISITOR)
    await closing
    after = world.process(messages_per_minute=2)
    await after.enter(session.session_id, VISITOR)

    with pytest.raises(refusal):
        await deed(after, session.session_id)

    assert kinds(await recorded(after, session.session_id))[-1] is ReplyStopped
