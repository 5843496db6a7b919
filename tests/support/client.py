"""A client that comes back: by its cursor, to any node, sending again what nobody has accepted yet."""

import asyncio
import random
from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec
from msgspec import Struct, field
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from api.sockets import SUBPROTOCOL
from tests.support.service import Frame, Service

PAUSE_SECONDS = 0.05
"""Between attempts to connect."""


class Said(Struct):
    """What became of a message, as its sender saw it. `texts` are those of its replies, one an attempt."""

    text: str
    message_id: str = ""
    times_accepted: int = 0
    texts: list[str] = field(default_factory=lambda: [""])
    whole: str | None = None
    failed: bool = False

    @property
    def is_over(self) -> bool:
        return self.whole is not None or self.failed


class Client:
    """A visitor who chats, whatever happens to sockets, nodes and databases."""

    def __init__(self, nodes: Callable[[], Sequence[Service]], session_id: UUID, visitor_id: UUID) -> None:
        self._nodes = nodes
        self._ids = {"session_id": str(session_id), "visitor_id": str(visitor_id)}
        self.session_id, self.visitor_id = session_id, visitor_id
        self.said: dict[str, Said] = {}
        self.cursor = "0.0"
        self.connections = 0
        self._connection: ClientConnection | None = None
        self._changed = asyncio.Event()
        self._running = asyncio.create_task(self._run())

    async def say(self, text: str) -> Said:
        """Say something, and wait for the end of its reply."""
        name = f"m-{len(self.said)}"
        said = self.said[name] = Said(text)
        if self._connection is not None:
            await self._send_again(self._connection)
        while not said.is_over:
            self._changed.clear()
            await self._changed.wait()
        return said

    def drop(self) -> None:
        """Lose the connection, without a word."""
        if self._connection is not None:
            self._connection.transport.abort()

    async def close(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._connect(random.choice(self._nodes()).ws_url)
            except (OSError, WebSocketException, TimeoutError, EOFError, IndexError):
                await asyncio.sleep(PAUSE_SECONDS)
            finally:
                self._connection = None

    async def _connect(self, url: str) -> None:
        async with connect(url, subprotocols=[Subprotocol(SUBPROTOCOL)], close_timeout=1) as connection:
            await connection.send(self._frame("join", after=self.cursor))
            async for received in connection:
                frame = msgspec.json.decode(received)
                if frame["type"] == "connected" and "session_id" in frame:
                    self.connections += 1
                    self._connection = connection
                    await self._send_again(connection)
                self._take(frame)

    async def _send_again(self, connection: ClientConnection) -> None:
        for name, said in self.said.items():
            if not said.times_accepted:
                try:
                    await connection.send(
                        self._frame("chat_message", message=said.text, client_message_id=name)
                    )
                except WebSocketException:
                    return

    def _frame(self, kind: str, **fields: str) -> str:
        return msgspec.json.encode({"type": kind, **self._ids, **fields}).decode()

    def _take(self, frame: Frame) -> None:
        metadata = frame.get("metadata", {})
        said = self.said.get(metadata.get("client_message_id", ""))
        if said is not None:
            said.message_id = frame["message_id"]
            said.times_accepted += frame["type"] == "accepted"
        elif (message_id := frame.get("message_id")) is not None:
            self._hear(next(each for each in self.said.values() if each.message_id == message_id), frame)
        elif metadata.get("code") == "unavailable" and self._connection is not None:
            self._connection.transport.abort()  # and come back
        if frame["type"] != "accepted" and frame["type"] != "connected" and "cursor" in metadata:
            self.cursor = metadata["cursor"]
        self._changed.set()

    def _hear(self, said: Said, frame: Frame) -> None:
        if frame["type"] == "chunk":
            said.texts[-1] += frame["chunk"]
        elif frame["type"] == "complete":
            said.whole = frame.get("message", "")
        elif frame["metadata"]["code"] == "reply_interrupted":
            said.texts.append("")
        else:
            said.failed = True
