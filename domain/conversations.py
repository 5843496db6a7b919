"""The application service: everything that can be done with a conversation.

Load, decide, append; another writer was first: load again and decide again. A posted message is
answered by a reply that runs on its own: whoever asked learns of it by following the session.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from msgspec import Struct

from domain import session as decide
from domain.assistant import Assistant, AssistantFailed, Prompt
from domain.errors import Conflict, ReplyClosed, SessionNotFound, Unavailable
from domain.events import Event
from domain.ports import Clock, EventStore, Recorded
from domain.session import ChatSession, Reply
from domain.speech import Speech

logger = logging.getLogger(__name__)

T = TypeVar("T")
Decision = Callable[[ChatSession], list[Event]]


class Rules(Struct, frozen=True):
    """What an operator may set. `chunk_window` is in seconds."""

    session_lifetime: timedelta = timedelta(hours=24)
    chunk_window: float = 0.1
    max_message_chars: int = 4000
    accept_within: float = 10.0


class Accepted(Struct, frozen=True):
    """A message is on the record, as `message_id`, at `version`."""

    message_id: UUID
    version: int


class Conversations:
    """All conversations, as far as this process takes part in them."""

    def __init__(self, store: EventStore, assistant: Assistant, clock: Clock, rules: Rules) -> None:
        self._store = store
        self._assistant = assistant
        self._clock = clock
        self._rules = rules
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._speakers: dict[UUID, _Speaker] = {}
        self._deeds: set[asyncio.Task[Any]] = set()

    # --- what visitors do

    async def start(self, visitor_id: UUID | None, metadata: Mapping[str, str]) -> ChatSession:
        """Begin a session, for a new visitor where none is named. Raises Unavailable."""
        now = self._clock.now()
        visitor_id = visitor_id or self._clock.new_id()
        events = decide.start(visitor_id, now, self._rules.session_lifetime, metadata)
        return await self._within_limit(self._store.append(self._clock.new_id(), 0, events, now))

    async def enter(self, session_id: UUID, visitor_id: UUID) -> ChatSession:
        """The session as it is now, for its own visitor.

        Raises SessionNotFound, VisitorMismatch, Unavailable.
        """
        session = await self._store.refresh(session_id)
        if session is None:
            raise SessionNotFound
        decide.recognise(session, visitor_id)
        self._see_to(session)
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
        return await self._decide_for(session_id, visitor_id, decide.stop_reply)

    async def delete(self, session_id: UUID, visitor_id: UUID) -> ChatSession:
        """End the session. Raises SessionNotFound, VisitorMismatch, Unavailable."""
        return await self._decide_for(session_id, visitor_id, decide.delete)

    def follow(self, session_id: UUID, after: int) -> AsyncGenerator[Sequence[Recorded], None]:
        """All that happens in a session after a version: first what has, then what does."""
        return self._store.follow(session_id, after)

    async def read(self, session_id: UUID) -> Sequence[Recorded]:
        """All that has happened in a session. Raises Unavailable."""
        return await self._store.read(session_id)

    async def check(self) -> None:
        """Return if messages could be recorded now, as far as that can be told. Raises Unavailable."""
        await self._store.check()

    async def close(self) -> None:
        """Break off all replies of this process. Their sessions stay as they are recorded."""
        tasks = [*self._deeds, *(speaker.task for speaker in self._speakers.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- deciding

    async def _post(
        self, session_id: UUID, visitor_id: UUID, text: str, client_message_id: str | None
    ) -> Accepted:
        message_id, response_id = self._clock.new_id(), self._clock.new_id()

        def decision(session: ChatSession) -> list[Event]:
            decide.recognise(session, visitor_id)
            now = self._clock.now()
            posted = decide.post(
                session,
                text=text,
                max_chars=self._rules.max_message_chars,
                message_id=message_id,
                client_message_id=client_message_id,
                now=now,
            )
            if not posted or session_id in self._speakers:
                return posted
            # Where nobody speaks, the answer begins with the message: one commit less before its first word.
            asked = decide.evolve_all(session, posted, now)
            return posted + decide.begin_reply(asked, response_id, self._assistant.name)

        def think(session: ChatSession) -> None:
            # The assistant is asked while the message is being recorded. What it says waits for that, since
            # recording takes turns; and where the reply is never begun, what it says finds it closed.
            if session.open_reply and session.open_reply.response_id == response_id:
                self._see_to(session, response_id)

        begun = False
        try:
            session = await self._decide(session_id, decision, meanwhile=think)
            begun = session.reply is not None and session.reply.response_id == response_id
        finally:
            if not begun:
                self._hush(session_id, response_id)
        self._see_to(session)
        if client_message_id is not None:
            posted = session.posted[client_message_id]
            return Accepted(posted.message_id, posted.version)
        return Accepted(message_id, session.version_of(message_id))

    async def _decide_for(self, session_id: UUID, visitor_id: UUID, decision: Decision) -> ChatSession:
        def decision_for_visitor(session: ChatSession) -> list[Event]:
            decide.recognise(session, visitor_id)
            return decision(session)

        async def decide_and_see_to() -> ChatSession:
            session = await self._decide(session_id, decision_for_visitor)
            self._see_to(session)
            return session

        return await self._within_limit(decide_and_see_to())

    async def _decide(
        self, session_id: UUID, decision: Decision, meanwhile: Callable[[ChatSession], None] | None = None
    ) -> ChatSession:
        """The session after a decision. `meanwhile` is told of it as soon as it is sent to the log."""
        # Taking turns spares conflicts within this process; those with others are decided again.
        turn = self._turns.setdefault(session_id, asyncio.Lock())
        async with turn:
            while True:
                session = await self._store.load(session_id)
                if session is None:
                    raise SessionNotFound
                events = decision(session)
                if not events:
                    return session
                now = self._clock.now()
                if meanwhile is not None:
                    meanwhile(decide.evolve_all(session, events, now))
                try:
                    return await self._store.append(session_id, session.version, events, now)
                except Conflict:
                    continue

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

    def _done(self, work: asyncio.Task[Any]) -> None:
        self._deeds.discard(work)
        if not work.cancelled():
            work.exception()  # whoever waits is told of it; and nobody may wait any more

    # --- answering

    def _see_to(self, session: ChatSession, begun: UUID | None = None) -> None:
        """Have what waits answered, and nobody speak on in a reply that is closed.

        `begun` is a reply that this process begins, but that nobody speaks yet.
        """
        speaker = self._speakers.get(session.session_id)
        reply = session.open_reply
        if speaker is not None:
            speaker.look(session)
        elif reply or session.waiting:
            is_ours = reply is not None and reply.response_id == begun
            speaker = self._speakers[session.session_id] = _Speaker(begun if is_ours else None)
            speaker.task = asyncio.create_task(self._answer_all(session, speaker))

    def _hush(self, session_id: UUID, response_id: UUID) -> None:
        speaker = self._speakers.get(session_id)
        if speaker is not None and speaker.response_id == response_id:
            speaker.hush()

    async def _answer_all(self, session: ChatSession, speaker: "_Speaker") -> None:
        session_id = session.session_id
        try:
            if speaker.response_id and not speaker.hushed:
                await self._speak(session, speaker)
            while speaker.called:
                speaker.called = False
                while asked := await self._begin_reply(session_id):
                    await self._speak(asked, speaker)
        except Exception as error:
            logger.error("session %s: answering broke off: %s", session_id, type(error).__qualname__)
            logger.debug("session %s", session_id, exc_info=error)
        finally:
            del self._speakers[session_id]

    async def _begin_reply(self, session_id: UUID) -> ChatSession | None:
        """The session with a reply that has just begun, or None where no message waits."""
        response_id = self._clock.new_id()

        def decision(session: ChatSession) -> list[Event]:
            # Nobody in this process speaks here, so an open reply is one whose process is gone.
            return decide.give_up_interrupted(session) or decide.begin_reply(
                session, response_id, self._assistant.name
            )

        while True:
            session = await self._insist(session_id, decision)
            reply = session.open_reply
            if reply and reply.response_id == response_id:
                return session
            if not session.waiting:
                return None

    async def _speak(self, session: ChatSession, speaker: "_Speaker") -> None:
        reply = session.open_reply
        assert reply is not None
        session_id, response_id = session.session_id, reply.response_id

        async def record(words: Sequence[str], delays: Sequence[int]) -> None:
            await self._insist(
                session_id, lambda session: decide.record_words(session, response_id, words, delays)
            )

        speech = Speech(reply.started_at, self._clock, self._rules.chunk_window, record)
        speaking = asyncio.create_task(speech.speak(self._assistant, _prompt(session, reply)))
        speaker.begins(response_id, speaking)
        try:
            await speaking
            end = partial(decide.complete_reply, response_id=response_id, findings=speech.findings)
        except AssistantFailed as failure:
            logger.warning("session %s: reply failed: %s", session_id, failure.reason)
            end = partial(
                decide.fail_reply, response_id=response_id, reason=failure.reason, findings=speech.findings
            )
        except ReplyClosed:
            return
        except asyncio.CancelledError:
            if speaker.hushed and not speaker.task.cancelling():
                return
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            raise
        with suppress(ReplyClosed):
            await self._insist(session_id, end)


class _Speaker:
    """Whoever answers the messages of one session in this process, one after another."""

    __slots__ = ("called", "hushed", "response_id", "speaking", "task")

    task: asyncio.Task[None]

    def __init__(self, response_id: UUID | None) -> None:
        self.called = True
        self.hushed = False
        self.response_id = response_id
        self.speaking: asyncio.Task[None] | None = None

    def begins(self, response_id: UUID, speaking: asyncio.Task[None]) -> None:
        self.hushed, self.response_id, self.speaking = False, response_id, speaking

    def look(self, session: ChatSession) -> None:
        """Take note that a message may wait, and stop speaking if the reply has been closed."""
        self.called = True
        reply = session.reply
        if reply and reply.response_id == self.response_id and reply.status != "open":
            self.hush()

    def hush(self) -> None:
        """Stop speaking."""
        self.hushed = True
        if self.speaking:
            self.speaking.cancel()


def _prompt(session: ChatSession, reply: Reply) -> Prompt:
    unanswered = {reply.question.version, *(question.version for question in session.waiting)}
    return Prompt(
        text=reply.question.text,
        turns=tuple(turn for turn in session.turns if turn.version not in unanswered),
        details=session.details,
        asked_for=bool(session.needs_info),
    )
