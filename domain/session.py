"""The ChatSession aggregate: what it remembers, how events change it, and what it decides.

A decider: `evolve(session, event)` folds what happened, and each decision takes the session and
what is asked of it, with time and ids as data, and answers with events or raises. Nothing here
waits, reads a clock or draws a random number, so a decision can be made again whenever another
writer was first.
"""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from hashlib import sha256
from typing import Literal
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace

from domain.errors import (
    Impossible,
    MessageConflict,
    MessageRequired,
    MessageTooLong,
    RateLimited,
    ReplyClosed,
    ReplyNotFound,
    SessionErased,
    SessionExpired,
    SessionFull,
    SessionNotActive,
    VisitorMismatch,
)
from domain.events import (
    DetailsCollected,
    Ending,
    Event,
    FeedbackGiven,
    FinishReason,
    IdleWarningIssued,
    Rating,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    SessionStarted,
    SuggestionsOffered,
    Usage,
    VisitorErased,
    VisitorMessagePosted,
)
from domain.growing import Growing
from domain.utterance import Utterance

MAX_WAITING = 16
"""How many messages of one session may wait for their answers."""

MINUTE = timedelta(minutes=1)

REMEMBERED_TURNS = 40
"""How many of the latest turns a session keeps for its assistant; the log keeps them all."""

ReplyStatus = Literal["open", "completed", "stopped", "failed"]


class Turn(Struct, frozen=True, gc=False):
    """One side's say in the conversation. `version` is that of the event that finished it."""

    role: Literal["visitor", "assistant"]
    text: str
    version: int


class Question(Struct, frozen=True, gc=False):
    """A visitor's message that awaits its answer. `version` is that of its event."""

    message_id: UUID
    text: str
    version: int
    attempt: int = 1


class Posted(Struct, frozen=True, gc=False):
    """What a `client_message_id` was first used for, and the version of that message. Of its text the hash is
    kept: all that is ever asked is whether another one is the same."""

    message_id: UUID
    text_hash: bytes
    version: int


class Feedback(Struct, frozen=True, gc=False):
    """What the visitor thinks of a reply."""

    rating: Rating
    comment: str = ""


class Reply(Struct, frozen=True, gc=False):
    """The latest reply, spoken by the process `node`. `started_version` is that of its first event, `version`
    of its latest. `words` and `first_word_ms` are known also where what was said isn't, any more."""

    response_id: UUID
    question: Question
    node: str
    started_at: datetime
    started_version: int
    version: int
    said: Utterance
    status: ReplyStatus = "open"
    suggestions: tuple[str, ...] = ()
    words: int = 0
    first_word_ms: int | None = None

    @property
    def text(self) -> str:
        return self.said.text


class ChatSession(Struct, frozen=True, gc=False):
    """A conversation as its events have made it. `version` is that of the latest event; `needs_info` is what
    the latest completed reply said of itself; `feedback` holds each reply that has ended, with what the
    visitor thinks of it, None for nothing yet.

    `quiet_since` is when the visitor last said something, or a reply ended; `warned_at` is when the visitor
    was warned that this was long ago. `active_at` are the times at which the visitor posted or rated
    something, those of the latest minute. `messages`, `ratings` and `replies` are how many there have been.
    Since `erased_at`, nothing that was said is known any more.
    """

    session_id: UUID
    visitor_id: UUID
    started_at: datetime
    expires_at: datetime
    quiet_since: datetime
    warned_at: datetime | None = None
    active_at: tuple[datetime, ...] = ()
    version: int = 1
    ended: Ending | None = None
    details: Mapping[str, str] = {}
    needs_info: bool | None = None
    waiting: tuple[Question, ...] = ()
    reply: Reply | None = None
    turns: tuple[Turn, ...] = ()
    posted: Growing[str, Posted] = field(default_factory=Growing[str, Posted])
    feedback: Growing[UUID, Feedback | None] = field(default_factory=Growing[UUID, Feedback | None])
    messages: int = 0
    ratings: int = 0
    replies: int = 0
    erased_at: datetime | None = None

    @property
    def open_reply(self) -> Reply | None:
        return self.reply if self.reply and self.reply.status == "open" else None

    def version_of(self, message_id: UUID) -> int:
        """The version of a message that waits for its answer, or is being answered."""
        questions = (*self.waiting, *((self.reply.question,) if self.reply else ()))
        return next(question.version for question in questions if question.message_id == message_id)


