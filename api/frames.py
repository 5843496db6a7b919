"""The wire protocol: what is sent and received, as tagged structs, and which frames an event becomes.

Every frame follows the one schema of the specification: fields that are null or empty are left out,
`done` and `complete` are always there. The same structs encode the frames and describe them in
`/api/docs/asyncapi.json`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from domain.errors import ChatError, InvalidRequest, MessageRequired, ReplyBrokeOff
from domain.events import (
    Event,
    IdleWarningIssued,
    Rating,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyFailed,
    ReplyStopped,
    SessionEnded,
    VisitorMessagePosted,
)
from domain.ports import Recorded
from domain.session import ChatSession, Reply

ErrorType = Literal["processing_error", "validation_error"]

CURSOR_PATTERN = r"([0-9]{1,15})(?:\.([0-9]{1,9}))?"
_CURSOR = re.compile(CURSOR_PATTERN)

REPLY_INTERRUPTED = "The reply was interrupted and starts again."


class Cursor(Struct, frozen=True, order=True, gc=False):
    """A place in a session: a version, and in the words of that version a character offset in the reply.

    It says what has been received: all up to and including that version, or of its words, those up to
    the offset.
    """

    version: int
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.version}.{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raises InvalidRequest."""
        if match := _CURSOR.fullmatch(text):
            return cls(int(match[1]), int(match[2] or 0))
        raise InvalidRequest("after must be a cursor as frames carry it, such as 12.0")

    @staticmethod
    def version_in(text: str | None) -> int | None:
        """The version in a text, if that is a cursor."""
        match = _CURSOR.fullmatch(text or "")
        return int(match[1]) if match else None

    @classmethod
    def present(cls, session: ChatSession) -> "Cursor":
        """Where a newcomer begins: at the start of the reply in progress, else after all that was."""
        reply = session.open_reply
        return cls(reply.started_version if reply else session.version)

    def within(self, session: ChatSession) -> "Cursor":
        """This cursor, if the session has come so far. Raises InvalidRequest.

        An offset is held against the latest reply alone: of those before, a session doesn't know the length.
        """
        if self.version > session.version:
            raise InvalidRequest(f"after is ahead of the session, which is at {Cursor(session.version)}")
        reply = session.reply
        if reply and self.version >= reply.started_version and self.offset > reply.said.chars:
            raise InvalidRequest(
                f"after={self} is ahead of the reply, of which {reply.said.chars} characters were said by now"
            )
        return self

    @property
    def events_after(self) -> int:
        """The version after which there may be something new."""
        return max(0, self.version - 1) if self.offset else self.version


# --- what the service sends


class ServerFrame(Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="type"):
    """What all frames share. `done`: the reply's text has ended. `complete`: the session has."""

    done: bool
    complete: bool
    session_id: UUID | None = None


class Place(Struct, frozen=True, omit_defaults=True, gc=False):
    """`cursor` is the place in the session that a frame has; give it as `after` to go on from there.
    `replay` says, here and in all frames, that this is sent again, to an auditor."""

    cursor: str
    replay: bool = False


class ConnectedInfo(Struct, frozen=True, omit_defaults=True):
    status: Literal["connected"]
    cursor: str | None = None


class Connected(ServerFrame, frozen=True, kw_only=True, tag="connected"):
    """The socket is open, or has joined the session that is named."""

    conversation_data: Mapping[str, str] | None = None
    metadata: ConnectedInfo


class Chunk(ServerFrame, frozen=True, kw_only=True, gc=False, tag="chunk"):
    """The next word of a reply to the message `message_id`."""

    message_id: UUID
    chunk: str
    metadata: Place


class CompleteInfo(Struct, frozen=True, omit_defaults=True):
    cursor: str
    finish_reason: Literal["stop", "length", "content_filter", "stopped"]
    replay: bool = False


class Complete(ServerFrame, frozen=True, kw_only=True, tag="complete"):
    """A reply has ended: its whole text, and what the session knows now."""

    message_id: UUID
    response_id: UUID
    message: str | None = None
    conversation_data: Mapping[str, str]
    needs_info: bool | None = None
    suggestions: tuple[str, ...] = ()
    metadata: CompleteInfo


class IdleWarningInfo(Struct, frozen=True, omit_defaults=True):
    type: Literal["idle_warning"]
    timeout_seconds: int
    cursor: str
    replay: bool = False


class IdleWarning(ServerFrame, frozen=True, kw_only=True, tag="idle_warning"):
    """Nothing has been said for a while: the session will end soon."""

    message: str
    response_id: UUID
    metadata: IdleWarningInfo


class SessionEndInfo(Struct, frozen=True, omit_defaults=True):
    type: Literal["session_end"]
    reason: Literal["completed", "idle_timeout", "expired", "deleted"]
    cursor: str
    timeout_seconds: int | None = None
    replay: bool = False


