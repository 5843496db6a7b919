"""A session's events, page by page: for the auditor of any session, and for the visitor of their own."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated
from uuid import UUID

from litestar.params import QueryParameter
from msgspec import Struct

from api.frames import CURSOR_PATTERN, Cursor
from domain.ports import Recorded
from domain.session import ChatSession
from projections.records import EventRecord, records
from projections.transcript import is_erased

MOST_EVENTS = 1000

After = Annotated[
    str | None,
    QueryParameter(
        description="A cursor or a version: what follows it is sent",
        schema_extra={"pattern": f"^{CURSOR_PATTERN}$"},
    ),
]
Limit = Annotated[int, QueryParameter(ge=1, le=MOST_EVENTS, description="Events on a page, at most")]

Read = Callable[[UUID, int, int], Awaitable[Sequence[Recorded]]]
"""Reads so many events of a session at most, after a version."""


class EventsPage(Struct, frozen=True):
    """Events of a session, in order. `cursor` is where the page ends; give it as `after` for the next one."""

    session_id: UUID
    erased: bool
    events: Sequence[EventRecord]
    cursor: str
    has_more: bool


async def read_page(read: Read, session: ChatSession, after: str | None, limit: int) -> EventsPage:
    """The page of a session's events after a cursor, or at the start, if none is named.

    Raises InvalidRequest for a cursor that isn't there, and what `read` raises.
    """
    cursor = (Cursor(0) if after is None else Cursor.parse(after)).within(session)
    # Of a long session the page alone is read, and one event at each end: that before tells what has led to
    # the first, that after it that there are more.
    history = await read(session.session_id, max(0, cursor.events_after - 1), limit + 2)
    erased = session.erased_at is not None or is_erased(history)
    rest = [record for record in records(history, erased=erased) if record.version > cursor.events_after]
    page = rest[:limit]
    return EventsPage(
        session_id=session.session_id,
        erased=erased,
        events=page,
        cursor=page[-1].cursor if page else str(cursor),
        has_more=len(rest) > len(page),
    )
