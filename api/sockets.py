"""The WebSocket: frames in, frames out, and a follower for each session that the socket has joined.

The sender gets no special answer: it learns of its own message and of the reply by following the
session, like every other tab.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from uuid import UUID

from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

from api.errors import safe, told
from api.frames import (
    Accepted,
    AcceptedInfo,
    ChatMessage,
    Connected,
    ConnectedInfo,
    Cursor,
    Feedback,
    Join,
    Ping,
    Pong,
    Received,
    Sent,
    Stop,
    Subject,
    decode,
    encode,
    error_frame,
    is_extra,
    subject_of,
)
from api.joining import join
from api.limits import Room, TooManySessions, sender
from api.origins import Origins
from api.wire import EXTENSION, FrameCache, payloads, text_frame
from domain.conversations import Conversations
from domain.errors import ChatError, InvalidRequest, Restarting, SessionErased
from domain.ports import Recorded

MAX_JOINED = 16
"""Sessions that one socket may follow; those whose end it was given make room for others."""

WRITE_BYTES = 16_384
"""With so much, a write is worth its while."""

SUBPROTOCOL = "verbatim.v1"
"""For sockets that want `message` and `accepted` frames, too."""

RESTART = 1012
"""The close code that says: connect again, and you will find another process."""


class Sockets:
    """The open sockets of this process, and what is the same for all of them."""

    def __init__(self, conversations: Conversations, origins: Origins, room: Room) -> None:
        self.conversations = conversations
        self.cache = FrameCache()
        self.origins = origins
        self.room = room


@websocket("/ws/chat")
async def chat_socket(socket: WebSocket, sockets: NamedDependency[Sockets]) -> None:
    """A visitor's socket: see the specification, and `/api/docs/asyncapi.json`."""
    has_more = SUBPROTOCOL in socket.scope["subprotocols"]
    # Accepted even if it is then dismissed: a browser tells its page nothing of a handshake that failed.
    await socket.accept(SUBPROTOCOL if has_more else None)
    visitor = _Visitor(socket, sockets, has_more=has_more)
    address = sender(socket.client.host if socket.client else None)
    try:
        sockets.origins.check(socket.headers.get("origin"), socket.headers.get("host"))
        with sockets.room.by_address.place(address):
            await visitor.serve()
    except (WebSocketDisconnect, ClientDisconnected):
        pass
    except Exception as error:
        await visitor.dismiss(error)
    finally:
        visitor.leave()


