"""Conversations when a process dies or the log is out of reach: what is accepted is answered, and once."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from domain.deadlines import IdleRules
from domain.errors import Unavailable
from domain.events import (
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    SessionEnded,
    SessionStarted,
    VisitorErased,
    VisitorMessagePosted,
)
from tests.support.assistants import Scripted
from tests.support.processes import VISITOR, World, kinds, of_kind, recorded, text_of, told
from tests.support.waiting import until


async def test_a_reply_whose_process_has_died_is_answered_anew(world: World) -> None:
    never = asyncio.Event()
    before = world.process(Scripted("I was ", never))
    session = await before.start(VISITOR, {})
    await before.post(session.session_id, VISITOR, "one")
    await told(before, session.session_id, ReplyChunksRecorded)
    await before.post(session.session_id, VISITOR, "two")
    await before.close()

    after = world.process(assistant := Scripted("Here I am."))
    entered = await after.enter(session.session_id, VISITOR)
    await world.stand_in(after, session.session_id)
    events = await told(after, session.session_id, ReplyCompleted, 2)

    assert entered.open_reply is not None
    (failed,) = of_kind(events, ReplyFailed)
    assert failed == ReplyFailed(entered.open_reply.response_id, "interrupted", again=True)
    one, two = [event.message_id for event in of_kind(events, VisitorMessagePosted)]
    assert [event.message_id for event in of_kind(events, ReplyStarted)] == [one, one, two]
    assert [prompt.text for prompt in assistant.prompts] == ["one", "two"]


async def test_a_message_whose_reply_is_interrupted_twice_is_not_tried_a_third_time(world: World) -> None:
    never = asyncio.Event()
    process = world.process(Scripted("I was ", never))
    session = await process.start(VISITOR, {})
    await process.post(session.session_id, VISITOR, "a question that kills")
    await told(process, session.session_id, ReplyChunksRecorded)
    await process.close()

    process = world.process(Scripted("Once more ", never))
    await world.stand_in(process, session.session_id)
    await told(process, session.session_id, ReplyChunksRecorded, 2)
    await process.close()

    process = world.process(assistant := Scripted("Hello again."))
    await world.stand_in(process, session.session_id)
    events = await told(process, session.session_id, ReplyFailed, 2)
    await process.post(session.session_id, VISITOR, "another question")
    await told(process, session.session_id, ReplyCompleted)

    assert [event.again for event in of_kind(events, ReplyFailed)] == [True, False]
    assert [prompt.text for prompt in assistant.prompts] == ["another question"]


async def test_a_message_whose_process_has_died_as_it_was_recorded_is_answered_by_the_next(
    world: World,
) -> None:
    before = world.process()
    session = await before.start(VISITOR, {})
    world.log.hangs = True  # the process never learns that its message is recorded
    posting = asyncio.create_task(before.post(session.session_id, VISITOR, "hello", "m-1"))
    await until(lambda: bool(world.log.held), "the message to be on its way")
    await before.close()
    await asyncio.gather(posting, return_exceptions=True)
    world.log.come_back()

    after = world.process(Scripted("Hello."))
    await world.stand_in(after, session.session_id)

    events = await told(after, session.session_id, ReplyCompleted)
    assert [event.again for event in of_kind(events, ReplyFailed)] == [True]
    assert len(of_kind(events, ReplyStarted)) == 2
    assert len(of_kind(events, VisitorMessagePosted)) == 1


async def test_a_message_is_answered_although_its_sender_went_away_while_it_was_being_recorded(
    world: World,
) -> None:
    conversations = world.process(Scripted("Hello."))
    session = await conversations.start(VISITOR, {})
    world.log.hangs = True
    posting = asyncio.create_task(conversations.post(session.session_id, VISITOR, "hello"))
    await until(lambda: bool(world.log.held), "the message to be on its way")

    posting.cancel()
    await asyncio.gather(posting, return_exceptions=True)
    world.log.come_back()

    events = await told(conversations, session.session_id, ReplyCompleted)
    assert len(of_kind(events, ReplyStarted)) == 1


async def test_a_message_is_refused_while_the_log_is_out_of_reach(world: World) -> None:
    conversations = world.process()
    session = await conversations.start(VISITOR, {})
    world.log.refuses = True

    with pytest.raises(Unavailable):
        await conversations.post(session.session_id, VISITOR, "hello")
    with pytest.raises(Unavailable):
        await conversations.start(None, {})

    world.log.come_back()
    await conversations.post(session.session_id, VISITOR, "hello again")
    events = await told(conversations, session.session_id, ReplyCompleted)
    assert [event.text for event in of_kind(events, VisitorMessagePosted)] == ["hello again"]


async def test_a_message_that_got_no_answer_in_time_is_recorded_once_when_it_is_sent_again(
    world: World,
) -> None:
    conversations = world.process(accept_within=0.02)
    session = await conversations.start(VISITOR, {})
    world.log.hangs = True

    with pytest.raises(Unavailable):
        await conversations.post(session.session_id, VISITOR, "hello", "m-1")
    world.log.come_back()
    accepted = await conversations.post(session.session_id, VISITOR, "hello", "m-1")

    events = await told(conversations, session.session_id, ReplyCompleted)
    (posted,) = of_kind(events, VisitorMessagePosted)
    assert accepted.message_id == posted.message_id


async def test_words_that_were_said_are_recorded_when_the_log_is_back(world: World) -> None:
    pause = asyncio.Event()
    conversations = world.process(assistant := Scripted("One ", pause, "two ", "three"))
    session = await conversations.start(VISITOR, {})
    await conversations.post(session.session_id, VISITOR, "count")
    await told(conversations, session.session_id, ReplyChunksRecorded)

    world.log.refuses = True
    pause.set()
    await until(lambda: assistant.closed == 1, "all to be said")
    assert kinds(await recorded(conversations, session.session_id))[-1] is ReplyChunksRecorded
    world.log.come_back()

    events = await told(conversations, session.session_id, ReplyCompleted)
    assert text_of(events) == "One two three"


async def test_a_session_that_began_unseen_as_its_visitor_was_forgotten_is_erased_when_it_is_due(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def out_of_reach(_: UUID) -> bytes | None:
        raise Unavailable

    conversations = world.process(idle=IdleRules(warning_after=timedelta(0)))
    world.log.hangs = True
    starting = asyncio.create_task(conversations.start(VISITOR, {}))
    await until(lambda: len(world.log.held) == 1, "the session to be recorded")
    await world.keys.destroy(VISITOR)
    with monkeypatch.context() as patched:
        patched.setattr(world.keys, "select", out_of_reach)
        world.log.come_back()
        with pytest.raises(Unavailable):
            await starting
    (session_id,) = await world.log.sessions_of(VISITOR)

    await world.stand_in(conversations, session_id)

    events = await recorded(conversations, session_id)
    assert kinds(events) == [SessionStarted, SessionEnded, VisitorErased]
