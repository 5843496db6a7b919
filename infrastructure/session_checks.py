"""What a session's own events say of each other: that none was changed, removed, inserted or moved.

Fed with the events of any sessions in the order of their positions, it remembers of each session what its
next event needs. What can only be told when all have been seen, `finish` tells.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent
from msgspec import Struct
from msgspec.structs import replace

from domain.errors import CorruptLog
from domain.events import (
    Event,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionStarted,
    VisitorErased,
)
from domain.proof import Finding
from infrastructure import codec

Key = AESGCM | None | str
"""A visitor's cipher; None for a key that was destroyed; or why there is none."""

Report = Callable[[Finding], None]


def found(
    what: str, session_id: UUID, first: int, position: int | None = None, last: int | None = None
) -> Finding:
    """A finding about a version, or about those from one to another."""
    versions = f"version {first}" if last in (None, first) else f"versions {first} to {last}"
    return Finding(f"session {session_id}, {versions}: {what}", session_id, first, position)


class Head(Struct, gc=False):
    """A session as far as it has been seen. `hash` is what its next event must name, `words` the hash of the
    open reply so far, where it is known. `opened` says that the key has opened something."""

    version: int = 0
    position: int = 0
    hash: str = ""
    visitor_id: UUID | None = None
    words: Any = None
    opened: bool = False


class Gap(Struct):
    """Versions that haven't been seen, though a later one has, at `position`."""

    first: int
    last: int
    position: int


