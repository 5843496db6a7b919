"""Frames as the bytes that travel, made once for all who follow a session.

A server's WebSocket frames are not masked, so the very same bytes serve every socket; and all frames of
an event can go out in one write. ASGI has no message for that: the server tells of its own in
`scope["extensions"]`, and where it doesn't (another server, a test client), each frame is sent as the
specification of ASGI has it.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto import events
from wsproto.connection import Connection, ConnectionState, ConnectionType

from api.errors import told
from api.frames import Cursor, Sent, encode, error_frame, frames_of
from api.handshake import Header, Scope, acceptance
from api.limits import Pace
from domain.errors import RateLimited
from domain.ports import Recorded

EXTENSION = "verbatim.frames"
"""ASGI message type and extension: `{"type": EXTENSION, "frames": bytes}`, whole unmasked frames."""

SLOW_SECONDS = 10.0
"""How long a peer may leave unread what it has been sent. Meanwhile nothing more is sent: what is held for it
stays small, the transport's buffer and what is written at once."""

TOO_SLOW = 1013
"""The close code that says: come back with your cursor."""

PIECE_BYTES = 4096
"""So much of what a peer has sent is read at once. It may be hundreds of frames, and reading, unlike waiting,
gives nobody else a turn."""

LINGER_SECONDS = 1.0
"""How long who sends too much is listened to, with deaf ears, before the connection is closed: at once, it
would be reset, and the peer might never learn why."""

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def text_frame(payload: bytes) -> bytes:
    """A payload as one WebSocket text frame, RFC 6455 section 5.2."""
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload


def sse_event(frame: Sent, payload: bytes) -> bytes:
    """A frame as a server-sent event: `event` is its type, `id` its cursor where it has one."""
    cursor = getattr(getattr(frame, "metadata", None), "cursor", None)
    id_line = f"id: {cursor}\n".encode() if cursor else b""
    kind = str(frame.__struct_config__.tag).encode()
    return b"event: " + kind + b"\n" + id_line + b"data: " + payload + b"\n\n"


class FrameCache:
    """Encoded frames of recorded events, kept for as long as somebody holds the event."""

    def __init__(self) -> None:
        self._wire: WeakKeyDictionary[Recorded, bytes] = WeakKeyDictionary()

    def wire(self, recorded: Recorded, after: Cursor) -> bytes:
        """All frames of an event that lie after the cursor, ready to be written to a socket."""
        if after.offset and recorded.version == after.version:
            return _joined(frames_of(recorded, after))
        wire = self._wire.get(recorded)
        if wire is None:
            wire = self._wire[recorded] = _joined(frames_of(recorded))
        return wire


def _joined(frames: Iterable[Sent]) -> bytes:
    return b"".join(text_frame(encode(frame)) for frame in frames)


def payloads(wire: bytes) -> Iterable[bytes]:
    """The payloads of text frames that `text_frame` made."""
    position = 0
    while position < len(wire):
        length, header = wire[position + 1], 2
        if length >= 126:
            header = 4 if length == 126 else 10
            length = int.from_bytes(wire[position + 2 : position + header], "big")
        yield wire[position + header : position + header + length]
        position += header + length


