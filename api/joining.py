"""How a session is joined, by whatever transport: who may, from where on, and how one is greeted."""

from typing import NamedTuple
from uuid import UUID

from api.frames import Connected, ConnectedInfo, Cursor
from domain.conversations import Conversations


class Joined(NamedTuple):
    """How one who joins is greeted, and where to go on from; `is_over` where nothing is to come any more: the
    session has ended, and all of it was received."""

    greeting: Connected
    after: Cursor
    is_over: bool


async def join(conversations: Conversations, session_id: UUID, visitor_id: UUID, after: str | None) -> Joined:
    """Let one in who joins after a cursor or, without one, at the present.

    An empty `after` is none, by every transport: a page that has no cursor yet sends it like that.
    Raises InvalidRequest, and what `Conversations.enter` raises.
    """
    after = after or None
    session = await conversations.enter(session_id, visitor_id, Cursor.version_in(after))
    cursor = Cursor.present(session) if after is None else Cursor.parse(after).within(session)
    greeting = Connected(
        done=False,
        complete=session.ended is not None,
        session_id=session_id,
        conversation_data=session.details,
        metadata=ConnectedInfo("connected", str(cursor)),
    )
    return Joined(greeting, cursor, greeting.complete and cursor.events_after == session.version)