class SessionEnd(ServerFrame, frozen=True, kw_only=True, tag="session_end"):
    """The session has ended without a reply that said so. Messages that still wait for theirs get none."""

    response_id: UUID | None = None
    message: str | None = None
    conversation_data: Mapping[str, str]
    metadata: SessionEndInfo


class ErrorInfo(Struct, frozen=True, omit_defaults=True):
    error_type: ErrorType
    code: str
    cursor: str | None = None
    client_message_id: str | None = None
    replay: bool = False


class Error(ServerFrame, frozen=True, kw_only=True, tag="error"):
    """Something didn't work: `error` is for people, `metadata.code` for programs. Where a message was
    refused, `metadata.client_message_id` says which."""

    message_id: UUID | None = None
    response_id: UUID | None = None
    error: str
    metadata: ErrorInfo


class Pong(ServerFrame, frozen=True, kw_only=True, tag="pong"):
    """The answer to `ping`."""


class MessageInfo(Struct, frozen=True, omit_defaults=True):
    cursor: str
    client_message_id: str | None = None
    replay: bool = False


class Message(ServerFrame, frozen=True, kw_only=True, tag="message"):
    """A visitor's message, as recorded. Only with the subprotocol `verbatim.v1`."""

    message_id: UUID
    message: str
    metadata: MessageInfo


class AcceptedInfo(Struct, frozen=True):
    cursor: str
    client_message_id: str


class Accepted(ServerFrame, frozen=True, kw_only=True, tag="accepted"):
    """The message with this `client_message_id` is on the record, once, however often it is sent.

    Only with the subprotocol `verbatim.v1`, and only for whoever sent it.
    """

    message_id: UUID
    metadata: AcceptedInfo


FromLog = Chunk | Complete | IdleWarning | SessionEnd | Error | Message
"""What events become. All else answers one socket, and is nowhere on the record."""

Sent = Connected | Chunk | Complete | IdleWarning | SessionEnd | Error | Pong | Message | Accepted

_encoder = msgspec.json.Encoder()
encode = _encoder.encode


def frames_of(recorded: Recorded, after: Cursor | None = None) -> Sequence[FromLog]:
    """The frames that an event becomes; of its words, only what lies after the cursor."""
    if after and after.version == recorded.version and not isinstance(recorded.event, ReplyChunksRecorded):
        return []  # an offset means nothing where there are no words: all of that event has been received
    match recorded.event:
        case ReplyChunksRecorded() as event:
            return _chunks(recorded, event, after)
        case VisitorMessagePosted() as event:
            return [_message(recorded, event)]
        case ReplyCompleted() as event:
            info = CompleteInfo(_place(recorded), event.finish_reason)
            return [_complete(recorded, info, event.needs_info, event.ends_session)]
        case ReplyStopped():
            return [_complete(recorded, CompleteInfo(_place(recorded), "stopped"))]
        case ReplyFailed() as event:
            return [_broken_off(recorded, event)]
        case IdleWarningIssued() as event:
            return [_idle_warning(recorded, event)]
        case SessionEnded() as event if event.reason != "completed":
            return [_session_end(recorded, event)]
        case _:
            return []


def replayed(frame: FromLog) -> FromLog:
    """A frame as it is sent again."""
    return replace(frame, metadata=replace(frame.metadata, replay=True))


def is_extra(event: Event) -> bool:
    """Whether an event's frames are only for sockets that ask for the subprotocol `verbatim.v1`."""
    return isinstance(event, VisitorMessagePosted)


class Subject(Struct, frozen=True):
    """What a frame is about, as far as that can be read."""

    session_id: UUID | None = None
    client_message_id: str | None = None


NOTHING = Subject()


def error_frame(error: ChatError, error_type: ErrorType, about: Subject = NOTHING) -> Error:
    """The frame that tells of a failure."""
    return Error(
        done=False,
        complete=False,
        session_id=about.session_id,
        error=str(error),
        metadata=ErrorInfo(error_type, error.code, client_message_id=about.client_message_id),
    )


def _chunks(recorded: Recorded, event: ReplyChunksRecorded, after: Cursor | None) -> list[FromLog]:
    session_id, version = recorded.session.session_id, recorded.version
    reply = _reply(recorded)
    message_id = reply.question.message_id
    offset = reply.said.chars - sum(map(len, event.parts))
    seen = after.offset if after and after.version == version else 0
    frames: list[FromLog] = []
    for part in event.parts:
        start, offset = offset, offset + len(part)
        if offset <= seen:
            continue
        frames.append(
            Chunk(
                done=False,
                complete=False,
                session_id=session_id,
                message_id=message_id,
                chunk=part[max(0, seen - start) :],
                metadata=Place(f"{version}.{offset}"),
            )
        )
    return frames


