"""What the domain asks of the outside, one promise a sentence."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol, TypeVar, runtime_checkable
from uuid import UUID

from msgspec import Struct

from domain.events import Event
from domain.session import ChatSession

T = TypeVar("T")


class Recorded(Struct, frozen=True, eq=False, weakref=True):
    """An event on the record, and the session as that event left it."""

    event: Event
    session: ChatSession
    at: datetime

    @property
    def version(self) -> int:
        return self.session.version


class Head(Struct, frozen=True):
    """A session's latest event: its version, its position in the whole log, and its hash, in hex."""

    version: int
    position: int
    hash: str


@runtime_checkable
class EventStore(Protocol):
    """The log of every session."""

    def recall(self, session_id: UUID) -> ChatSession | None:
        """The session as this process last knew it, if it still does. Nothing is read."""
        ...

    async def load(self, session_id: UUID) -> ChatSession | None:
        """The session as this process last knew it, read from the log if it is new here, or None.

        It may be behind what other processes have recorded: deciding on it is safe, since `append`
        then raises Conflict and the next `load` is fresh. Raises Unavailable, CorruptLog.
        """
        ...

    async def refresh(self, session_id: UUID) -> ChatSession | None:
        """The session as the log has it now. Raises Unavailable, CorruptLog."""
        ...

    async def append(
        self, session_id: UUID, after: int, events: Sequence[Event], at: datetime
    ) -> ChatSession:
        """Record events directly after version `after`, all or none, durably, before returning.

        Followers see them at the same moment. Raises Conflict where `after` isn't the latest version,
        Unavailable where the log is out of reach, CorruptLog where it can't be read: nothing was recorded
        then. But a session's first events are recorded when their visitor's key is looked for once more:
        these two may come of that, and KeyDestroyed where the visitor has been forgotten, be it meanwhile.
        That is raised as well, and nothing recorded, where nothing in the session says so yet.
        """
        ...

    async def read(self, session_id: UUID, after: int = 0, most: int | None = None) -> Sequence[Recorded]:
        """All that is recorded after a version, in order, or the first `most` events of it.

        Raises Unavailable, CorruptLog.
        """
        ...

    async def made_of(self, session_id: UUID, make: Callable[[Sequence[Recorded]], T]) -> T:
        """What is made, in a thread, of all that is recorded. For a few sessions at once, others wait.

        Raises SessionNotFound where that is nothing, Unavailable, CorruptLog, and what `make` raises.
        """
        ...

    async def check(self) -> None:
        """Return if the log can be read. Raises Unavailable."""
        ...

    def follow(self, session_id: UUID, after: int) -> AsyncGenerator[Sequence[Recorded], None]:
        """What is recorded after a version, then what is being recorded, without gap or repetition: without
        end, unless the process is about to stop (`hang_up`). Raises Unavailable, CorruptLog."""
        ...

    def watch(self, session_id: UUID, told: Callable[[ChatSession], None]) -> AbstractContextManager[None]:
        """Meanwhile, `told` is called with each later state of a session as soon as it is known here."""
        ...

    async def sessions_of(self, visitor_id: UUID) -> Sequence[UUID]:
        """All sessions that were ever started for a visitor, by any process. Raises Unavailable."""
        ...

    async def heads(self, session_ids: Collection[UUID]) -> Mapping[UUID, Head]:
        """Where these sessions stand now, told from what is stored, whether or not it can be read.

        Raises Unavailable.
        """
        ...

    def hang_up(self, but: Collection[UUID] = ()) -> None:
        """From now on, end whatever follows a session, but for these, once it has been given all there is."""
        ...


class Doorbell(Protocol):
    """Tells processes that there is something new in the log, and nothing more: they look for themselves.

    A ring may be lost, late, or come twice.
    """

    def ring(self) -> None:
        """Have the other processes look. Returns at once and never fails."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return when another process has rung since the last wait, or else after `seconds`."""
        ...


class DeadlineTable(Protocol):
    """When which session must be looked at, and by whom its reply is being spoken; kept up from events."""

    async def keep_up(self) -> bool:
        """Take in what has been recorded since; whether there may be more. Raises Unavailable."""
        ...

    async def missing_speakers(self) -> frozenset[str]:
        """The processes that speak in a session, and don't live now. Raises Unavailable."""
        ...

    async def claim(self, now: datetime, until: datetime, dead: frozenset[str], most: int) -> Sequence[UUID]:
        """Sessions that are due, or in which a dead process speaks: no one else is given them before `until`.

        Raises Unavailable.
        """
        ...

    async def settle(self, until: datetime, due: Mapping[UUID, datetime | None]) -> None:
        """Say when sessions claimed `until` then are due again, where no event has said so: None for never.

        Raises Unavailable.
        """
        ...

    async def put_off(self, until: datetime, session_ids: Collection[UUID], later: datetime) -> None:
        """Give sessions claimed `until` then to nobody before it is `later`, whoever speaks in them, unless
        something happens there.

        Raises Unavailable.
        """
        ...


class Keyring(Protocol):
    """One secret key for each visitor. Destroying it makes all that it sealed unreadable."""

    async def create(self, visitor_id: UUID) -> bytes:
        """The visitor's 32-byte key, made now if there never was one.

        Raises KeyDestroyed, Unavailable, CorruptLog where the master key isn't the one that wrapped it.
        """
        ...

    async def find(self, visitor_id: UUID) -> bytes | None:
        """The visitor's key, or None where it was destroyed.

        Raises CorruptLog where there is no trace of one, or as `create` does, Unavailable.
        """
        ...

    async def destroy(self, visitor_id: UUID) -> datetime:
        """Destroy the visitor's key for good, whether or not there is one; when it was first done.

        Raises Unavailable.
        """
        ...


@runtime_checkable
class Clock(Protocol):
    """Time and chance, so that nothing else asks for them."""

    def now(self) -> datetime:
        """The time, in UTC, to the millisecond: the precision of the log."""
        ...

    def new_id(self) -> UUID:
        """An id that nobody can guess."""
        ...
