"""Bytes on a connection to the service, made by hand: nothing keeps them from being wrong."""

import asyncio

from tests.support.service import Service


def frame(opcode: int, payload: bytes = b"", *, last: bool = True, mask: bool = True) -> bytes:
    """A client's WebSocket frame, made by hand."""
    length = len(payload)
    head = bytes([opcode | (0x80 if last else 0)])
    if length < 126:
        head += bytes([length | (0x80 if mask else 0)])
    elif length < 65_536:
        head += bytes([126 | 0x80]) + length.to_bytes(2, "big")
    else:
        head += bytes([127 | 0x80]) + length.to_bytes(8, "big")
    return head + (b"\0\0\0\0" if mask else b"") + payload


HANDSHAKE = (
    b"GET /ws/chat/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
GREETING = b'"metadata":{"status":"connected"}}'


class Raw:
    """A connection on which anything can be sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, service: Service, start: bytes = b"") -> "Raw":
        raw = cls(*await asyncio.open_connection("127.0.0.1", service.port))
        raw.writer.write(start)
        if start == HANDSHAKE:
            await raw.reader.readuntil(GREETING)
        return raw

    async def answer(self) -> bytes:
        """All that comes, until the service hangs up."""
        async with asyncio.timeout(20):
            return await self.reader.read()

    async def send_without_end(self, block: bytes, times: int) -> None:
        """Send a block again and again, until it is done or the service has hung up."""
        try:
            for _ in range(times):
                self.writer.write(block)
                await self.writer.drain()
        except ConnectionError:
            pass

    def close(self) -> None:
        self.writer.transport.abort()
