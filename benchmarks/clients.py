"""Clients that cost next to nothing, so that the service is what is measured."""

import asyncio
import base64
import os
import time

import msgspec

CHUNK = b'"type":"chunk"'


class Client(asyncio.Protocol):
    """One WebSocket that has joined a session. It counts words and looks no closer at what it gets."""

    def __init__(self, port: int, session_id: str, visitor_id: str) -> None:
        self._port = port
        self._ids = {"session_id": session_id, "visitor_id": visitor_id}
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._said_at = 0.0
        self.words = 0
        self.first_word_ms = 0.0  # from when the last message was sent
        self.completed = 0
        self.joined = asyncio.Event()
        self.first_word = asyncio.Event()
        self.done = asyncio.Event()

    async def join(self, after: str = "") -> None:
        """Connect, and join the session by URL, after a cursor if there is one."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", self._port)
        asked = {**self._ids, "after": after} if after else self._ids
        query = "&".join(f"{key}={value}" for key, value in asked.items())
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /ws/chat/?{query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await self.joined.wait()

    def say(self, text: str) -> None:
        """Post a message."""
        assert self._transport is not None
        self.first_word.clear()
        self.done.clear()
        payload = msgspec.json.encode({"type": "chat_message", "message": text, **self._ids})
        assert 126 <= len(payload) < 65_536
        self._said_at = time.perf_counter()
        # A client must mask; the mask of zeros is as good as any here.
        self._transport.write(b"\x81\xfe" + len(payload).to_bytes(2, "big") + b"\0\0\0\0" + payload)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        # A marker may be cut by the edge of a read: the last bytes are looked at again with the next one.
        data = self._rest + data
        self.words += data.count(CHUNK)
        if not self.joined.is_set() and b'"type":"connected"' in data:
            self.joined.set()
        if not self.first_word.is_set() and CHUNK in data:
            self.first_word_ms = (time.perf_counter() - self._said_at) * 1000
            self.first_word.set()
        if b'"type":"complete"' in data:
            self.completed += 1
            self.done.set()
        # As long as a marker, less one: it can't hold a whole one, so that none is counted twice.
        self._rest = data[-(len(CHUNK) - 1) :]


async def start_sessions(port: int, count: int) -> list[tuple[str, str]]:
    """Sessions, by REST on one kept connection: `(session_id, visitor_id)`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sessions: list[tuple[str, str]] = []
    for _ in range(count):
        writer.write(b"POST /api/chats/sessions/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        )
        session = msgspec.json.decode(await reader.readexactly(length))
        sessions.append((session["session_id"], session["visitor_id"]))
    writer.close()
    return sessions


async def join_all(port: int, sessions: list[tuple[str, str]], at_once: int = 100) -> list[Client]:
    """A client for each session, all joined."""
    clients = [Client(port, *session) for session in sessions]
    for start in range(0, len(clients), at_once):
        await asyncio.gather(*(client.join() for client in clients[start : start + at_once]))
    return clients
