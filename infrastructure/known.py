"""What a process knows of a session, event by event.

It is immutable and comes with its head: the hash that the next event must name.
"""

from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent
from msgspec import Struct

from domain.errors import CorruptLog, Impossible
from domain.events import Event, SessionStarted
from domain.ports import Recorded
from domain.session import ChatSession, begin, evolve
from infrastructure import codec


class Known(Struct, frozen=True):
    """A session as this process knows it, the hash of its latest event, and its visitor's cipher: None where
    the key was destroyed, and what was said reads as nothing."""

    session: ChatSession
    head: bytes
    cipher: AESGCM | None


def first_known(row: StoredEvent, cipher: AESGCM | None) -> tuple[Known, Recorded]:
    """What is known after a session's first row, and what that recorded. Raises CorruptLog."""
    session_id = row.originator_id
    assert isinstance(session_id, UUID)
    event, at = codec.decode(row, cipher)
    try:
        session = begin(session_id, start_of(event), at)
    except Impossible as error:
        raise CorruptLog(f"session {session_id}, version {row.originator_version}: {error}") from None
    return Known(session, codec.digest(row), cipher), Recorded(event, session, at)


def next_known(known: Known, row: StoredEvent) -> tuple[Known, Recorded]:
    """The same after one more row. Raises CorruptLog, also where it can't be the next one."""
    version = known.session.version + 1
    if row.originator_version != version:
        raise CorruptLog(f"session {row.originator_id}: version {version} is missing")
    event, at, prev = codec.read(row, known.cipher)
    if prev != codec.as_named(known.head):
        raise CorruptLog(f"session {row.originator_id}: version {version} doesn't follow the one before it")
    try:
        session = evolve(known.session, event, at)
    except Impossible as error:  # what an event takes for granted, nobody can of what was tampered with
        raise CorruptLog(f"session {row.originator_id}, version {version}: {error}") from None
    cipher = None if session.erased_at else known.cipher
    return Known(session, codec.digest(row), cipher), Recorded(event, session, at)


def start_of(event: Event) -> SessionStarted:
    """The event, which must be a session's first. Raises Impossible."""
    if not isinstance(event, SessionStarted):
        raise Impossible(f"a session begins with session_started, not {event.topic}")
    return event
