"""The application service: everything that can be done with a conversation.

Load, decide, append; another writer was first: load again and decide again. A posted message is
answered by a reply that runs on its own: whoever asked learns of it by following the session.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from msgspec import Struct

from domain import session as decide
from domain.assistant import Assistant, AssistantFailed, Prompt
from domain.deadlines import IdleRules, next_deadline, on_due
from domain.errors import (
    ChatError,
    Conflict,
    InvalidRequest,
    KeyDestroyed,
    ReplyClosed,
    Restarting,
    SessionNotFound,
    Unavailable,
    sayable,
)
from domain.events import Event, Rating, ReplyChunksRecorded, SessionEnded
from domain.ports import Clock, EventStore, Recorded
from domain.session import ChatSession, Reply
from domain.speech import Speech

logger = logging.getLogger(__name__)

T = TypeVar("T")
Decision = Callable[[ChatSession, datetime], list[Event]]
HandOver = Callable[[UUID, datetime], Awaitable[None]]

HAND_OVER_SECONDS = 3.0
"""How long a process that stops may take, after all else, to leave what waits to others."""


_WHATEVER_THE_SESSION = (InvalidRequest, Unavailable)
"""Refusals that no newer state of the session would change."""


class Rules(Struct, frozen=True):
    """What an operator may set. `chunk_window` and `accept_within` are in seconds."""

    session_lifetime: timedelta = timedelta(hours=24)
    chunk_window: float = 0.1
    max_message_chars: int = 4000
    messages_per_minute: int = 30
    messages_per_session: int = 1000
    accept_within: float = 10.0
    idle: IdleRules = IdleRules()


class Accepted(Struct, frozen=True):
    """A message is on the record, as `message_id`, at `version`."""

    message_id: UUID
    version: int


class _Speaker(Struct, frozen=True, eq=False):
    session_id: UUID
    task: asyncio.Task[None]


class Conversations:
    """All conversations, as far as this process takes part in them. `node` is the name of this process; with
    `hand_over` it gives a session in which a message waits to the others, once it is about to stop."""

    def __init__(
        self,
        store: EventStore,
        assistant: Assistant,
        clock: Clock,
        rules: Rules,
        node: str,
        hand_over: HandOver | None = None,
    ) -> None:
        self._store = store
        self._assistant = assistant
        self._clock = clock
        self._rules = rules
        self._node = node
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._speakers: dict[UUID, _Speaker] = {}  # by reply
        self._deeds: set[asyncio.Task[Any]] = set()
        self._hand_over = hand_over
        self._left: set[UUID] = set()
        self._is_closing = False

    # --- what visitors do

    async def start(self, visitor_id: UUID | None, metadata: Mapping[str, str]) -> ChatSession:
        """Begin a session, for a new visitor unless one is named who wasn't erased. Raises Unavailable."""
        visitor_id = visitor_id or self._clock.new_id()
        try:
            return await self._within_limit(self._start(visitor_id, metadata))
        except KeyDestroyed:
            # Whoever asked to be forgotten and comes back, with an id that a browser kept, is somebody new.
            return await self._within_limit(self._start(self._clock.new_id(), metadata))

    async def enter(self, session_id: UUID, visitor_id: UUID, seen: int | None = None) -> ChatSession:
        """The session as it is now, for its own visitor.

        Whoever has seen it up to a version and is about to follow it is content with what this process knows,
        if that goes so far: most who come back have lost their connection and nothing else.

        Raises SessionNotFound, VisitorMismatch, Unavailable.
        """
        session = None if seen is None else await self._store.load(session_id)
        if session is None or seen is None or session.version < seen:
            session = await self._store.refresh(session_id)
        if session is None:
            raise SessionNotFound
        decide.recognise(session, visitor_id)
        return session

    async def post(
        self, session_id: UUID, visitor_id: UUID, text: str, client_message_id: str | None = None
    ) -> Accepted:
        """Record a message and see that it is answered.

        Raises what `session.post` raises, SessionNotFound, VisitorMismatch, and Unavailable; after the
        last, only a `client_message_id` makes it safe to send the message again.
        """
        return await self._within_limit(self._post(session_id, visitor_id, text, client_message_id))

    async def stop(self, session_id: UUID, visitor_id: UUID) -> ChatSession:
        """Stop the open reply, if there is one. Raises SessionNotFound, VisitorMismatch, Unavailable."""
        return await self._decide_for(session_id, visitor_id, lambda session, _: decide.stop_reply(session))

    async def rate(
        self, session_id: UUID, visitor_id: UUID, response_id: UUID, rating: Rating, comment: str = ""
    ) -> ChatSession:
        """Record what the visitor thinks of a reply.

        Raises what `session.rate` raises, SessionNotFound, VisitorMismatch, Unavailable.
        """
        return await self._decide_for(
            session_id,
            visitor_id,
            lambda session, now: decide.rate(
                session,
                response_id,
                rating,
                comment,
                per_minute=self._rules.messages_per_minute,
                per_session=self._rules.messages_per_session,
                now=now,
            ),
        )

    async def delete(self, session_id: UUID, visitor_id: UUID) -> ChatSession:
        """End the session. Raises SessionNotFound, VisitorMismatch, Unavailable."""
        return await self._decide_for(
            session_id, visitor_id, lambda session, _: decide.end(session, SessionEnded("deleted"))
        )

    def follow(self, session_id: UUID, after: int) -> AsyncGenerator[Sequence[Recorded], None]:
        """All that happens in a session after a version: first what has, then what does."""
        return self._store.follow(session_id, after)

    async def read(self, session_id: UUID, after: int = 0, most: int | None = None) -> Sequence[Recorded]:
        """All that has happened in a session after a version, or the first of it. Raises Unavailable."""
        return await self._store.read(session_id, max(0, after), most)

    async def made_of(self, session_id: UUID, make: Callable[[Sequence[Recorded]], T]) -> T:
        """What is made, in a thread, of all that has happened in a session.

        Raises SessionNotFound, Unavailable.
        """
        return await self._store.made_of(session_id, make)

    # --- what time brings, and the death of a process

    async def attend(self, session_id: UUID, dead: frozenset[str]) -> datetime | None:
        """Do what is due in a session: stand in for a process that is dead, warn, end.

        Says when to look at it again, None for never. Raises Unavailable, CorruptLog.
        """
        if self._is_closing:
            raise Restarting  # whoever looks next can also begin the reply that may be due

        def decision(session: ChatSession, now: datetime) -> list[Event]:
            if self._is_abandoned(session.open_reply, dead):
                return decide.give_up_interrupted(session)
            return on_due(session, now, self._rules.idle, self._clock.new_id())

        try:
            session = await self._decide(session_id, decision, afresh=True)
        except SessionNotFound:
            return None
        return next_deadline(session, self._clock.now(), self._rules.idle)

    def _is_abandoned(self, reply: Reply | None, dead: frozenset[str]) -> bool:
        if reply is None:
            return False
        is_ours = reply.node == self._node
        return reply.response_id not in self._speakers if is_ours else reply.node in dead

    # --- the process

    @property
    def speaking(self) -> int:
        """How many replies this process is speaking."""
        return len(self._speakers)

    async def check(self) -> None:
        """Return if messages could be recorded now, as far as that can be told. Raises Unavailable."""
        if self._is_closing:
            raise Restarting
        await self._store.check()

    async def close(self, grace: float = 0.0) -> None:
        """Take no more messages; let what is being spoken be said, for `grace` seconds at most, and break off
        the rest, for another process to stand in. Whoever follows is given all there is, and no more.
        """
        self._is_closing = True
        self._hang_up()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while tasks := self._tasks():
                    await asyncio.wait(tasks)
        for task in (tasks := self._tasks()):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(TimeoutError, Unavailable):  # then it is looked at when it is due
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await asyncio.gather(*map(self._leave, self._left))
        self._hang_up()

    async def _leave(self, session_id: UUID) -> None:
        """Have another process look at once at a session in which a message waits for its reply."""
        if self._hand_over:
            await self._hand_over(session_id, self._clock.now())
        self._left.discard(session_id)

    def _tasks(self) -> list[asyncio.Task[Any]]:
        return [*self._deeds, *(speaker.task for speaker in self._speakers.values())]

    def _hang_up(self) -> None:
        self._store.hang_up(but={speaker.session_id for speaker in self._speakers.values()})

    # --- deciding

    async def _start(self, visitor_id: UUID, metadata: Mapping[str, str]) -> ChatSession:
        now, session_id = self._clock.now(), self._clock.new_id()
        events = decide.start(visitor_id, now, self._rules.session_lifetime, metadata)
        try:
            return await self._store.append(session_id, 0, events, now)
        except KeyDestroyed:
            # Perhaps it was recorded, too late for whoever was erasing this visitor to see it.
            if await self._store.refresh(session_id):
                await self._decide(session_id, lambda session, _: decide.erase(session))
            raise

    async def _post(
        self, session_id: UUID, visitor_id: UUID, text: str, client_message_id: str | None
    ) -> Accepted:
        message_id = self._clock.new_id()

        def decision(session: ChatSession, now: datetime) -> list[Event]:
            if self._is_closing:
                raise Restarting
            decide.recognise(session, visitor_id)
            return decide.post(
                session,
                text=text,
                max_chars=self._rules.max_message_chars,
                per_minute=self._rules.messages_per_minute,
                per_session=self._rules.messages_per_session,
                message_id=message_id,
                client_message_id=client_message_id,
                now=now,
            )

        session = await self._decide(session_id, decision)
        if client_message_id is not None:
            posted = session.posted[client_message_id]
            return Accepted(posted.message_id, posted.version)
        return Accepted(message_id, session.version_of(message_id))

    async def _decide_for(self, session_id: UUID, visitor_id: UUID, decision: Decision) -> ChatSession:
        def decision_for_visitor(session: ChatSession, now: datetime) -> list[Event]:
            decide.recognise(session, visitor_id)
            return decision(session, now)

        return await self._within_limit(self._decide(session_id, decision_for_visitor))

    async def _decide(self, session_id: UUID, decision: Decision, *, afresh: bool = False) -> ChatSession:
        """The session after a decision, which is made on what is known here, unless it must be made `afresh`.

        What is known may be behind other processes. Events that were decided on it conflict; but that there
        is nothing to do, or that it isn't allowed, is only believed of the session as the log has it now.
        """
        # Taking turns spares conflicts within this process; those with others are decided again.
        turn = self._turns.setdefault(session_id, asyncio.Lock())
        async with turn:
            known = None if afresh else self._store.recall(session_id)
            while True:
                session = known or await self._store.refresh(session_id)
                if session is None:
                    raise SessionNotFound
                is_known, known = known is not None, None
                now = self._clock.now()
                try:
                    events = decision(session, now)
                except ChatError as refusal:
                    if is_known and not isinstance(refusal, _WHATEVER_THE_SESSION):
                        continue
                    raise
                if events or self._has_next(session):
                    try:
                        return await self._append(session, events, now)
                    except Conflict:
                        pass
                    except KeyDestroyed:
                        await self._say_erased(session, now)
                elif not is_known:
                    return session

    async def _say_erased(self, session: ChatSession, now: datetime) -> None:
        """Its visitor was forgotten just before it was recorded, and who recorded it has died since."""
        with suppress(Conflict):
            await self._store.append(session.session_id, session.version, decide.erase(session), now)

    def _has_next(self, session: ChatSession) -> bool:
        """Whether a message waits, though no reply is open: it was left by a process that has stopped."""
        return _waits(session) and not self._is_closing

    async def _append(self, session: ChatSession, events: list[Event], now: datetime) -> ChatSession:
        if events and isinstance(events[-1], ReplyChunksRecorded):
            # By far the commonest, and nothing waits for them.
            return await self._store.append(session.session_id, session.version, events, now)
        # What waits is answered next, from the same moment on: a message never waits but for an open reply.
        then = decide.evolve_all(session, events, now)
        if self._is_closing:
            return await self._append_last(then, session.version, events, now)
        begun = decide.begin_reply(then, self._clock.new_id(), self._assistant.name, self._node)
        # The assistant is asked while this is being recorded. What it says waits: recording takes turns.
        speaker = self._speak(decide.evolve_all(then, begun, now)) if begun else None
        try:
            return await self._store.append(session.session_id, session.version, [*events, *begun], now)
        except BaseException:
            if speaker:
                speaker.cancel()
            raise

    async def _append_last(
        self, then: ChatSession, after: int, events: list[Event], now: datetime
    ) -> ChatSession:
        """Record what comes at the end, and leave what waits to another process: it may say all of it."""
        is_left = _waits(then)
        if is_left:
            self._left.add(then.session_id)  # first: whoever waits for the append may be broken off
        recorded = await self._store.append(then.session_id, after, events, now)
        if is_left:
            leaving = asyncio.create_task(self._leave(then.session_id))
            self._deeds.add(leaving)
            leaving.add_done_callback(self._done)
        return recorded

    async def _insist(self, session_id: UUID, decision: Decision) -> ChatSession:
        """Decide, however long the log is out of reach: for words that have been thought already."""
        delay = 0.1
        while True:
            try:
                return await self._decide(session_id, decision)
            except Unavailable:
                await asyncio.sleep(delay)
                delay = min(delay * 2, 2.0)

    async def _within_limit(self, deed: Coroutine[Any, Any, T]) -> T:
        """Wait for a deed, but not for ever. It is done to its end even if whoever asked goes away."""
        work = asyncio.create_task(deed)
        self._deeds.add(work)
        work.add_done_callback(self._done)
        try:
            async with asyncio.timeout(self._rules.accept_within):
                return await asyncio.shield(work)
        except TimeoutError:
            raise Unavailable from None
        except asyncio.CancelledError:
            if work.cancelled():
                raise Restarting from None
            raise

    def _done(self, work: asyncio.Task[Any]) -> None:
        self._deeds.discard(work)
        if not work.cancelled():
            work.exception()  # whoever waits is told of it; and nobody may wait any more

    # --- answering

    def _speak(self, session: ChatSession) -> asyncio.Task[None]:
        """Have the open reply spoken."""
        reply = session.open_reply
        assert reply is not None
        task = asyncio.create_task(self._answer(session, reply))
        self._speakers[reply.response_id] = _Speaker(session.session_id, task)
        task.add_done_callback(lambda _: self._has_spoken(reply.response_id))
        return task

    def _has_spoken(self, response_id: UUID) -> None:
        del self._speakers[response_id]
        if self._is_closing:
            self._hang_up()

    async def _answer(self, session: ChatSession, reply: Reply) -> None:
        try:
            await self._speak_to_the_end(session, reply)
        except Exception as error:
            told = {"session_id": session.session_id}
            logger.error("answering broke off: %s", sayable(error), extra=told)
            logger.debug("answering broke off", exc_info=error, extra=told)

    async def _speak_to_the_end(self, session: ChatSession, reply: Reply) -> None:
        session_id, response_id = session.session_id, reply.response_id

        async def record(words: Sequence[str], delays: Sequence[int]) -> None:
            await self._insist(
                session_id, lambda session, _: decide.record_words(session, response_id, words, delays)
            )

        speech = Speech(reply.started_at, self._clock, self._rules.chunk_window, record)
        try:
            await self._until_closed(
                session_id, reply, speech.speak(self._assistant, prompt_for(session, reply))
            )
            end = partial(decide.complete_reply, response_id=response_id, findings=speech.findings)
        except AssistantFailed as failure:
            logger.warning("a reply failed: %s", failure.reason, extra={"session_id": session_id})
            end = partial(
                decide.fail_reply, response_id=response_id, reason=failure.reason, findings=speech.findings
            )
        except ReplyClosed:
            return
        with suppress(ReplyClosed):
            await self._insist(session_id, lambda session, _: end(session))

    async def _until_closed(
        self, session_id: UUID, reply: Reply, speaking: Coroutine[Any, Any, None]
    ) -> None:
        """Speak until somebody closes the reply, wherever that is. Raises ReplyClosed."""
        task = asyncio.create_task(speaking)
        is_closed = False

        def look(session: ChatSession) -> None:
            nonlocal is_closed
            if _is_over(session, reply):
                is_closed = True
                task.cancel()

        with self._store.watch(session_id, look):
            try:
                await task
            except asyncio.CancelledError:
                if is_closed:
                    raise ReplyClosed from None
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                raise


def _waits(session: ChatSession) -> bool:
    return bool(session.waiting) and not (session.open_reply or session.ended)


def _is_over(session: ChatSession, reply: Reply) -> bool:
    """Whether a session, once it has come as far as this reply, says that it is open no more."""
    latest = session.open_reply
    is_open = latest is not None and latest.response_id == reply.response_id
    return session.version >= reply.started_version and not is_open


def prompt_for(session: ChatSession, reply: Reply) -> Prompt:
    """What an assistant is given to speak a reply."""
    unanswered = {reply.question.version, *(question.version for question in session.waiting)}
    return Prompt(
        text=reply.question.text,
        turns=tuple(turn for turn in session.turns if turn.version not in unanswered),
        details=session.details,
        asked_for=bool(session.needs_info),
    )