def _complete(
    recorded: Recorded, info: CompleteInfo, needs_info: bool | None = None, ends_session: bool = False
) -> Complete:
    reply, session = _reply(recorded), recorded.session
    return Complete(
        done=True,
        complete=ends_session,
        session_id=session.session_id,
        message_id=reply.question.message_id,
        response_id=reply.response_id,
        message=reply.text or None,
        conversation_data=session.details,
        needs_info=needs_info,
        suggestions=reply.suggestions,
        metadata=info,
    )


def _message(recorded: Recorded, event: VisitorMessagePosted) -> Message:
    return Message(
        done=False,
        complete=False,
        session_id=recorded.session.session_id,
        message_id=event.message_id,
        message=event.text,
        metadata=MessageInfo(_place(recorded), event.client_message_id),
    )


def _broken_off(recorded: Recorded, event: ReplyFailed) -> Error:
    code = "reply_interrupted" if event.again else "reply_failed"
    return Error(
        done=True,
        complete=False,
        session_id=recorded.session.session_id,
        message_id=_reply(recorded).question.message_id,
        response_id=event.response_id,
        error=REPLY_INTERRUPTED if event.again else ReplyBrokeOff.text,
        metadata=ErrorInfo("processing_error", code, _place(recorded)),
    )


def _idle_warning(recorded: Recorded, event: IdleWarningIssued) -> IdleWarning:
    return IdleWarning(
        done=False,
        complete=False,
        session_id=recorded.session.session_id,
        message=event.text,
        response_id=event.response_id,
        metadata=IdleWarningInfo("idle_warning", event.timeout_seconds, _place(recorded)),
    )


def _session_end(recorded: Recorded, event: SessionEnded) -> SessionEnd:
    return SessionEnd(
        done=False,
        complete=True,
        session_id=recorded.session.session_id,
        response_id=event.response_id,
        message=event.text or None,
        conversation_data=recorded.session.details,
        metadata=SessionEndInfo("session_end", event.reason, _place(recorded), event.timeout_seconds),
    )


def _place(recorded: Recorded) -> str:
    return str(Cursor(recorded.version))


def _reply(recorded: Recorded) -> Reply:
    assert recorded.session.reply is not None
    return recorded.session.reply


# --- what the service receives

MessageText = Annotated[str, Meta(pattern=r"\S")]
ClientMessageId = Annotated[str, Meta(min_length=1, max_length=128)]
FeedbackComment = Annotated[str, Meta(max_length=2000)]


class ChatMessage(Struct, frozen=True, tag="chat_message", tag_field="type"):
    """A visitor's message. `client_message_id` makes it safe to send again."""

    session_id: UUID
    visitor_id: UUID
    message: MessageText
    client_message_id: ClientMessageId | None = None


class Join(Struct, frozen=True, tag="join", tag_field="type"):
    """Follow a session: from `after` on, or else from the start of the reply in progress."""

    session_id: UUID
    visitor_id: UUID
    after: str | None = None


class Stop(Struct, frozen=True, tag="stop", tag_field="type"):
    """Stop the reply in progress."""

    session_id: UUID
    visitor_id: UUID


class Feedback(Struct, frozen=True, tag="feedback", tag_field="type"):
    """Say what you think of a reply that has ended."""

    session_id: UUID
    visitor_id: UUID
    response_id: UUID
    rating: Rating
    comment: FeedbackComment = ""


class Ping(Struct, frozen=True, tag="ping", tag_field="type"):
    """Answered by `pong`; so is the bare text `ping`."""


Received = ChatMessage | Join | Stop | Feedback | Ping


class Authenticate(Struct, frozen=True, tag="authenticate", tag_field="type"):
    """The first frame of an operator whose client can't send the header `Authorization`."""

    token: str


_decoder = msgspec.json.Decoder(Received)
_subject_decoder = msgspec.json.Decoder(Subject)
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
_authentication_decoder = msgspec.json.Decoder(Authenticate)
_PING = Ping()


def decode(text: str) -> Received:
    """The frame that a text is. Raises InvalidRequest, saying what would be right."""
    if text == "ping":
        return _PING
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError as error:
        what, _, field = str(error).partition(" - at `$.")
        raise refusal(what, field.rstrip("`")) from None
    except _UNREADABLE:
        raise InvalidRequest("a frame must be one JSON object, in well-formed Unicode") from None


def token_in(text: str) -> str:
    """The token that a frame `authenticate` brings; none, where it is anything else."""
    try:
        return _authentication_decoder.decode(text).token
    except _UNREADABLE:
        return ""


def subject_of(text: str) -> Subject:
    """What a text is about, be it ever so wrong otherwise."""
    try:
        return _subject_decoder.decode(text)
    except _UNREADABLE:
        return NOTHING


def refusal(what: str, field: str = "") -> InvalidRequest:
    """The error for what msgspec finds wrong with a field; a message that is missing has its own."""
    no_text = ("Expected `str`, got `null`", "Expected `str` matching regex")
    if what == "Object missing required field `message`" or (field == "message" and what.startswith(no_text)):
        return MessageRequired()
    return InvalidRequest(f"{field}: {what}" if field else what)
