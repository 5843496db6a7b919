"""`/ws/replay/`: a replay for operators over a WebSocket.

A browser can't send a header with its handshake, and an address ends up in logs: so where there is no
`Authorization`, the first frame brings the token.
"""

import asyncio
from contextlib import aclosing, suppress
from uuid import UUID

from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

from api.auth import NotAnOperator, is_bearer, is_operator
from api.errors import safe, told
from api.frames import Sent, encode, error_frame, token_in
from api.limits import count_as_operator_request, sender
from api.replay import Replay
from api.sockets import RESTART, Sockets
from domain.errors import InvalidRequest
from domain.ports import EventStore

AUTHENTICATE_SECONDS = 10.0
"""How long a first frame is waited for."""

OVER = 1000
"""The close code that says: the session has ended, and this was all of it."""

_GONE = (WebSocketDisconnect, ClientDisconnected)


@websocket("/ws/replay")
async def replay_socket(
    socket: WebSocket, sockets: NamedDependency[Sockets], store: NamedDependency[EventStore]
) -> None:
    """An operator's socket: see `/api/docs/asyncapi.json`."""
    # Accepted even if it is then dismissed: a browser tells its page nothing of a handshake that failed.
    await socket.accept()
    address = sender(socket.client.host if socket.client else None)
    try:
        sockets.origins.check(socket.headers.get("origin"), socket.headers.get("host"))
        with sockets.room.by_address.place(address):
            await count_as_operator_request(socket)
            await _authenticate(socket)
            await _serve(socket, await _wanted(socket, store))
    except _GONE:
        pass
    except Exception as error:
        await _dismiss(socket, error)


async def _authenticate(socket: WebSocket) -> None:
    """Raises NotAnOperator."""
    if "authorization" in socket.headers:
        is_known = is_bearer(socket)
    else:
        is_known = is_operator(socket, await _first_token(socket))
    if not is_known:
        raise NotAnOperator


async def _first_token(socket: WebSocket) -> str:
    try:
        async with asyncio.timeout(AUTHENTICATE_SECONDS):
            message = await socket.receive()
    except TimeoutError:
        return ""
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(detail="gone before it had said who it is")
    return token_in(message.get("text") or "")


async def _wanted(socket: WebSocket, store: EventStore) -> Replay:
    """The replay that the address asks for. Raises what `Replay.begin` raises."""
    query = socket.query_params
    given = query.get("session_id", "")
    try:
        session_id = UUID(given)
    except ValueError:
        raise InvalidRequest(f"session_id must be a UUID, not {given[:40]!r}") from None
    return await Replay.begin(store, session_id, query.get("after"), query.get("speed", "1"))


async def _serve(socket: WebSocket, replay: Replay) -> None:
    """Play until the end, or until the operator goes away: whatever else comes in is passed over."""
    playing = asyncio.create_task(_play(socket, replay))
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        playing.cancel()


async def _play(socket: WebSocket, replay: Replay) -> None:
    try:
        async with aclosing(replay.frames()) as batches:
            async for frames in batches:
                for frame in frames:
                    await _send(socket, frame)
        if replay.is_over:
            await socket.close(OVER, "the session has ended")
        else:
            await socket.close(RESTART, "restart")
    except _GONE:
        pass
    except Exception as error:
        await _dismiss(socket, error)


async def _dismiss(socket: WebSocket, error: Exception) -> None:
    """Say why the socket can't go on, and close it."""
    failure = safe(error, "replay socket")
    with suppress(*_GONE):
        await _send(socket, error_frame(failure, told(failure).error_type))
        await socket.close(told(failure).close_code, failure.code)


async def _send(socket: WebSocket, frame: Sent) -> None:
    await socket.send_text(encode(frame).decode())