# --- what happened


def begin(session_id: UUID, started: SessionStarted, at: datetime) -> ChatSession:
    """The session as its first event leaves it."""
    return ChatSession(
        session_id=session_id,
        visitor_id=started.visitor_id,
        started_at=at,
        expires_at=started.expires_at,
        quiet_since=at,
    )


def evolve(session: ChatSession, event: Event, at: datetime) -> ChatSession:  # noqa: C901 - a case for each event
    """The session after one more event, recorded at `at`. Raises Impossible."""
    version = session.version + 1
    match event:
        case ReplyChunksRecorded():
            return replace(session, version=version, reply=_with_words(_open(session), event, version))
        case VisitorMessagePosted():
            return _with_message(replace(session, version=version), event, at)
        case ReplyStarted(response_id=response_id, message_id=message_id, node=node):
            question = _waiting(session, message_id)
            waiting = tuple(q for q in session.waiting if q is not question)
            reply = Reply(response_id, question, node, at, version, version, Utterance.nothing())
            replies = session.replies + 1
            return replace(session, version=version, reply=reply, waiting=waiting, replies=replies)
        case DetailsCollected(values=values):
            return replace(session, version=version, details={**session.details, **values})
        case SuggestionsOffered(suggestions=suggestions):
            reply = replace(_open(session), suggestions=suggestions, version=version)
            return replace(session, version=version, reply=reply)
        case ReplyCompleted(needs_info=needs_info):
            return replace(_closed(session, version, at, "completed"), needs_info=needs_info)
        case ReplyStopped():
            return _closed(session, version, at, "stopped")
        case ReplyFailed(again=again):
            closed = _closed(session, version, at, "failed")
            return _asked_again(closed) if again else closed
        case IdleWarningIssued():
            return replace(session, version=version, warned_at=at)
        case SessionEnded(reason=reason):
            return replace(session, version=version, ended=reason, waiting=())
        case FeedbackGiven(response_id=response_id, rating=rating, comment=comment):
            return replace(
                session,
                version=version,
                feedback=session.feedback.plus(response_id, Feedback(rating, comment)),
                ratings=session.ratings + 1,
                active_at=_active_at(session, at),
            )
        case VisitorErased():
            return _forgotten(session, version, at)
        case _:
            raise Impossible(f"{event.topic} can't follow the start of a session")


def evolve_all(session: ChatSession, events: Sequence[Event], at: datetime) -> ChatSession:
    """The session after more events, all recorded at `at`."""
    return reduce(lambda before, event: evolve(before, event, at), events, session)


def cause_of(session: ChatSession, event: Event) -> int:
    """The version of the event that led to this one, `session` being as it was just before it."""
    match event:
        case ReplyStarted(message_id=message_id):
            return _waiting(session, message_id).version
        case ReplyChunksRecorded() | SuggestionsOffered() | ReplyCompleted() | ReplyFailed():
            return _open(session).version
        case _:
            return session.version


def _with_words(reply: Reply, event: ReplyChunksRecorded, version: int) -> Reply:
    first_word_ms = reply.first_word_ms
    if first_word_ms is None and event.delays:
        first_word_ms = event.delays[0]
    return replace(
        reply,
        said=reply.said.plus(event.parts),
        version=version,
        words=reply.words + len(event.delays),
        first_word_ms=first_word_ms,
    )


def _open(session: ChatSession) -> Reply:
    reply = session.open_reply
    if reply is None:
        raise Impossible("the log holds an event of a reply where none is open")
    return reply


def _waiting(session: ChatSession, message_id: UUID) -> Question:
    question = next((q for q in session.waiting if q.message_id == message_id), None)
    if question is None:
        raise Impossible("the log holds a reply to a message that doesn't wait for one")
    return question


def _asked_again(session: ChatSession) -> ChatSession:
    assert session.reply is not None
    question = replace(session.reply.question, attempt=session.reply.question.attempt + 1)
    return replace(session, waiting=(question, *session.waiting))


