"""A session's events, page by page: for the auditor of any session, and for the visitor of their own."""

from collections.abc import Sequence
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


class EventsPage(Struct, frozen=True):
    """Events of a session, in order. `cursor` is where the page ends; give it as `after` for the next one."""

    session_id: UUID
    erased: bool
    events: Sequence[EventRecord]
    cursor: str
    has_more: bool


def place(after: str | None, session: ChatSession) -> Cursor:
    """Where a page begins: at the start, if none is named. Raises InvalidRequest for one that isn't there."""
    return (Cursor(0) if after is None else Cursor.parse(after)).within(session)


def events_page(history: Sequence[Recorded], cursor: Cursor, limit: int) -> EventsPage:
    """The page after a cursor. `history` ends where the session does, or later than the page, and may begin
    with the event before those that are wanted: it tells what has led to the next one."""
    session = history[-1].session
    rest = [record for record in records(history) if record.version > cursor.events_after]
    page = rest[:limit]
    return EventsPage(
        session_id=session.session_id,
        erased=is_erased(history),
        events=page,
        cursor=page[-1].cursor if page else str(cursor),
        has_more=len(rest) > len(page),
    )
