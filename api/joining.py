"""How a session is joined, by whatever transport: who may, from where on, and how one is greeted."""

from uuid import UUID

from api.frames import Connected, ConnectedInfo, Cursor
from domain.conversations import Conversations


async def join(
    conversations: Conversations, session_id: UUID, visitor_id: UUID, after: str | None
) -> tuple[Connected, Cursor]:
    """The greeting of one who joins after a cursor or, without one, at the present; and where to go on from.

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
    return greeting, cursor