def _with_message(session: ChatSession, event: VisitorMessagePosted, at: datetime) -> ChatSession:
    posted = session.posted
    if event.client_message_id is not None:
        first = Posted(event.message_id, _hash(event.text), session.version)
        posted = posted.plus(event.client_message_id, first)
    question = Question(event.message_id, event.text, session.version)
    return replace(
        session,
        waiting=(*session.waiting, question),
        turns=_with_turn(session, Turn("visitor", event.text, session.version)),
        posted=posted,
        messages=session.messages + 1,
        quiet_since=at,
        warned_at=None,
        active_at=_active_at(session, at),
    )


def _hash(text: str) -> bytes:
    return sha256(text.encode()).digest()


def _active_at(session: ChatSession, at: datetime) -> tuple[datetime, ...]:
    return (*(time for time in session.active_at if time > at - MINUTE), at)


def _closed(session: ChatSession, version: int, at: datetime, status: ReplyStatus) -> ChatSession:
    reply = replace(_open(session), status=status, version=version)
    text = reply.text
    turns = _with_turn(session, Turn("assistant", text, version)) if text else session.turns
    feedback = session.feedback.plus(reply.response_id, None)
    return replace(session, version=version, reply=reply, turns=turns, feedback=feedback, quiet_since=at)


def _forgotten(session: ChatSession, version: int, at: datetime) -> ChatSession:
    return replace(
        session,
        version=version,
        erased_at=at,
        details={},
        waiting=(),
        reply=None,
        turns=(),
        posted=Growing(),
        feedback=Growing(),
    )


def _with_turn(session: ChatSession, turn: Turn) -> tuple[Turn, ...]:
    return (*session.turns, turn)[-REMEMBERED_TURNS:]


# --- what is decided


def start(visitor_id: UUID, now: datetime, lifetime: timedelta, metadata: Mapping[str, str]) -> list[Event]:
    """Begin a session that expires after `lifetime`."""
    return [SessionStarted(visitor_id, now + lifetime, dict(metadata))]


def recognise(session: ChatSession, visitor_id: UUID) -> None:
    """Let only its own visitor at a session. Raises VisitorMismatch, SessionErased."""
    # In constant time: a visitor_id is a credential.
    if not hmac.compare_digest(session.visitor_id.bytes, visitor_id.bytes):
        raise VisitorMismatch
    if session.erased_at:
        raise SessionErased


def require_active(session: ChatSession, now: datetime) -> None:
    """Raises SessionExpired or SessionNotActive for a session in which nothing more is said."""
    if session.ended == "expired" or (session.ended is None and now >= session.expires_at):
        raise SessionExpired
    if session.ended is not None:
        raise SessionNotActive


def post(
    session: ChatSession,
    *,
    text: str,
    max_chars: int,
    per_minute: int,
    per_session: int,
    message_id: UUID,
    client_message_id: str | None,
    now: datetime,
) -> list[Event]:
    """Take a visitor's message; nothing, where the same `client_message_id` brought the same text before.

    Raises MessageRequired, MessageTooLong, MessageConflict, RateLimited, SessionExpired, SessionNotActive,
    SessionFull.
    """
    if not text.strip():
        raise MessageRequired
    if len(text) > max_chars:
        raise MessageTooLong(len(text), max_chars)
    if client_message_id is not None and (before := session.posted.get(client_message_id)):
        if before.text_hash != _hash(text):
            raise MessageConflict
        return []
    require_active(session, now)
    if len(session.waiting) >= MAX_WAITING:
        raise RateLimited(
            f"Too many messages: {MAX_WAITING} wait for their answers, send the next one after a reply"
        )
    _require_room(session, per_session)
    _require_calm(session, per_minute, now)
    return [VisitorMessagePosted(message_id, text, client_message_id, _taken(session, text))]


def _taken(session: ChatSession, text: str) -> int | None:
    offered = session.reply.suggestions if session.reply else ()
    return offered.index(text) if text in offered else None


def rate(
    session: ChatSession,
    response_id: UUID,
    rating: Rating,
    comment: str,
    *,
    per_minute: int,
    per_session: int,
    now: datetime,
) -> list[Event]:
    """Take what the visitor thinks of a reply that has ended; nothing, where that is known already.

    Raises ReplyNotFound, RateLimited, SessionFull.
    """
    if response_id not in session.feedback:
        raise ReplyNotFound
    if session.feedback[response_id] == Feedback(rating, comment):
        return []
    _require_room(session, per_session)
    _require_calm(session, per_minute, now)
    return [FeedbackGiven(response_id, rating, comment)]


