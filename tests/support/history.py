"""Histories made by hand: events on the record, and the sessions that they leave."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from uuid import UUID

from domain.events import Event, ReplyChunksRecorded, ReplyStarted, SessionStarted, VisitorMessagePosted
from domain.ports import Recorded
from domain.session import ChatSession, begin, evolve

SESSION = UUID("550e8400-e29b-41d4-a716-446655440000")
VISITOR = UUID("660e8400-e29b-41d4-a716-446655440000")
MESSAGE = UUID("770e8400-e29b-41d4-a716-446655440000")
RESPONSE = UUID("880e8400-e29b-41d4-a716-446655440000")
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

ASKED = (VisitorMessagePosted(MESSAGE, "What is a novated lease?"), ReplyStarted(RESPONSE, MESSAGE, "guide"))
"""Versions 2 and 3: a question, and the beginning of its reply."""


def words(*parts: str) -> ReplyChunksRecorded:
    """Words of a reply, 100 ms apart."""
    return ReplyChunksRecorded((100,) * len(parts), parts)


def history(*events: Event) -> Sequence[Recorded]:
    """A session that starts, and then these, a second apart."""
    started = SessionStarted(VISITOR, START + timedelta(days=1))
    recorded = [Recorded(started, begin(SESSION, started, START), START)]
    for seconds, event in enumerate(events, 1):
        at = START + timedelta(seconds=seconds)
        recorded.append(Recorded(event, evolve(recorded[-1].session, event, at), at))
    return recorded


def fold(session_id: UUID, history: Sequence[tuple[Event, datetime]]) -> ChatSession:
    """The session that a whole history, from its SessionStarted on, has made."""
    (first, at), *rest = history
    assert isinstance(first, SessionStarted), f"a session begins with session_started, not {first.topic}"
    return reduce(lambda session, recorded: evolve(session, *recorded), rest, begin(session_id, first, at))