class _Visitor:
    """One socket."""

    __slots__ = (
        *("_by_session", "_cache", "_conversations", "_followers", "_has_more", "_over", "_send_raw"),
        "_socket",
    )

    def __init__(self, socket: WebSocket, sockets: Sockets, *, has_more: bool) -> None:
        self._socket = socket
        self._has_more = has_more
        self._conversations = sockets.conversations
        self._cache = sockets.cache
        self._by_session = sockets.room.by_session
        self._followers: dict[UUID, asyncio.Task[None]] = {}
        self._over: set[UUID] = set()  # of these sessions, those whose end was given
        self._send_raw = EXTENSION in (socket.scope.get("extensions") or {})

    async def serve(self) -> None:
        await self._join_by_url()
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            try:
                if text is None:
                    raise InvalidRequest("frames must be text, not binary")
                await self._handle(decode(text))
            except ChatError as error:
                await self._send(error_frame(error, told(error).error_type, subject_of(text or "")))
                if isinstance(error, Restarting):
                    await self._socket.close(RESTART, "restart")
                    return

    async def dismiss(self, error: Exception, session_id: UUID | None = None) -> None:
        """Say why the socket can't go on, of which session if it is one's, and close it."""
        failure = safe(error, "socket", session_id)
        with suppress(WebSocketDisconnect, ClientDisconnected):
            await self._send(error_frame(failure, told(failure).error_type, Subject(session_id)))
            await self._socket.close(told(failure).close_code, failure.code)

    def leave(self) -> None:
        for session_id in tuple(self._followers):
            self._forget(session_id)

    # --- frames in

    async def _join_by_url(self) -> None:
        """Greet, and join the session that the URL names. Raises ChatError."""
        query = self._socket.query_params
        if "session_id" not in query:
            await self._send(Connected(done=False, complete=False, metadata=ConnectedInfo("connected")))
            return
        await self._join(
            Join(
                _uuid("session_id", query.get("session_id")),
                _uuid("visitor_id", query.get("visitor_id")),
                query.get("after"),
            )
        )

    async def _handle(self, frame: Received) -> None:
        match frame:
            case ChatMessage():
                await self._post(frame)
            case Join():
                await self._join(frame)
            case Stop():
                await self._conversations.stop(frame.session_id, frame.visitor_id)
            case Feedback():
                await self._conversations.rate(
                    frame.session_id, frame.visitor_id, frame.response_id, frame.rating, frame.comment
                )
            case Ping():
                await self._send(Pong(done=False, complete=False))

    async def _post(self, frame: ChatMessage) -> None:
        with self._with_room(frame.session_id):
            accepted = await self._conversations.post(
                frame.session_id, frame.visitor_id, frame.message, frame.client_message_id
            )
            if self._has_more and frame.client_message_id:
                await self._send(
                    Accepted(
                        done=False,
                        complete=False,
                        session_id=frame.session_id,
                        message_id=accepted.message_id,
                        metadata=AcceptedInfo(str(Cursor(accepted.version)), frame.client_message_id),
                    )
                )
            if frame.session_id not in self._followers:
                session = await self._conversations.enter(
                    frame.session_id, frame.visitor_id, accepted.version
                )
                self._follow(frame.session_id, min(Cursor(accepted.version), Cursor.present(session)))

    async def _join(self, frame: Join) -> None:
        with self._with_room(frame.session_id):
            joined = await join(self._conversations, frame.session_id, frame.visitor_id, frame.after)
            self._unfollow(frame.session_id)
            await self._send(joined.greeting)
            self._follow(frame.session_id, joined.after)
            if joined.is_over:
                self._over.add(frame.session_id)

    @contextmanager
    def _with_room(self, session_id: UUID) -> Iterator[None]:
        """With a place among those who follow a session, given back unless it is followed in the end.

        Raises TooManySessions, RateLimited.
        """
        makes_room = None
        if session_id not in self._followers:
            makes_room = self._who_makes_room()
            self._by_session.take(session_id)
        try:
            yield
        finally:
            if session_id not in self._followers:
                self._by_session.give_back(session_id)
            elif makes_room:
                self._forget(makes_room)

    def _who_makes_room(self) -> UUID | None:
        """Which session is followed no more once another one is. Raises TooManySessions.

        None before there is need: what comes after an end, such as an erasure, is told, too.
        """
        if len(self._followers) < MAX_JOINED:
            return None
        over = next((session_id for session_id in self._followers if session_id in self._over), None)
        if over is None:
            raise TooManySessions(MAX_JOINED)
        return over

    # --- frames out

    def _follow(self, session_id: UUID, after: Cursor) -> None:
        history = self._conversations.follow(session_id, after.events_after)
        self._followers[session_id] = asyncio.create_task(self._deliver(session_id, history, after))

    def _unfollow(self, session_id: UUID) -> None:
        # At once: what it still had to say would come twice after the greeting of the next.
        if follower := self._followers.pop(session_id, None):
            follower.cancel()
        self._over.discard(session_id)

    def _forget(self, session_id: UUID) -> None:
        """Follow it no more, and give its place back."""
        self._unfollow(session_id)
        self._by_session.give_back(session_id)

    async def _deliver(
        self, session_id: UUID, history: AsyncGenerator[Sequence[Recorded], None], after: Cursor
    ) -> None:
        try:
            async with aclosing(history):
                async for news in history:
                    for wire in self._wires(news, after):
                        await self._write(wire)
                    latest = news[-1].session
                    if latest.erased_at:
                        raise SessionErased
                    if latest.ended:
                        self._over.add(session_id)
            # Nobody follows any more: this process is about to stop.
            await self._socket.close(RESTART, "restart")
        except (WebSocketDisconnect, ClientDisconnected):
            pass
        except Exception as error:
            await self.dismiss(error, session_id)

    def _wires(self, news: Sequence[Recorded], after: Cursor) -> Iterator[bytes]:
        """What is written of news: several events at once, as the way to the socket is long, but not all of
        them: a reader that is far behind gets the log as fast as it takes it."""
        wires: list[bytes] = []
        size = 0
        for recorded in news:
            if self._has_more or not is_extra(recorded.event):
                wires.append(wire := self._cache.wire(recorded, after))
                size += len(wire)
            if size >= WRITE_BYTES:
                yield b"".join(wires)
                wires, size = [], 0
        if size:
            yield b"".join(wires)

    async def _send(self, frame: Sent) -> None:
        await self._write(text_frame(encode(frame)))

    async def _write(self, wire: bytes) -> None:
        if self._send_raw:
            await self._socket.send({"type": EXTENSION, "frames": wire})  # type: ignore[typeddict-item]
            return
        for payload in payloads(wire):
            await self._socket.send_text(payload.decode())


def _uuid(name: str, value: str | None) -> UUID:
    try:
        return UUID(value or "")
    except ValueError:
        raise InvalidRequest(f"{name} must be a UUID") from None