def begin_reply(session: ChatSession, response_id: UUID, assistant: str, node: str) -> list[Event]:
    """Have the message that has waited longest answered; nothing while a reply is open or none waits."""
    if session.ended or session.open_reply or not session.waiting:
        return []
    return [ReplyStarted(response_id, session.waiting[0].message_id, assistant, node)]


def record_words(
    session: ChatSession, response_id: UUID, parts: Sequence[str], delays: Sequence[int]
) -> list[Event]:
    """Put words of the open reply on the record. Raises ReplyClosed."""
    _require_open(session, response_id)
    return [ReplyChunksRecorded(tuple(delays), tuple(parts))]


class Findings(Struct, frozen=True, gc=False):
    """What an assistant has learned and proposes beside its words."""

    details: Mapping[str, str] = {}
    suggestions: tuple[str, ...] = ()
    needs_info: bool | None = None
    ends_session: bool = False
    finish_reason: FinishReason = "stop"
    usage: Usage | None = None
    unanswered: bool = False


def complete_reply(session: ChatSession, response_id: UUID, findings: Findings) -> list[Event]:
    """End the open reply with all that was found. Raises ReplyClosed.

    The session ends with it if so found, unless a message still waits for its answer.
    """
    ends_session = findings.ends_session and not session.waiting
    reply = _require_open(session, response_id)
    events = _details(session, reply, findings)
    if findings.suggestions:
        events.append(SuggestionsOffered(findings.suggestions, len(findings.suggestions)))
    events.append(
        ReplyCompleted(
            response_id=response_id,
            text_hash=_hash(reply.text).hex(),
            finish_reason=findings.finish_reason,
            needs_info=findings.needs_info,
            ends_session=ends_session,
            usage=findings.usage,
            unanswered=findings.unanswered,
        )
    )
    if ends_session:
        events.append(SessionEnded("completed"))
    return events


def fail_reply(session: ChatSession, response_id: UUID, reason: str, findings: Findings) -> list[Event]:
    """Give the open reply up, keeping what was said and found. Raises ReplyClosed."""
    reply = _require_open(session, response_id)
    return [*_details(session, reply, findings), ReplyFailed(response_id, reason)]


def give_up_interrupted(session: ChatSession) -> list[Event]:
    """Close the open reply because its process is gone, and have its message answered anew, once."""
    reply = session.open_reply
    return [ReplyFailed(reply.response_id, "interrupted", again=reply.question.attempt == 1)] if reply else []


def stop_reply(session: ChatSession) -> list[Event]:
    """Stop the open reply, if there is one."""
    reply = session.open_reply
    return [ReplyStopped(reply.response_id, "visitor")] if reply else []


def end(session: ChatSession, ending: SessionEnded) -> list[Event]:
    """End the session, and first the reply that is open; nothing if it has ended."""
    if session.ended:
        return []
    reply = session.open_reply
    stopped: list[Event] = [ReplyStopped(reply.response_id, "session_end")] if reply else []
    return [*stopped, ending]


def erase(session: ChatSession) -> list[Event]:
    """Forget the visitor, and first end the session; nothing if that is done."""
    return [] if session.erased_at else [*end(session, SessionEnded("deleted")), VisitorErased()]


def _require_room(session: ChatSession, per_session: int) -> None:
    # What a session remembers of each would else grow without end, and so would whoever folds it.
    if session.messages + session.ratings >= per_session:
        raise SessionFull(per_session)


def _require_calm(session: ChatSession, per_minute: int, now: datetime) -> None:
    if sum(time > now - MINUTE for time in session.active_at) >= per_minute:
        raise RateLimited(f"Too many messages: {per_minute} a minute are accepted, try again in a moment")


def _require_open(session: ChatSession, response_id: UUID) -> Reply:
    reply = session.open_reply
    if reply is None or reply.response_id != response_id:
        raise ReplyClosed
    return reply


def _details(session: ChatSession, reply: Reply, findings: Findings) -> list[Event]:
    news = {key: value for key, value in findings.details.items() if session.details.get(key) != value}
    return [DetailsCollected(reply.question.message_id, news, tuple(news))] if news else []
