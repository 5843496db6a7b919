"""The WebSocket: frames in, frames out, and a follower for each session that the socket has joined.

The sender gets no special answer: it learns of its own message and of the reply by following the
session, like every other tab.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

from api.errors import told
from api.frames import (
    ChatMessage,
    Connected,
    ConnectedInfo,
    Cursor,
    Join,
    Ping,
    Pong,
    Received,
    Sent,
    Stop,
    decode,
    encode,
    error_frame,
)
from api.wire import EXTENSION, FrameCache, payloads, text_frame
from domain.conversations import Conversations
from domain.errors import ChatError, CorruptLog, InvalidRequest, MessageRequired
from domain.ports import Recorded

logger = logging.getLogger(__name__)

MAX_JOINED = 16
"""Sessions that one socket may follow."""


@websocket("/ws/chat", opt={"exclude_from_auth": True})
async def chat_socket(socket: WebSocket, conversations: Conversations, frame_cache: FrameCache) -> None:
    """A visitor's socket: see the specification, and `/api/docs/asyncapi.json`."""
    await socket.accept()
    visitor = _Visitor(socket, conversations, frame_cache)
    try:
        await visitor.serve()
    except (WebSocketDisconnect, ClientDisconnected):
        pass
    finally:
        visitor.leave()


class _Visitor:
    """One socket."""

    __slots__ = ("_cache", "_conversations", "_followers", "_send_raw", "_socket")

    def __init__(self, socket: WebSocket, conversations: Conversations, cache: FrameCache) -> None:
        self._socket = socket
        self._conversations = conversations
        self._cache = cache
        self._followers: dict[UUID, asyncio.Task[None]] = {}
        self._send_raw = EXTENSION in (socket.scope.get("extensions") or {})

    async def serve(self) -> None:
        if not await self._join_by_url():
            return
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                text = message.get("text")
                if text is None:
                    raise InvalidRequest("frames must be text, not binary")
                await self._handle(decode(text))
            except ChatError as error:
                await self._send(error_frame(error, told(error).error_type))

    def leave(self) -> None:
        for follower in self._followers.values():
            follower.cancel()

    # --- frames in

    async def _join_by_url(self) -> bool:
        """Greet, and join the session that the URL names. A socket that may not is told why, and closed."""
        query = self._socket.query_params
        if "session_id" not in query:
            await self._send(Connected(done=False, complete=False, metadata=ConnectedInfo("connected")))
            return True
        try:
            await self._join(
                Join(
                    _uuid("session_id", query.get("session_id")),
                    _uuid("visitor_id", query.get("visitor_id")),
                    query.get("after"),
                )
            )
        except ChatError as error:
            await self._send(error_frame(error, told(error).error_type))
            await self._socket.close(told(error).close_code, error.code)
            return False
        return True

    async def _handle(self, frame: Received) -> None:
        try:
            match frame:
                case ChatMessage():
                    await self._post(frame)
                case Join():
                    await self._join(frame)
                case Stop():
                    await self._conversations.stop(frame.session_id, frame.visitor_id)
                case Ping():
                    await self._send(Pong(done=False, complete=False))
        except ChatError as error:
            session_id = None if isinstance(frame, Ping) else frame.session_id
            await self._send(error_frame(error, told(error).error_type, session_id))

    async def _post(self, frame: ChatMessage) -> None:
        if frame.message is None:
            raise MessageRequired
        self._require_room(frame.session_id)
        accepted = await self._conversations.post(
            frame.session_id, frame.visitor_id, frame.message, frame.client_message_id
        )
        if frame.session_id not in self._followers:
            session = await self._conversations.enter(frame.session_id, frame.visitor_id)
            self._follow(frame.session_id, min(Cursor(accepted.version), Cursor.present(session)))

    async def _join(self, frame: Join) -> None:
        self._require_room(frame.session_id)
        session = await self._conversations.enter(frame.session_id, frame.visitor_id)
        after = Cursor.present(session) if frame.after is None else Cursor.parse(frame.after).within(session)
        await self._send(
            Connected(
                done=False,
                complete=session.ended is not None,
                session_id=session.session_id,
                conversation_data=session.details,
                metadata=ConnectedInfo("connected", str(after)),
            )
        )
        if before := self._followers.pop(frame.session_id, None):
            before.cancel()
        self._follow(frame.session_id, after)

    def _require_room(self, session_id: UUID) -> None:
        if session_id not in self._followers and len(self._followers) >= MAX_JOINED:
            raise InvalidRequest(f"a socket can follow {MAX_JOINED} sessions: open another one")

    # --- frames out

    def _follow(self, session_id: UUID, after: Cursor) -> None:
        history = self._conversations.follow(session_id, after.events_after)
        self._followers[session_id] = asyncio.create_task(self._deliver(history, after))

    async def _deliver(self, history: AsyncIterator[Sequence[Recorded]], after: Cursor) -> None:
        try:
            async for news in history:
                if wire := self._cache.wire(news, after):
                    await self._write(wire)
        except (WebSocketDisconnect, ClientDisconnected):
            pass
        except ChatError as error:
            await self._send(error_frame(error, told(error).error_type))
            await self._socket.close(told(error).close_code, error.code)
        except CorruptLog as error:
            logger.error("%s", error)
            await self._socket.close(1011, "internal_error")

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
