"""Golden bytes: one file in tests/unit/golden for every topic that was ever written, named after it.

    .venv/bin/python -m tests.support.golden

writes a file for each topic of today that has none. A file that has landed is never written again: what
it holds may stand in a log somewhere, so it must be read for ever, and as the same event.
"""

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent

from domain.events import (
    EVENTS,
    DetailsCollected,
    Event,
    FeedbackGiven,
    IdleWarningIssued,
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
from infrastructure import codec

FOLDER = Path(__file__).parents[1] / "unit" / "golden"
CIPHER = AESGCM(bytes(range(32)))
SESSION = UUID("550e8400-e29b-41d4-a716-446655440000")
AT = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
MESSAGE, RESPONSE = UUID("770e8400-e29b-41d4-a716-446655440000"), UUID("880e8400-e29b-41d4-a716-446655440000")

EXAMPLES: tuple[Event, ...] = (
    SessionStarted(UUID("660e8400-e29b-41d4-a716-446655440000"), AT, {"page": "/pricing", "name": "Zoë"}),
    VisitorMessagePosted(MESSAGE, "What is a novated lease? 🚗", "m-1", 1),
    ReplyStarted(RESPONSE, MESSAGE, "guide", "a1b2c3d4"),
    ReplyChunksRecorded((120, 0, 35), ("A ", "novated ", "lease…")),
    DetailsCollected(MESSAGE, {"name": "Ann", "email": "ann@example.com"}, ("name", "email")),
    SuggestionsOffered(("What are the benefits?", "How do I get started?"), 2),
    ReplyCompleted(
        RESPONSE,
        "9f86d081884c7d65",
        "length",
        needs_info=True,
        ends_session=True,
        usage=Usage(12, 345),
        unanswered=True,
    ),
    ReplyStopped(RESPONSE, "visitor"),
    ReplyFailed(RESPONSE, "interrupted", again=True),
    IdleWarningIssued(RESPONSE, "Are you still there?", 120),
    SessionEnded("idle_timeout", RESPONSE, "I'll end this session for now.", 240),
    FeedbackGiven(RESPONSE, "up", "That helped, thanks."),
    VisitorErased(),
)


class Golden(msgspec.Struct):
    """A stored event, `state` in base64, and the event of today that it must be read as."""

    topic: str
    session_id: UUID
    version: int
    state: str
    at: datetime
    read_as: str
    event: dict[str, Any]

    def stored(self) -> StoredEvent:
        return StoredEvent(self.session_id, self.version, self.topic, b64decode(self.state))

    def expected(self) -> Event:
        kinds = {kind.topic: kind for kind in EVENTS}
        return msgspec.convert(self.event, kinds[self.read_as])


def golden(event: Event, version: int) -> Golden:
    stored = codec.encode(SESSION, version, event, AT, b"\x01" * 32 if version > 1 else b"", 1, CIPHER)
    return Golden(
        topic=stored.topic,
        session_id=SESSION,
        version=version,
        state=b64encode(stored.state).decode(),
        at=AT,
        read_as=event.topic,
        event=msgspec.to_builtins(event),
    )


def file_of(topic: str) -> Path:
    return FOLDER / f"{topic}.json"


def main() -> None:
    for version, event in enumerate(EXAMPLES, 1):
        path = file_of(event.topic)
        if not path.exists():
            path.write_bytes(msgspec.json.format(msgspec.json.encode(golden(event, version))) + b"\n")


if __name__ == "__main__":
    main()
