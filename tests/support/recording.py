"""Events on the record by hand, and what followers and readers are given of them."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent

from domain.errors import Conflict
from domain.events import Event, SessionStarted, VisitorMessagePosted
from domain.ports import Recorded
from domain.session import ChatSession
from infrastructure import codec
from infrastructure.event_store import SessionStore

AT = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
EXPIRY = AT + timedelta(hours=24)


def started(visitor_id: UUID | None = None) -> SessionStarted:
    return SessionStarted(visitor_id or uuid4(), EXPIRY, {"page": "/"})


def said(text: str = "hello") -> VisitorMessagePosted:
    return VisitorMessagePosted(uuid4(), text)


async def new_session(store: SessionStore, *events: Event) -> ChatSession:
    return await store.append(uuid4(), 0, [started(), *events], AT)


async def put(store: SessionStore, session_id: UUID, event: Event) -> ChatSession:
    """Append an event whatever others append meanwhile."""
    while True:
        session = await store.load(session_id)
        assert session is not None
        try:
            return await store.append(session_id, session.version, [event], AT)
        except Conflict:
            await asyncio.sleep(0)


async def follow(store: SessionStore, session_id: UUID, after: int, upto: int) -> list[Recorded]:
    """What a follower is told after one version, up to another."""
    told: list[Recorded] = []
    async with asyncio.timeout(20), aclosing(cast("Any", store.follow(session_id, after))) as batches:
        while after + len(told) < upto:
            told += await anext(batches)
    return told


def seen(recorded: Sequence[Recorded]) -> list[tuple[Event, ChatSession, datetime]]:
    """What there is to be seen of recorded events."""
    return [(one.event, one.session, one.at) for one in recorded]


def versions(recorded: Sequence[Recorded]) -> list[int]:
    return [one.version for one in recorded]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The versions of the rows that are opened from now on."""
    opened: list[int] = []
    read = codec.read

    def read_and_count(row: StoredEvent, cipher: AESGCM | None) -> tuple[Event, datetime, str]:
        opened.append(row.originator_version)
        return read(row, cipher)

    monkeypatch.setattr(codec, "read", read_and_count)
    return opened
