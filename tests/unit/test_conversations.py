"""Conversations on a log in memory: what is posted is answered, once and in order."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from domain.assistant import AssistantFailed, Details, NeedsInfo, Prompt, SessionComplete, Suggestions
from domain.conversations import Accepted, Conversations
from domain.errors import (
    MessageConflict,
    MessageRequired,
    SessionExpired,
    SessionNotActive,
    SessionNotFound,
    Unavailable,
    VisitorMismatch,
)
from domain.events import (
    DetailsCollected,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    SessionStarted,
    SuggestionsOffered,
    VisitorMessagePosted,
)
from tests.support.assistants import Scripted
from tests.support.processes import VISITOR, World, kinds, of_kind, recorded, text_of, told
from tests.support.waiting import until

ENDS_OF_REPLIES = (ReplyCompleted, ReplyStopped, ReplyFailed)


# --- from a message to its reply


async def test_a_message_is_answered_and_whoever_follows_learns_of_it(world: World) -> None:
    assistant = Scripted(
        "Hello ", Details({"name": "Ann"}), "Ann!", Suggestions(("Tell me more",)), NeedsInfo(False)
    )
    conversations = world.process(assistant)
    session = await conversations.start(VISITOR, {"page": "/"})

    accepted = await conversations.post(session.session_id, VISITOR, "I am Ann")
    events = await told(conversations, session.session_id, ReplyCompleted)

    assert kinds(events) == [
        SessionStarted,
        VisitorMessagePosted,
        ReplyStarted,
        *[ReplyChunksRecorded] * len(of_kind(events, ReplyChunksRecorded)),
        DetailsCollected,
        SuggestionsOffered,
        ReplyCompleted,
    ]
    (posted,) = of_kind(events, VisitorMessagePosted)
    assert accepted == Accepted(posted.message_id, version=2)
    assert of_kind(events, ReplyStarted)[0].message_id == accepted.message_id
    assert of_kind(events, ReplyStarted)[0].assistant == "scripted"
    assert text_of(events) == "Hello Ann!"
    assert events == await recorded(conversations, session.session_id)


async def test_a_visitor_who_is_not_named_is_a_new_one(world: World) -> None:
    conversations = world.process()

    one, two = [await conversations.start(None, {}) for _ in range(2)]

    assert one.visitor_id != two.visitor_id
    assert one.session_id != two.session_id
    assert one.expires_at - one.started_at == timedelta(hours=24)


async def test_an_assistant_is_told_what_was_said_before(world: World) -> None:
    assistant = Scripted(Details({"city": "Perth"}), "Noted.", NeedsInfo(True))
    conversations = world.process(assistant)
    session = await conversations.start(VISITOR, {})

    await conversations.post(session.session_id, VISITOR, "I live in Perth")
    await told(conversations, session.session_id, ReplyCompleted)
    await conversations.post(session.session_id, VISITOR, "What now?")
    await told(conversations, session.session_id, ReplyCompleted, 2)

    first, second = assistant.prompts
    assert first == Prompt("I live in Perth")
    assert (second.text, second.details, second.asked_for) == ("What now?", {"city": "Perth"}, True)
    assert [(turn.role, turn.text) for turn in second.turns] == [
        ("visitor", "I live in Perth"),
        ("assistant", "Noted."),
    ]


async def test_messages_that_come_during_a_reply_are_answered_after_it_one_by_one(world: World) -> None:
    pause = asyncio.Event()
    assistant = Scripted("Well ", pause, "then.")
    conversations = world.process(assistant)
    session = await conversations.start(VISITOR, {})

    await conversations.post(session.session_id, VISITOR, "one")
    await told(conversations, session.session_id, ReplyChunksRecorded)
    for text in ("two", "three"):
        await conversations.post(session.session_id, VISITOR, text)
    pause.set()
    events = await told(conversations, session.session_id, ReplyCompleted, 3)

    assert [prompt.text for prompt in assistant.prompts] == ["one", "two", "three"]
    posted = [event.message_id for event in of_kind(events, VisitorMessagePosted)]
    assert [event.message_id for event in of_kind(events, ReplyStarted)] == posted
    ends = [type(event) for event in events if isinstance(event, (ReplyStarted, *ENDS_OF_REPLIES))]
    assert ends == [ReplyStarted, ReplyCompleted] * 3
    assert [turn.text for turn in assistant.prompts[2].turns] == ["one", "two", "Well then.", "Well then."]


async def test_a_message_that_comes_between_two_replies_is_answered_once(world: World) -> None:
    pause = asyncio.Event()
    assistant = Scripted("One ", pause)
    conversations = world.process(assistant)
    session = await conversations.start(VISITOR, {})
    await conversations.post(session.session_id, VISITOR, "first")
    await told(conversations, session.session_id, ReplyChunksRecorded)

    world.log.hangs = True
    pause.set()
    await until(lambda: bool(world.log.held), "the end of the reply to be on its way")
    posting = asyncio.create_task(conversations.post(session.session_id, VISITOR, "second"))
    for _ in range(5):
        await asyncio.sleep(0)
    world.log.come_back()
    await posting

    events = await told(conversations, session.session_id, ReplyCompleted, 2)
    assert of_kind(events, ReplyFailed) == []
    assert [prompt.text for prompt in assistant.prompts] == ["first", "second"]


async def test_sessions_do_not_wait_for_one_another(world: World) -> None:
    pause = asyncio.Event()
    conversations = world.process(Scripted(pause, "At last."))
    sessions = [await conversations.start(None, {}) for _ in range(20)]

    for session in sessions:
        await conversations.post(session.session_id, session.visitor_id, "hello")
    for session in sessions:
        await told(conversations, session.session_id, ReplyStarted)
    pause.set()

    for session in sessions:
        assert text_of(await told(conversations, session.session_id, ReplyCompleted)) == "At last."


async def test_a_session_ends_when_its_assistant_says_so(world: World) -> None:
    conversations = world.process(Scripted("Goodbye.", SessionComplete()))
    session = await conversations.start(VISITOR, {})

    await conversations.post(session.session_id, VISITOR, "that is all")
    events = await told(conversations, session.session_id, SessionEnded)

    assert events[-1] == SessionEnded("completed")
    with pytest.raises(SessionNotActive):
        await conversations.post(session.session_id, VISITOR, "one more thing")


async def test_a_reply_that_fails_leaves_what_was_said_and_the_next_message_is_answered(world: World) -> None:
    assistant = Scripted("I was ", "just about ", AssistantFailed("upstream_error"))
    conversations = world.process(assistant)
    session = await conversations.start(VISITOR, {})

    await conversations.post(session.session_id, VISITOR, "one")
    await conversations.post(session.session_id, VISITOR, "two")
    events = await told(conversations, session.session_id, ReplyFailed, 2)

    assert text_of(events) == "I was just about " * 2
    assert {(event.reason, event.again) for event in of_kind(events, ReplyFailed)} == {
        ("upstream_error", False)
    }
    assert assistant.closed == 2


async def test_a_reply_is_rated_where_no_doorbell_has_told_of_it(world: World) -> None:
    here, there = world.process(), world.process()
    session = await there.start(VISITOR, {})
    await here.post(session.session_id, VISITOR, "one")
    (begun,) = of_kind(await told(here, session.session_id, ReplyCompleted), ReplyCompleted)

    rated = await there.rate(session.session_id, VISITOR, begun.response_id, "up")

    assert rated.feedback[begun.response_id] is not None


async def test_what_is_posted_and_answered_where_it_is_known_is_never_read(world: World) -> None:
    conversations = world.process()
    session = await conversations.start(VISITOR, {})
    before = world.log.reads

    await conversations.post(session.session_id, VISITOR, "one")
    await until(lambda: conversations.speaking == 0, "it to be answered")
    with pytest.raises(MessageRequired):
        await conversations.post(session.session_id, VISITOR, "")

    assert world.log.reads == before


# --- recorded before delivered


async def test_a_follower_is_told_only_what_is_recorded(world: World) -> None:
    pause = asyncio.Event()
    conversations = world.process(Scripted("One ", pause, "two ", "three"))
    session = await conversations.start(VISITOR, {})
    versions: list[int] = []

    async def follow() -> None:
        async for batch in conversations.follow(session.session_id, 0):
            for news in batch:
                stored = await world.log.read(session.session_id, 0)
                assert news.version <= stored[-1].originator_version
                versions.append(news.version)

    following = asyncio.create_task(follow())
    await conversations.post(session.session_id, VISITOR, "count")
    pause.set()
    last = len(await told(conversations, session.session_id, ReplyCompleted))

    await until(lambda: len(versions) == last or following.done(), "the follower to be told")
    assert versions == list(range(1, last + 1))
    following.cancel()


async def test_an_assistant_thinks_while_its_message_is_being_recorded_but_says_nothing_before_it_is(
    world: World,
) -> None:
    conversations = world.process(assistant := Scripted("Hello ", "there."))
    session = await conversations.start(VISITOR, {})
    world.log.hangs = True

    posting = asyncio.create_task(conversations.post(session.session_id, VISITOR, "hello"))
    await until(lambda: assistant.closed == 1, "all to be thought")

    assert len(world.log.held) == 1  # the message and the begin of its reply; no word is on its way
    assert kinds(await recorded(conversations, session.session_id)) == [SessionStarted]
    world.log.come_back()
    await posting
    events = await told(conversations, session.session_id, ReplyCompleted)
    assert kinds(events)[:3] == [SessionStarted, VisitorMessagePosted, ReplyStarted]
    assert text_of(events) == "Hello there."
    assert len(assistant.prompts) == 1


async def test_an_assistant_that_thinks_of_a_message_that_is_refused_is_stopped(world: World) -> None:
    never = asyncio.Event()
    conversations = world.process(assistant := Scripted(never))
    session = await conversations.start(VISITOR, {})
    world.log.hangs = True
    posting = asyncio.create_task(conversations.post(session.session_id, VISITOR, "hello"))
    await until(lambda: len(assistant.prompts) == 1, "the assistant to be asked")

    world.log.turn_away()

    with pytest.raises(Unavailable):
        await posting
    await until(lambda: assistant.closed == 1, "the assistant to be stopped")
    assert kinds(await recorded(conversations, session.session_id)) == [SessionStarted]


async def test_an_assistant_that_thinks_of_a_session_that_has_ended_is_stopped(world: World) -> None:
    never = asyncio.Event()
    here, there = world.process(assistant := Scripted(never)), world.process()
    session = await here.start(VISITOR, {})
    await there.delete(session.session_id, VISITOR)

    with pytest.raises(SessionNotActive):
        await here.post(session.session_id, VISITOR, "hello")

    await until(lambda: assistant.closed == len(assistant.prompts), "the assistant to be stopped")
    assert kinds(await recorded(here, session.session_id)) == [SessionStarted, SessionEnded]


async def test_an_assistant_that_thought_of_less_than_was_said_is_asked_again(world: World) -> None:
    here, there = world.process(assistant := Scripted("Hello.")), world.process(Scripted("Hi."))
    session = await here.start(VISITOR, {})
    await there.post(session.session_id, VISITOR, "one")
    await told(there, session.session_id, ReplyCompleted)

    await here.post(session.session_id, VISITOR, "two")
    events = await told(here, session.session_id, ReplyCompleted, 2)

    assert [turn.text for turn in assistant.prompts[-1].turns] == ["one", "Hi."]
    assert len(of_kind(events, ReplyStarted)) == 2
    assert text_of(events) == "Hi.Hello."


# --- who is refused


@pytest.mark.parametrize("deed", ["enter", "post", "stop", "delete"])
async def test_nothing_is_done_in_a_session_that_nobody_started(world: World, deed: str) -> None:
    conversations = world.process()

    with pytest.raises(SessionNotFound):
        await do(conversations, deed, uuid4(), VISITOR)


@pytest.mark.parametrize("deed", ["enter", "post", "stop", "delete"])
async def test_nothing_is_done_for_a_visitor_who_is_not_the_session_s_own(world: World, deed: str) -> None:
    conversations = world.process()
    session = await conversations.start(VISITOR, {})

    with pytest.raises(VisitorMismatch):
        await do(conversations, deed, session.session_id, UUID(int=8))

    assert kinds(await recorded(conversations, session.session_id)) == [SessionStarted]


async def do(conversations: Conversations, deed: str, session_id: UUID, visitor_id: UUID) -> object:
    match deed:
        case "enter":
            return await conversations.enter(session_id, visitor_id)
        case "post":
            return await conversations.post(session_id, visitor_id, "hello")
        case "stop":
            return await conversations.stop(session_id, visitor_id)
        case _:
            return await conversations.delete(session_id, visitor_id)


async def test_a_stranger_learns_nothing_from_what_he_sends(world: World) -> None:
    conversations = world.process()
    session = await conversations.start(VISITOR, {})

    with pytest.raises(VisitorMismatch):
        await conversations.post(session.session_id, UUID(int=8), "")
    with pytest.raises(MessageRequired):
        await conversations.post(session.session_id, VISITOR, "")


async def test_nothing_is_posted_in_a_session_that_has_expired(world: World) -> None:
    conversations = world.process(session_lifetime=timedelta(0))
    session = await conversations.start(VISITOR, {})

    with pytest.raises(SessionExpired):
        await conversations.post(session.session_id, VISITOR, "too late")


# --- exactly once


async def test_a_message_that_is_sent_again_is_acknowledged_as_it_was_and_answered_once(world: World) -> None:
    assistant = Scripted("Yes.")
    conversations = world.process(assistant)
    session = await conversations.start(VISITOR, {})

    first = await conversations.post(session.session_id, VISITOR, "hello", "m-1")
    together = await asyncio.gather(
        *(conversations.post(session.session_id, VISITOR, "hello", "m-1") for _ in range(5))
    )
    await told(conversations, session.session_id, ReplyCompleted)
    later = await conversations.post(session.session_id, VISITOR, "hello", "m-1")

    assert {first, later, *together} == {first}
    with pytest.raises(MessageConflict):
        await conversations.post(session.session_id, VISITOR, "something else", "m-1")
    assert len(of_kind(await recorded(conversations, session.session_id), VisitorMessagePosted)) == 1
    assert len(assistant.prompts) == 1


async def test_whoever_was_too_late_decides_again_on_what_is_recorded_now(world: World) -> None:
    here, there = world.process(), world.process()
    session = await here.start(VISITOR, {})
    await there.enter(session.session_id, VISITOR)

    await here.post(session.session_id, VISITOR, "one")
    await told(here, session.session_id, ReplyCompleted)
    accepted = await there.post(session.session_id, VISITOR, "two")
    events = await told(there, session.session_id, ReplyCompleted, 2)

    posted = of_kind(events, VisitorMessagePosted)
    assert [event.text for event in posted] == ["one", "two"]
    assert accepted.message_id == posted[1].message_id
    assert events[accepted.version - 1] == posted[1]


async def test_a_message_that_is_sent_to_two_processes_is_recorded_once(world: World) -> None:
    pause = asyncio.Event()
    here, there = world.process(Scripted(pause)), world.process(Scripted(pause))
    session = await here.start(VISITOR, {})
    await there.enter(session.session_id, VISITOR)

    answers = [
        await process.post(session.session_id, VISITOR, "hello", "m-1") for process in (here, there, here)
    ]

    assert len(set(answers)) == 1
    assert len(of_kind(await recorded(here, session.session_id), VisitorMessagePosted)) == 1
