"""Clients that come back: by their cursors, to any node, sending again what nobody has accepted yet."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from socket import SHUT_RDWR
from uuid import UUID

import httpx
import msgspec
from msgspec import Struct, field
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from api.sockets import SUBPROTOCOL
from tests.support.service import Frame, Service, server_sent

PAUSE_SECONDS = 0.05
"""Between attempts: nothing tells when a node will be there."""


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


class Client(ABC):
    """A visitor who chats, whatever happens to connections, nodes and databases.

    `warnings` and `endings` count the frames that told of them.
    """

    def __init__(self, nodes: Callable[[], Sequence[Service]], session_id: UUID, visitor_id: UUID) -> None:
        self._nodes = nodes
        self.session_id, self.visitor_id = session_id, visitor_id
        self.said: dict[str, Said] = {}
        self.cursor = "0.0"
        self.connections = 0
        self.warnings = 0
        self.endings = 0
        self._changed = asyncio.Event()
        self._running = asyncio.create_task(self._run())
        self._running.add_done_callback(lambda _: self._changed.set())

    async def say(self, text: str) -> Said:
        """Say something, and wait for the end of its reply."""
        said = await self.begin_to_say(text)
        await self.until(lambda: said.is_over)
        return said

    async def begin_to_say(self, text: str) -> Said:
        name = f"m-{len(self.said)}"
        said = self.said[name] = Said(text)
        await self._send_again()
        return said

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for what frames will tell. Raises what this client itself has failed with."""
        while not is_so():
            if self._running.done():
                self._running.result()
            self._changed.clear()
            await self._changed.wait()

    @abstractmethod
    def drop(self) -> None:
        """Lose the connection, without a word."""

    async def close(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    @abstractmethod
    async def _follow(self, node: Service) -> None:
        """Take in all frames after the cursor, from one node, until the connection is lost."""

    @abstractmethod
    async def _send_again(self) -> None:
        """Send what nobody has accepted yet."""

    async def _run(self) -> None:
        while not self.endings:
            with suppress(OSError, WebSocketException, httpx.HTTPError, TimeoutError, EOFError, IndexError):
                await self._follow(random.choice(self._nodes()))
            await asyncio.sleep(PAUSE_SECONDS)

    def _take(self, frame: Frame) -> None:
        metadata = frame.get("metadata", {})
        message_id = frame.get("message_id")
        if message_id is None:
            if metadata.get("code") == "unavailable":
                self.drop()  # and come back
        elif said := self.said.get(metadata.get("client_message_id", "")):
            said.message_id = message_id
            said.times_accepted += frame["type"] == "accepted"
        else:
            self._hear(self._asked(message_id), frame)
        self.warnings += frame["type"] == "idle_warning"
        self.endings += frame["type"] == "session_end"
        if frame["type"] != "accepted" and frame["type"] != "connected" and "cursor" in metadata:
            self.cursor = metadata["cursor"]
        self._changed.set()

    def _asked(self, message_id: str) -> Said:
        return next(each for each in self.said.values() if each.message_id == message_id)

    def _hear(self, said: Said, frame: Frame) -> None:
        if frame["type"] == "chunk":
            said.texts[-1] += frame["chunk"]
        elif frame["type"] == "complete":
            said.whole = frame.get("message", "")
        elif frame["metadata"]["code"] == "reply_interrupted":
            said.texts.append("")
        else:
            said.failed = True


class SocketClient(Client):
    """By WebSocket."""

    _open: ClientConnection | None = None
    _connection: ClientConnection | None = None
    """The same, once it has joined."""

    def drop(self) -> None:
        if self._open is not None:
            self._open.transport.abort()

    async def _follow(self, node: Service) -> None:
        subprotocols = [Subprotocol(SUBPROTOCOL)]
        try:
            async with connect(node.ws_url, subprotocols=subprotocols, close_timeout=1) as connection:
                self._open = connection  # a join may be refused as well, while the database is away
                await connection.send(self._frame("join", after=self.cursor))
                async for received in connection:
                    frame = msgspec.json.decode(received)
                    if frame["type"] == "connected" and "session_id" in frame:
                        self.connections += 1
                        self._connection = connection
                        await self._send_again()
                    self._take(frame)
        finally:
            self._open = self._connection = None

    async def _send_again(self) -> None:
        for name, said in self.said.items():
            if self._connection is not None and not said.times_accepted:
                with suppress(WebSocketException):
                    await self._connection.send(
                        self._frame("chat_message", message=said.text, client_message_id=name)
                    )

    def _frame(self, kind: str, **fields: str) -> str:
        ids = {"session_id": str(self.session_id), "visitor_id": str(self.visitor_id)}
        return msgspec.json.encode({"type": kind, **ids, **fields}).decode()


class StreamClient(Client):
    """By server-sent events, and a POST for each message."""

    def __init__(self, nodes: Callable[[], Sequence[Service]], session_id: UUID, visitor_id: UUID) -> None:
        super().__init__(nodes, session_id, visitor_id)
        self._path = f"/api/chats/sessions/{session_id}"
        self._response: httpx.Response | None = None
        self._posting: dict[str, asyncio.Task[None]] = {}

    def drop(self) -> None:
        if self._response is not None:
            self._response.extensions["network_stream"].get_extra_info("socket").shutdown(SHUT_RDWR)

    async def close(self) -> None:
        await super().close()
        for posting in self._posting.values():
            posting.cancel()
        await asyncio.gather(*self._posting.values(), return_exceptions=True)

    async def _follow(self, node: Service) -> None:
        headers = {"X-Visitor-Id": str(self.visitor_id), "Last-Event-ID": self.cursor}
        async with (
            node.http() as http,
            http.stream("GET", f"{self._path}/stream/", headers=headers) as response,
        ):
            response.raise_for_status()
            self.connections += 1
            self._response = response
            try:
                async for _, _, frame in server_sent(response):
                    self._take(frame)
            finally:
                self._response = None

    async def _send_again(self) -> None:
        for name, said in self.said.items():
            if name not in self._posting:
                self._posting[name] = asyncio.create_task(self._post(name, said))

    async def _post(self, name: str, said: Said) -> None:
        """Post a message until it is answered, or was: frames tell what the answer is."""
        body = {"message": said.text, "client_message_id": name}
        while not said.times_accepted and not self.endings:
            with suppress(httpx.HTTPError, IndexError):
                async with random.choice(self._nodes()).http() as http:
                    headers = {"X-Visitor-Id": str(self.visitor_id)}
                    answer = await http.post(f"{self._path}/messages/", json=body, headers=headers)
                said.times_accepted += answer.status_code in (HTTPStatus.OK, HTTPStatus.BAD_GATEWAY)
            await asyncio.sleep(PAUSE_SECONDS)

    def _asked(self, message_id: str) -> Said:
        """It says one thing after another: a message that isn't known yet is the latest."""
        latest = [*self.said.values()][-1]
        latest.message_id = latest.message_id or message_id
        return super()._asked(message_id)
