"""Requests that are answered for as long as somebody listens: streams, and whoever waits for a whole reply.

They count as sockets do, and leave nothing behind, however they end.
"""

from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

from litestar import Request
from litestar.types import ASGIApp, Receive, Scope, Send

from api.limits import Room, sender

_HELD = "held"


class Lasting:
    """Around a handler, since a stream begins when that has returned: the request has one of its address's
    places until it has been answered, or is answered no more."""

    def __init__(self, app: ASGIApp, **_: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        room: Room = scope["litestar_app"].state.room
        client = scope["client"]
        async with AsyncExitStack() as held:
            held.enter_context(room.by_address.place(sender(client[0] if client else None)))
            scope["state"][_HELD] = held
            await self._app(scope, receive, send)


def held_by(request: Request[Any, Any, Any]) -> AsyncExitStack:
    """What is given back when a lasting request ends."""
    return request.scope["state"][_HELD]


def take_place(request: Request[Any, Any, Any], session_id: UUID) -> None:
    """Have a lasting request count among what is open on a session. Raises RateLimited.

    Not before its body is there: else whoever sends one slowly could keep a visitor out.
    """
    room: Room = request.app.state.room
    held_by(request).enter_context(room.by_session.place(session_id))
