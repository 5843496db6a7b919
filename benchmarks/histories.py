"""A log with a past: conversations as long as they usually are, recorded as fast as that goes."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

from benchmarks.harness import progress
from domain.events import (
    DetailsCollected,
    Event,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyStarted,
    SessionEnded,
    SessionStarted,
    SuggestionsOffered,
    VisitorMessagePosted,
)
from infrastructure.doorbells import LocalDoorbell
from infrastructure.event_store import SessionStore
from infrastructure.keyring import PostgresKeyTable, WrappedKeyring
from infrastructure.logs import PostgresLog
from infrastructure.postgres import Database

MASTER_KEY = bytes(32)
WORDS = ("a ", "novated ", "lease ", "is ", "an ", "agreement ")
BATCHES = 12
"""Of words, in a reply: about a hundred words in all."""

AT_ONCE = 200


def turn(message: str) -> list[Event]:
    """A message and its reply."""
    message_id, response_id = uuid.uuid4(), uuid.uuid4()
    return [
        VisitorMessagePosted(message_id, message),
        ReplyStarted(response_id, message_id, "bench"),
        *(ReplyChunksRecorded((90, 16, 17, 17, 16, 17), WORDS) for _ in range(BATCHES)),
        DetailsCollected(message_id, {"name": "Ann"}, ("name",)),
        SuggestionsOffered(("What are the benefits?", "Who owns the car?"), 2),
        ReplyCompleted(response_id, "0" * 64),
    ]


def conversation(turns: int) -> list[Event]:
    """A whole session."""
    started = SessionStarted(uuid.uuid4(), datetime.now(UTC) + timedelta(days=1))
    said = [event for _ in range(turns) for event in turn("What is a novated lease?")]
    return [started, *said, SessionEnded("completed")]


async def record(conninfo: str, events: int, turns: int = 5) -> list[uuid.UUID]:
    """Record so many events at least, in sessions of so many turns; all sessions."""
    database = Database(conninfo)
    log = PostgresLog(conninfo, database)
    await database.open()
    await log.open()
    keyring = WrappedKeyring(MASTER_KEY, PostgresKeyTable(database))
    store = SessionStore(log, keyring, LocalDoorbell())
    sessions: list[uuid.UUID] = []
    recorded = 0

    async def one() -> None:
        nonlocal recorded
        session_id, said = uuid.uuid4(), conversation(turns)
        await store.append(session_id, 0, said, datetime.now(UTC))
        sessions.append(session_id)
        recorded += len(said)

    length = len(conversation(turns))
    while (left := events - recorded) > 0:
        progress(f"recording: {recorded:,} of {events:,} events")
        await asyncio.gather(*(one() for _ in range(min(AT_ONCE, -(-left // length)))))
    await log.close()
    await database.close()
    return sessions
