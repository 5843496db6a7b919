"""Port: what shows, to people who trust nobody's word, that the log is what was recorded.

A checkpoint is a signed statement of what the log held, from one position to another; each names the hash of
the one before. An anchor is a copy of checkpoints that is kept where whoever can change the log can't reach.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable
from uuid import UUID

from msgspec import Struct


class Finding(Struct, frozen=True):
    """Something that isn't as it was recorded; or, which is no fault, something that can't be compared now,
    or an erasure that isn't over. The message says where, as well; a fault of a checkpoint is told at the
    first event that it covers, if the log still has any."""

    message: str
    session_id: UUID | None = None
    version: int | None = None
    position: int | None = None
    is_fault: bool = True


class Verdict(Struct, frozen=True):
    """What came of a verification. `checkpoint` is the latest one that has been compared, `uncovered` how
    many events came after the last of all, the first of them at `uncovered_since`: nothing vouches for these
    but their chains, yet."""

    findings: Sequence[Finding]
    events: int
    sessions: int
    checkpoints: int
    checkpoint: int | None
    uncovered: int
    uncovered_since: datetime | None

    @property
    def ok(self) -> bool:
        return not self.faults

    @property
    def faults(self) -> int:
        """How many of the findings are."""
        return sum(finding.is_fault for finding in self.findings)


Progress = Callable[[float], None]
"""Told which share of a work is done, from 0 to 1, in whatever thread does it."""


def unwatched(_: float) -> None:
    """Nobody wants to be told."""


Check = Callable[[Collection[UUID] | None, Progress], Awaitable[Sequence[Finding]]]
"""Another check, of what is made from the log: what is wrong there with these sessions, or with any."""


class Checkpoint(Struct, frozen=True):
    """What the log held after position `after`, up to `up_to`: `events` events, whose places and hashes make
    the Merkle `root`. `hints_hash` is the SHA-256 of what it takes to name what was changed, `before` that of
    the checkpoint before. `signed_at` counts ms since 1970, as the log does."""

    number: int
    after: int
    up_to: int
    events: int
    root: bytes
    hints_hash: bytes
    before: bytes
    signed_at: int
    key_id: str
    signature: bytes = b""


class PublicKey(Struct, frozen=True):
    """What checkpoints are verified with. `key_id` is how they name it."""

    key_id: str
    public_key: bytes
    algorithm: Literal["Ed25519"] = "Ed25519"


class Anchor(Struct, frozen=True):
    """Checkpoints in order and the key that signed them: all of them, or the latest alone, which vouches for
    those before. With the `hints` of some, by number, what was changed since can be named."""

    public_key: bytes
    checkpoints: Sequence[Checkpoint]
    hints: Mapping[int, bytes] = {}


@runtime_checkable
class Auditor(Protocol):
    """Verifies what is recorded, and hands out what others can verify it with."""

    @property
    def public_key(self) -> PublicKey:
        """The key that this service signs with."""
        ...

    async def verify(self, session_id: UUID) -> Verdict | None:
        """Verify a session and the checkpoints that cover it; None where nothing is known of it.

        Raises Unavailable.
        """
        ...

    async def checkpoints(self, after: int, most: int) -> Anchor:
        """The checkpoints after a number, the first `most` of them. Raises Unavailable."""
        ...

    async def bundle(
        self, session_id: UUID, up_to: int, renderings: Mapping[str, bytes], *, with_key: bool
    ) -> bytes:
        """A zip with which anybody can verify a session up to a version, and these files about it; with the
        visitor's key, if that is asked for and there still is one. Raises Unavailable, CorruptLog; Conflict
        where the visitor was erased after that version.
        """
        ...
