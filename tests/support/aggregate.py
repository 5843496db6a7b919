"""What happens in a session, in few words, and the ChatSession that it leaves."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.events import (
    Event,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyStarted,
    SessionStarted,
    VisitorMessagePosted,
)
from domain.session import ChatSession
from tests.support.history import fold

SESSION = UUID(int=1)
VISITOR = UUID(int=2)
STRANGER = UUID(int=3)
NOW = datetime(2026, 1, 2, 3, 4, 5, 6000, UTC)
EXPIRY = NOW + timedelta(hours=24)
R1, R2, R3 = UUID(int=101), UUID(int=102), UUID(int=103)


def message_id(number: int) -> UUID:
    return UUID(int=1000 + number)


def asked(number: int, text: str = "", client_message_id: str | None = None) -> VisitorMessagePosted:
    return VisitorMessagePosted(message_id(number), text or f"question {number}", client_message_id)


def began(response_id: UUID, number: int) -> ReplyStarted:
    return ReplyStarted(response_id, message_id(number), "scripted")


def said(*words: str) -> ReplyChunksRecorded:
    return ReplyChunksRecorded((0,) * len(words), words)


def completed(response_id: UUID, needs_info: bool | None = None) -> ReplyCompleted:
    return ReplyCompleted(response_id, "", needs_info=needs_info)


def session_after(*events: Event) -> ChatSession:
    """A session in which these things have happened since it started."""
    history: list[Event] = [SessionStarted(VISITOR, EXPIRY), *events]
    return fold(SESSION, [(event, NOW) for event in history])
