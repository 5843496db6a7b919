"""A session as it was: at any version, and so at any moment."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from domain.ports import Recorded
from domain.session import ChatSession, Question, Reply, Turn
from projections.transcript import Entry, is_erased, transcript

Status = Literal["active", "completed", "idle_timeout", "expired", "deleted"]


class OpenReply(Struct, frozen=True):
    """The reply that was being spoken, as far as it had come. All texts are null for an erased visitor."""

    response_id: UUID
    message_id: UUID
    started_at: datetime
    text: str | None


class WaitingMessage(Struct, frozen=True):
    """A message whose reply hadn't begun. `version` is that of its event."""

    message_id: UUID
    version: int
    text: str | None


class PastTurn(Struct, frozen=True):
    """One side's say, as the assistant remembered it. `version` is that of the event that finished it."""

    role: Literal["visitor", "assistant"]
    version: int
    text: str | None


class SessionState(Struct, frozen=True, kw_only=True):
    """A session as it was at `version`, whose event was recorded at `at`.

    `turns` are the latest, as an assistant was given them; `screen` is what a client had been shown.
    """

    session_id: UUID
    version: int
    cursor: str
    at: datetime
    status: Status
    started_at: datetime
    expires_at: datetime
    warned_at: datetime | None
    conversation_data: Mapping[str, str]
    needs_info: bool | None
    open_reply: OpenReply | None
    waiting: Sequence[WaitingMessage]
    turns: Sequence[PastTurn]
    screen: Sequence[Entry]
    erased: bool


def version_at(history: Sequence[Recorded], moment: datetime) -> int:
    """The version that a session had come to by a moment; 0 before it began."""
    # Not searched by halves: the clocks of two processes may differ, and then times go back.
    return max((recorded.version for recorded in history if recorded.at <= moment), default=0)


def state(history: Sequence[Recorded], version: int, moment: datetime) -> SessionState:
    """The session as it was at a version, seen at a moment that isn't before it: by then it may have expired.

    `history` is the whole one: whatever a visitor said before being erased is erased there, too.
    """
    erased = is_erased(history)
    upto = history[:version]
    recorded = upto[-1]
    session = recorded.session
    return SessionState(
        session_id=session.session_id,
        version=version,
        cursor=f"{version}.0",
        at=recorded.at,
        status=_status(session, moment),
        started_at=session.started_at,
        expires_at=session.expires_at,
        warned_at=session.warned_at,
        conversation_data={} if erased else session.details,
        needs_info=session.needs_info,
        open_reply=_open_reply(session.open_reply, erased),
        waiting=[_waiting(question, erased) for question in session.waiting],
        turns=[_turn(turn, erased) for turn in session.turns],
        screen=transcript(upto, erased=erased).entries,
        erased=erased,
    )


def _status(session: ChatSession, moment: datetime) -> Status:
    if session.ended is None and moment >= session.expires_at:
        return "expired"
    return session.ended or "active"


def _open_reply(reply: Reply | None, erased: bool) -> OpenReply | None:
    if reply is None:
        return None
    text = None if erased else reply.text
    return OpenReply(reply.response_id, reply.question.message_id, reply.started_at, text)


def _waiting(question: Question, erased: bool) -> WaitingMessage:
    return WaitingMessage(question.message_id, question.version, None if erased else question.text)


def _turn(turn: Turn, erased: bool) -> PastTurn:
    return PastTurn(turn.role, turn.version, None if erased else turn.text)
