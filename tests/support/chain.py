"""A session's stored events, and what is wrong with them, told from the rows alone."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent

from domain.errors import CorruptLog
from domain.events import Event
from infrastructure import codec
from tests.support.history import SESSION, START


def chained(cipher: AESGCM, *events: Event) -> Sequence[StoredEvent]:
    """Rows of one session, as somebody would write them who has the keys."""
    rows: list[StoredEvent] = []
    for version, event in enumerate(events, 1):
        head = codec.digest(rows[-1]) if rows else b""
        rows.append(codec.encode(SESSION, version, event, START, head, version - 1, cipher))
    return rows


def fault_in(rows: Sequence[StoredEvent], cipher: AESGCM | None = None) -> str:
    """The first fault of a session's rows, or nothing. Without the visitor's key, of their chain alone."""
    head = b""
    for version, row in enumerate(rows, 1):
        if row.originator_version != version:
            return f"version {version} is missing"
        if not follows(row, head):
            return f"version {version} doesn't follow the one before it"
        try:
            if cipher:
                codec.decode(row, cipher)
        except CorruptLog as error:
            return str(error)
        head = codec.digest(row)
    return ""


def follows(row: StoredEvent, head: bytes) -> bool:
    """Whether a stored event names this hash as that of the event before it."""
    try:
        _, _, prev = codec.read(row, None)
    except CorruptLog:
        return False
    return prev == codec.as_named(head)
