"""Port: the whole log in the order in which it was written, as projections and audits read it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from domain.ports import Recorded


class Told(Struct, frozen=True):
    """An event at its position in the whole log; or why it can't be read, with nothing of what it says."""

    position: int
    session_id: UUID
    version: int
    topic: str
    recorded: Recorded | None
    fault: str = ""


class LogReader(Protocol):
    """Reads on from where it stands. It remembers of what it has read as much as reading on takes."""

    position: int

    def read(self, up_to: int, most: int) -> Sequence[Told]:
        """The events up to a position, the first `most` of them; `position` is then that of the last one or,
        if there are no more, `up_to`."""
        ...


class LogSource(Protocol):
    """The log. It blocks, so it is for threads and processes of its own."""

    def head(self) -> int:
        """The latest position."""
        ...

    def reader(self, position: int) -> LogReader:
        """A reader that stands at a position."""
        ...

    def history(self, session_id: UUID, up_to: int) -> Sequence[Told]:
        """All events of a session up to a position."""
        ...

    def histories(self, session_ids: Collection[UUID], up_to: int) -> Mapping[UUID, Sequence[Told]]:
        """The same of many sessions at once; of those alone that have any."""
        ...

    def destroyed(self, visitor_ids: Collection[UUID]) -> Collection[UUID]:
        """Those of these visitors whose key was destroyed."""
        ...
