"""Frames as the bytes that travel, made once for all who follow a session.

A server's WebSocket frames are not masked, so the very same bytes serve every socket; and all frames of
an event, or of several, can go out in one write. ASGI has no message for that: the server tells of its
own in `scope["extensions"]`, and where it doesn't (another server, a test client), each frame is sent
as the specification of ASGI has it.
"""

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto import events

from api.frames import Cursor, Sent, encode, frames_of
from domain.ports import Recorded

EXTENSION = "verbatim.frames"
"""ASGI message type and extension: `{"type": EXTENSION, "frames": bytes}`, whole unmasked WebSocket frames."""


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

    def wire(self, news: Sequence[Recorded], after: Cursor) -> bytes:
        """All frames of these events that lie after the cursor, ready to be written to a socket."""
        return b"".join(self._wire_of(recorded, after) for recorded in news)

    def _wire_of(self, recorded: Recorded, after: Cursor) -> bytes:
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
    """uvicorn's WebSocket protocol on wsproto, which also takes frames that are encoded already."""

    def handle_connect(self, event: events.Request) -> None:
        super().handle_connect(event)
        self.scope["extensions"][EXTENSION] = {}  # type: ignore[index]

    async def send(self, message) -> None:  # type: ignore[no-untyped-def]
        if message["type"] != EXTENSION:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent:
            raise ClientDisconnected
        if not self.transport.is_closing():
            self.transport.write(message["frames"])
