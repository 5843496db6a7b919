"""Conversations on a log in memory: what is posted is answered, once and in order, whatever happens."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from domain.assistant import (
    Assistant,
    AssistantFailed,
    Details,
    NeedsInfo,
    Prompt,
    SessionComplete,
    Suggestions,
)
from domain.conversations import Accepted, Conversations, Rules
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
    Event,
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
from domain.ports import Recorded
from infrastructure.clock import SystemClock
from infrastructure.doorbells import LocalDoorbell
from infrastructure.event_store import SessionStore
from infrastructure.keyring import MemoryKeyTable, WrappedKeyring
from infrastructure.logs import MemoryLog
from tests.support.assistants import Echo, Scripted
from tests.support.waiting import until

T = TypeVar("T", bound=Event)

VISITOR = UUID(int=7)
ENDS_OF_REPLIES = (ReplyCompleted, ReplyStopped, ReplyFailed)


class BrittleLog(MemoryLog):
    """A log in memory that can be put out of reach: appends are refused, or hang until it is back."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses = False
        self.hangs = False
        self.reads = 0
        self.held: list[tuple[asyncio.Future[None], Callable[[], asyncio.Future[None]]]] = []

    def append(self, rows: Sequence[StoredEvent], committed: Callable[[], None]) -> "asyncio.Future[None]":
        if not (self.refuses or self.hangs):
            return super().append(rows, committed)
        future = asyncio.get_running_loop().create_future()
        if self.refuses:
            future.set_exception(Unavailable())
        else:
            self.held.append((future, lambda: super(BrittleLog, self).append(rows, committed)))
        return future

    async def read(self, session_id: UUID, after: int, most: int | None = None) -> Sequence[StoredEvent]:
        self.reads += 1
        return await super().read(session_id, after, most)

    def turn_away(self) -> None:
        """Refuse what hangs."""
        held, self.held = self.held, []
        for future, _ in held:
            future.set_exception(Unavailable())

    def come_back(self) -> None:
        self.refuses = self.hangs = False
        held, self.held = self.held, []
        for future, append in held:
            _settle_like(future, append())


def _settle_like(future: "asyncio.Future[None]", outcome: "asyncio.Future[None]") -> None:
    error = outcome.exception()
    if not future.done():
        future.set_result(None) if error is None else future.set_exception(error)


class World:
    """One log, and as many processes on it as a test needs."""

    def __init__(self) -> None:
        self.log = BrittleLog()
        self.keys = MemoryKeyTable()
        self.doorbells: list[LocalDoorbell] = []
        self.processes: list[Conversations] = []
        self.handed_over: list[UUID] = []

    def process(self, assistant: Assistant | None = None, **rules: object) -> Conversations:
        """A process that has just started, with nothing in its memory."""
        store = SessionStore(self.log, WrappedKeyring(bytes(32), self.keys), LocalDoorbell(self.doorbells))
        quick = Rules(**{"chunk_window": 0.0, **rules})  # type: ignore[arg-type]
        node = f"process {len(self.processes)}"
        conversations = Conversations(store, assistant or Echo(), SystemClock(), quick, node, self.hand_over)
        self.processes.append(conversations)
        return conversations

    async def hand_over(self, session_id: UUID, _: datetime) -> None:
        self.handed_over.append(session_id)

    async def stand_in(self, alive: Conversations, session_id: UUID) -> None:
        """Have one process look after a session, with all others dead."""
        dead = {f"process {number}" for number, process in enumerate(self.processes) if process is not alive}
        await alive.attend(session_id, frozenset(dead))

    async def close(self) -> None:
        await asyncio.gather(*(process.close() for process in self.processes))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.close()


@asynccontextmanager
async def at_once(seconds: float = 10) -> AsyncIterator[None]:
    """What is in here takes no time worth speaking of: only failures pay for the patience."""
    async with asyncio.timeout(seconds):
        yield


async def told(
    conversations: Conversations, session_id: UUID, kind: type[Event], times: int = 1
) -> list[Event]:
    """All events of a session, as a follower is told, up to one of this kind."""
    events: list[Event] = []
    async with at_once(), aclosing(_followed(conversations, session_id)) as followed:
        async for recorded in followed:
            events.append(recorded.event)
            times -= isinstance(recorded.event, kind)
            if not times:
                return events
    raise AssertionError("a session is followed without end")


async def _followed(conversations: Conversations, session_id: UUID) -> AsyncGenerator[Recorded, None]:
    async for batch in conversations.follow(session_id, 0):
        for recorded in batch:
            yield recorded


async def recorded(conversations: Conversations, session_id: UUID) -> list[Event]:
    return [recorded.event for recorded in await conversations.read(session_id)]


def kinds(events: Sequence[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def of_kind(events: Sequence[Event], kind: type[T]) -> list[T]:
    return [event for event in events if isinstance(event, kind)]


def text_of(events: Sequence[Event]) -> str:
    return "".join(part for event in of_kind(events, ReplyChunksRecorded) for part in event.parts)


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


# --- stopping and ending


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


# --- a process that dies, a log that is out of reach


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