class FramesProtocol(WSProtocol):
    """uvicorn's WebSocket protocol on wsproto, which also takes frames that are encoded already.

    A peer that breaks the protocol is told so before it is hung up on, and one that doesn't read is
    neither written to nor waited for without end. One that sends more than its share is read a little at a
    time, and then no more.
    """

    __slots__ = ("_is_deaf", "_is_read", "_max_pending_bytes", "_pace", "_paid_until", "_unread")

    def __init__(self, *args: Any, max_pending_bytes: int, pace: Pace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._max_pending_bytes = max_pending_bytes
        self._pace = pace
        self._paid_until = 0.0
        self._unread = b""
        self._is_deaf = False
        self._is_read = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Beyond this, what is to be sent waits until the peer has read.
        transport.set_write_buffer_limits(high=self._max_pending_bytes)

    def open(self, scope: Scope) -> None:
        """Begin, with a request that has been read already.

        Nothing more is read until it is answered: it would be taken for another request.
        """
        self._is_read = True
        self.read_paused = True
        self.transport.pause_reading()
        self.scope = scope  # type: ignore[assignment]
        scope["extensions"][EXTENSION] = {}
        self.queue.put_nowait({"type": "websocket.connect"})
        task = self.loop.create_task(self.run_asgi())
        task.add_done_callback(self.on_task_complete)
        self.tasks.add(task)

    def handle_connect(self, event: events.Request) -> None:
        super().handle_connect(event)
        self.scope["extensions"][EXTENSION] = {}  # type: ignore[index]

    async def send(self, message) -> None:  # type: ignore[no-untyped-def]
        if not self.writable.is_set():
            await self._catch_up()
        if self.disconnected or self.close_sent:
            raise ClientDisconnected
        if message["type"] == EXTENSION:
            if not self.transport.is_closing():
                self.transport.write(message["frames"])
        elif message["type"] == "websocket.accept" and self._is_unanswered:
            self._accept(message.get("subprotocol"), message.get("headers", ()))
        else:
            await super().send(message)

    def _accept(self, subprotocol: str | None, headers: Iterable[Header]) -> None:
        if self.transport.is_closing():
            return
        self.handshake_complete = True
        self.conn = Connection(ConnectionType.SERVER)  # type: ignore[assignment]
        self.transport.write(acceptance(self.scope, subprotocol, [*self.default_headers, *headers]))
        self.start_keepalive()
        self._read_on_soon()

    @property
    def _is_unanswered(self) -> bool:
        return self._is_read and not self.handshake_complete

    async def _catch_up(self) -> None:
        """Wait until the peer has read on; but not for ever: it can come back with its cursor."""
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                await self.writable.wait()
        except TimeoutError:
            if not self.close_sent and not self.disconnected:
                # If it doesn't read, it won't read that either: in the end it is cut off.
                self._turn_away(TOO_SLOW, "too slow", self.transport.abort)

    def _turn_away(
        self, code: int, reason: str, in_the_end: Callable[[], None], seconds: float | None = None
    ) -> None:
        """Close from this side, and give the peer a moment to learn why."""
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(self.conn.send(events.CloseConnection(code, reason)))
        self.close_timer = self.loop.call_later(
            self.close_timeout if seconds is None else seconds, in_the_end
        )

    # --- a little at a time

    def data_received(self, data: bytes) -> None:
        if self._unread:
            self._unread += data
        else:
            self._read(data)

    def _read(self, data: bytes) -> None:
        if self._is_deaf:
            return
        piece, self._unread = data[:PIECE_BYTES], data[PIECE_BYTES:]
        if self._unread and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()
        self._read_piece(piece)
        if self.queue.empty() or self.close_sent:
            self._read_on_soon()  # nobody will ask for more

    async def receive(self) -> Any:
        if not self.queue.empty():
            await asyncio.sleep(0)  # getting what is there already would give nobody else a turn
        message = await self.queue.get()
        if self.queue.empty():
            self._read_on_soon()
        return message

    def _read_on_soon(self) -> None:
        if self._is_unanswered:
            return
        if self._unread:
            self.loop.call_soon(self._read_on)
        elif self.read_paused and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()

    def _read_on(self) -> None:
        if self.transport.is_closing():
            self._unread = b""
        # Another call may have been first, and what it has read be waiting to be received.
        elif self._unread and (self.queue.empty() or self.close_sent):
            data, self._unread = self._unread, b""
            self._read(data)

    def _admit(self) -> bool:
        """Count one more frame: whether it is taken. Who has sent too many is hung up on."""
        try:
            self._paid_until = self._pace.after(self._paid_until, self.loop.time())
        except RateLimited as error:
            how = told(error)
            self.transport.write(text_frame(encode(error_frame(error, how.error_type))))
            self._turn_away(how.close_code, error.code, self.transport.close, LINGER_SECONDS)
            self._is_deaf, self._unread = True, b""
            return False
        return True

    # --- peers that misbehave

    def _read_piece(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except UnicodeError:
            # wsproto takes the headers of a handshake for ASCII. Raised any further, this would leave a
            # connection behind that nobody closes, and on which a later shutdown fails.
            self.transport.write(BAD_REQUEST)
            self.transport.close()

    def handle_message(self, event: events.TextMessage | events.BytesMessage) -> None:
        if event.frame_finished and not self._admit():
            return
        size = len(event.data.encode() if isinstance(event.data, str) else event.data)
        if self.buffer.length + size <= self.buffer.max_length:
            super().handle_message(event)
            return
        self.buffer.clear()
        # Closed at once, with the rest of the message unread, the connection would be reset, and the peer
        # might never learn why. So what still comes is read and dropped, for a while.
        reason = f"at most {self.buffer.max_length} bytes are accepted"
        self._turn_away(1009, reason, self.transport.close)

    def handle_ping(self, event: events.Ping) -> None:
        if self._admit() and self.writable.is_set():
            super().handle_ping(event)

    def handle_close(self, event: events.CloseConnection) -> None:
        if self.conn.state is ConnectionState.OPEN:
            # This isn't the peer's close, but what wsproto finds wrong with its frames.
            self.transport.write(self.conn.send(event))
        super().handle_close(event)

    def keepalive_timeout(self) -> None:
        reads = self.transport.get_write_buffer_size() == 0
        super().keepalive_timeout()
        if not reads:
            self.transport.abort()

    def shutdown(self) -> None:
        reads = self.writable.is_set()
        super().shutdown()
        if not reads:
            self.transport.abort()