class SessionChecks:
    """See above. `keys` must hold those of the visitors that events name; it may be another one each time."""

    def __init__(self, report: Report) -> None:
        self.keys: Mapping[UUID, Key] = {}
        self.heads: dict[UUID, Head] = {}
        self._report = report
        self._gaps: dict[UUID, list[Gap]] = {}
        self._unopened: dict[UUID, list[tuple[int, int]]] = {}
        self._destroyed: dict[UUID, tuple[int, int]] = {}

    def visitor_of(self, row: StoredEvent) -> UUID | None:
        """Whose key it takes to check an event."""
        session_id = row.originator_id
        assert isinstance(session_id, UUID)
        head = self.heads.get(session_id)
        if row.originator_version != 1:
            return head.visitor_id if head else None
        try:
            return codec.visitor_of(row)
        except CorruptLog:
            return None  # it will be told when it is read

    def take(self, position: int, row: StoredEvent) -> tuple[bytes, datetime | None]:
        """Check the next event; its hash, and when it was recorded, if that can be read."""
        session_id, version = row.originator_id, row.originator_version
        assert isinstance(session_id, UUID)
        if version < 0:
            self._report(
                found("there are no versions below 1: it was inserted", session_id, version, position)
            )
            return b"", None  # such a number can't even be hashed
        head = self.heads.get(session_id)
        if head is None:
            head = self.heads[session_id] = Head()
        follows = version == head.version + 1
        if not follows:
            self._disorder(head, session_id, version, position)
        if version == 1:
            self._begin(head, row, position)
        event, at, prev = self._read(head, row, position)
        digest = codec.digest(row)
        if follows and prev is not None and prev != head.hash:
            before = f"version {version - 1}" if version > 1 else "nothing"
            self._report(
                found(
                    f"doesn't name the hash of {before} before it: one of the two was changed",
                    session_id,
                    version,
                    position,
                )
            )
        if event is not None:
            self._fold(head, event, row, position)
        if version > head.version:
            head.version, head.position, head.hash = version, position, codec.as_named(digest)
        return digest, at

    def finish(self) -> None:
        """Tell what could only be told when all had been seen."""
        for session_id, gaps in self._gaps.items():
            for gap in gaps:
                what = "missing, while there are later ones"
                self._report(found(what, session_id, gap.first, gap.position, gap.last))
        for session_id, unopened in self._unopened.items():
            for version, position in unopened if self.heads[session_id].opened else unopened[:1]:
                self._report(found(self._closed(session_id), session_id, version, position))
        for session_id, (version, position) in self._destroyed.items():
            what = "its visitor's key was destroyed, and nothing in the session says that they were erased"
            self._report(found(what, session_id, version, position))

    def _closed(self, session_id: UUID) -> str:
        if self.heads[session_id].opened:
            return "what is sealed doesn't open with the visitor's key: it was changed, or moved"
        return "the visitor's key opens nothing of this session: the key was replaced, or all that is sealed"

    def _disorder(self, head: Head, session_id: UUID, version: int, position: int) -> None:
        if version > head.version:
            gap = Gap(head.version + 1, version - 1, position)
            self._gaps.setdefault(session_id, []).append(gap)
            return
        what = f"stands after version {head.version}, which is at position {head.position}: moved or inserted"
        self._report(found(what, session_id, version, position))
        for gap in [gap for gap in self._gaps.get(session_id, ()) if gap.first <= version <= gap.last]:
            gaps = self._gaps[session_id]
            gaps.remove(gap)
            parts = (
                Gap(gap.first, version - 1, gap.position),
                Gap(version + 1, gap.last, gap.position),
            )
            gaps += [part for part in parts if part.first <= part.last]

    def _begin(self, head: Head, row: StoredEvent, position: int) -> None:
        session_id = row.originator_id
        assert isinstance(session_id, UUID)
        if row.topic != SessionStarted.topic:
            what = f"a session begins with {SessionStarted.topic}, and this is {row.topic!r}"
            self._report(found(what, session_id, 1, position))
        head.visitor_id = self.visitor_of(row)
        if head.visitor_id is None:
            return
        key = self.keys.get(head.visitor_id, "is missing")
        if isinstance(key, str):
            self._report(found(f"its visitor's key {key}", session_id, 1, position))
        elif key is None:
            self._destroyed[session_id] = (1, position)

    def _read(
        self, head: Head, row: StoredEvent, position: int
    ) -> tuple[Event | None, datetime | None, str | None]:
        key = self.keys.get(head.visitor_id) if head.visitor_id else None
        cipher = None if isinstance(key, str) else key
        try:
            event, at, prev = codec.read(row, cipher)
        except CorruptLog as error:
            head.words = None
            return self._unread(row, position, error)
        if cipher and event.personal:
            head.opened = True
        elif not cipher:
            head.words = None  # nobody can tell what was said
        return event, at, prev

    def _unread(
        self, row: StoredEvent, position: int, error: CorruptLog
    ) -> tuple[Event | None, datetime | None, str | None]:
        session_id = row.originator_id
        assert isinstance(session_id, UUID)
        if not codec.was_not_opened(error):
            self._report(Finding(str(error), session_id, row.originator_version, position))
        else:
            self._unopened.setdefault(session_id, []).append((row.originator_version, position))
        try:
            event, at, prev = codec.read(row, None)
        except CorruptLog:
            return None, None, None
        return (None if event.personal else event), at, prev

    def _fold(self, head: Head, event: Event, row: StoredEvent, position: int) -> None:
        match event:
            case ReplyChunksRecorded():
                if head.words:
                    head.words.update("".join(event.parts).encode())
            case ReplyStarted():
                head.words = sha256()
            case ReplyCompleted():
                if head.words and event.text_hash != head.words.hexdigest():
                    self._tell(row, position, "the hash of the reply isn't that of its words")
                head.words = None
            case ReplyStopped() | ReplyFailed():
                head.words = None
            case SessionStarted() if row.originator_version != 1:
                self._tell(row, position, "a session can't begin again")
            case VisitorErased() if isinstance(row.originator_id, UUID):
                self._destroyed.pop(row.originator_id, None)
                self._require_no_key(head, row, position)
            case _:
                pass

    def _require_no_key(self, head: Head, row: StoredEvent, position: int) -> None:
        if head.visitor_id and isinstance(self.keys.get(head.visitor_id), AESGCM):
            what = (
                "says that its visitor is erased, and their key is still there: "
                "the erasure broke off, or isn't over yet"
            )
            assert isinstance(row.originator_id, UUID)
            finding = found(what, row.originator_id, row.originator_version, position)
            self._report(replace(finding, is_fault=False))

    def _tell(self, row: StoredEvent, position: int, what: str) -> None:
        assert isinstance(row.originator_id, UUID)
        self._report(found(what, row.originator_id, row.originator_version, position))
