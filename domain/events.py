"""What happened, in the past tense. The only things that are ever recorded.

Each event names its topic, with a version, and which of its fields are personal: those are sealed
with the visitor's key, everything else stays clear so that counts and timings outlive an erasure.
A session and a version identify an event, so no event repeats them; and since a session has at most
one open reply, the events of a reply don't repeat its id either, where the log would pay for it with
every batch of words. What is counted stands in clear beside what was said, so that counts outlive it.

Nothing here refers back to what holds it, so the garbage collector needn't look (`gc=False`).

A topic that has landed never changes its meaning: add `.v2` and an upcaster in `infrastructure/codec.py`.
"""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

import msgspec

FinishReason = Literal["stop", "length", "content_filter"]
StoppedBy = Literal["visitor", "session_end"]
Ending = Literal["completed", "idle_timeout", "expired", "deleted"]
Rating = Literal["up", "down"]


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened in a session."""

    topic: ClassVar[str]
    personal: ClassVar[tuple[str, ...]] = ()


class SessionStarted(Event, frozen=True, gc=False):
    """A visitor was given a session, to be used until `expires_at`."""

    topic: ClassVar[str] = "session_started.v1"
    personal: ClassVar[tuple[str, ...]] = ("metadata",)

    visitor_id: UUID
    expires_at: datetime
    metadata: dict[str, str] = {}


class VisitorMessagePosted(Event, frozen=True, gc=False):
    """The visitor said something. `client_message_id` is the sender's own name for it: sealed, since a page
    may put anything there. `took` says which of the suggestions offered last this is, from 0."""

    topic: ClassVar[str] = "visitor_message_posted.v2"
    personal: ClassVar[tuple[str, ...]] = ("text", "client_message_id")

    message_id: UUID
    text: str
    client_message_id: str | None = None
    took: int | None = None


class ReplyStarted(Event, frozen=True, gc=False):
    """An assistant began to answer a message. The delays of its words count from this event's time.
    `node` is the process that speaks: if it dies, another one knows by that name whom to stand in for."""

    topic: ClassVar[str] = "reply_started.v1"

    response_id: UUID
    message_id: UUID
    assistant: str
    node: str = ""


class ReplyChunksRecorded(Event, frozen=True, gc=False):
    """Words of the open reply, in order, with the ms that passed before each: for the first one since
    the reply started, for the others since the word before."""

    topic: ClassVar[str] = "reply_chunks_recorded.v1"
    personal: ClassVar[tuple[str, ...]] = ("parts",)

    delays: tuple[int, ...]
    parts: tuple[str, ...]


class DetailsCollected(Event, frozen=True, gc=False):
    """Facts about the visitor were found in a message: new or changed values only, by key. The `keys` are
    the persona's, and clear."""

    topic: ClassVar[str] = "details_collected.v2"
    personal: ClassVar[tuple[str, ...]] = ("values",)

    message_id: UUID
    values: dict[str, str]
    keys: tuple[str, ...] = ()


class SuggestionsOffered(Event, frozen=True, gc=False):
    """Next things to say were offered with the open reply, `count` of them."""

    topic: ClassVar[str] = "suggestions_offered.v2"
    personal: ClassVar[tuple[str, ...]] = ("suggestions",)

    suggestions: tuple[str, ...]
    count: int = 0


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens, as counted by whoever served the model."""

    prompt_tokens: int
    completion_tokens: int


class ReplyCompleted(Event, frozen=True, gc=False):
    """The assistant said all it had to say. `text_hash` is the SHA-256 of the whole reply, in hex:
    sealed, because the hash of a short text gives the text away. `unanswered` says that the assistant had no
    answer, and said so."""

    topic: ClassVar[str] = "reply_completed.v2"
    personal: ClassVar[tuple[str, ...]] = ("text_hash",)

    response_id: UUID
    text_hash: str
    finish_reason: FinishReason = "stop"
    needs_info: bool | None = None
    ends_session: bool = False
    usage: Usage | None = None
    unanswered: bool = False


class ReplyStopped(Event, frozen=True, gc=False):
    """Somebody stopped the reply. What had been recorded stands."""

    topic: ClassVar[str] = "reply_stopped.v1"

    response_id: UUID
    by: StoppedBy


class ReplyFailed(Event, frozen=True, gc=False):
    """The reply broke off, with what had been said kept. `reason` is a code: never text from an
    upstream server. `again` says that the message is to be answered anew."""

    topic: ClassVar[str] = "reply_failed.v1"

    response_id: UUID
    reason: str
    again: bool = False


class IdleWarningIssued(Event, frozen=True, gc=False):
    """Nothing had been said for `timeout_seconds`. `text` is what the visitor is told, as `response_id`."""

    topic: ClassVar[str] = "idle_warning_issued.v1"

    response_id: UUID
    text: str
    timeout_seconds: int


class SessionEnded(Event, frozen=True, gc=False):
    """Nothing more will be said in this session. `text` is what the visitor is told, as `response_id`;
    `timeout_seconds` is how long nothing had been said, where that is the reason."""

    topic: ClassVar[str] = "session_ended.v1"

    reason: Ending
    response_id: UUID | None = None
    text: str = ""
    timeout_seconds: int | None = None


class FeedbackGiven(Event, frozen=True, gc=False):
    """The visitor rated a reply. The latest rating of a reply is the one that counts."""

    topic: ClassVar[str] = "feedback_given.v1"
    personal: ClassVar[tuple[str, ...]] = ("comment",)

    response_id: UUID
    rating: Rating
    comment: str = ""


class VisitorErased(Event, frozen=True, gc=False):
    """The visitor asked to be forgotten: the key that sealed what was said here is destroyed."""

    topic: ClassVar[str] = "visitor_erased.v1"


EVENTS: tuple[type[Event], ...] = (
    SessionStarted,
    VisitorMessagePosted,
    ReplyStarted,
    ReplyChunksRecorded,
    DetailsCollected,
    SuggestionsOffered,
    ReplyCompleted,
    ReplyStopped,
    ReplyFailed,
    IdleWarningIssued,
    SessionEnded,
    FeedbackGiven,
    VisitorErased,
)
