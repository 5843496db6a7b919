"""The service, served for real: on a socket in this process, or in a process of its own."""

import asyncio
import atexit
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import AsyncGeneratorType
from typing import NamedTuple
from uuid import UUID

import httpx
import msgspec
import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from api.app import build
from api.server import bound, make_server
from domain.assistant import Assistant
from infrastructure.settings import read_settings
from tests.support.waiting import until

Frame = dict

FAST = {"VERBATIM_CHUNK_WINDOW_MS": "5"}
"""Settings of a service whose words come soon after they are said."""


class Service:
    """A running service, and the shortest way to talk to it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.ws_url = f"ws://127.0.0.1:{port}/ws/chat/"

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=30)

    async def start_session(self) -> "Visitor":
        async with self.http() as http:
            response = await http.post("/api/chats/sessions/")
        assert response.status_code == 201, response.text
        return Visitor(self, UUID(response.json()["session_id"]), UUID(response.json()["visitor_id"]))


class Visitor:
    """A visitor with a session."""

    def __init__(self, service: Service, session_id: UUID, visitor_id: UUID) -> None:
        self.service = service
        self.session_id = session_id
        self.visitor_id = visitor_id
        self.headers = {"X-Visitor-Id": str(visitor_id)}
        self.path = f"/api/chats/sessions/{session_id}"

    def message(self, text: object, **more: object) -> Frame:
        return {
            "type": "chat_message",
            "message": text,
            "session_id": str(self.session_id),
            "visitor_id": str(self.visitor_id),
        } | more

    def feedback(self, response_id: str, rating: str, comment: str = "") -> Frame:
        return {
            "type": "feedback",
            "session_id": str(self.session_id),
            "visitor_id": str(self.visitor_id),
            "response_id": response_id,
            "rating": rating,
            "comment": comment,
        }

    def join_url(self, after: str | None = None) -> str:
        url = f"{self.service.ws_url}?session_id={self.session_id}&visitor_id={self.visitor_id}"
        return url + (f"&after={after}" if after else "")

    @asynccontextmanager
    async def socket(
        self, *, join: bool = True, after: str | None = None, subprotocol: str | None = None
    ) -> AsyncIterator["Socket"]:
        """A socket that has joined the session by URL, or none yet; `greeting` is its first frame."""
        url = self.join_url(after) if join else self.service.ws_url
        subprotocols = [Subprotocol(subprotocol)] if subprotocol else None
        async with connect(url, max_size=None, subprotocols=subprotocols) as connection:
            socket = Socket(connection)
            socket.greeting = await socket.receive()
            yield socket

    async def get(self, path: str = "/", **more: object) -> httpx.Response:
        async with self.service.http() as http:
            return await http.get(self.path + path, headers=self.headers, **more)  # type: ignore[arg-type]

    async def transcript(self) -> dict:
        return (await self.get("/transcript/")).json()

    async def spoken(self) -> list[str]:
        """The texts of all replies, as the transcript has them."""
        return [
            entry["text"] for entry in (await self.transcript())["entries"] if entry["who"] == "assistant"
        ]

    async def is_warned(self) -> bool:
        """Whether the latest thing that was said is the question whether anybody is there."""
        return (await self.transcript())["entries"][-1]["who"] == "warning"


class Socket:
    """A client's side of a socket."""

    greeting: Frame

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, frame: Frame | str | bytes) -> None:
        await self.connection.send(
            frame if isinstance(frame, str | bytes) else msgspec.json.encode(frame).decode()
        )

    async def receive(self) -> Frame:
        async with asyncio.timeout(20):
            return msgspec.json.decode(await self.connection.recv())

    async def receive_until(self, *kinds: str) -> list[Frame]:
        """All frames up to and including the first of one of these types."""
        frames = [await self.receive()]
        while frames[-1]["type"] not in kinds:
            frames.append(await self.receive())
        return frames


class ServerSent(NamedTuple):
    """A server-sent event: its type, its id, and the frame that is its data."""

    event: str
    id: str | None
    frame: Frame


async def server_sent(response: httpx.Response) -> AsyncIterator[ServerSent]:
    """The events of a stream, as they come. Comments are passed over."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield ServerSent(fields["event"], fields.get("id"), msgspec.json.decode(fields["data"]))
            fields = {}


def problem(response: httpx.Response) -> tuple[int, str, str]:
    """Status, code and detail of a problem; that it is one, with all that a problem has."""
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) == {"type", "status", "title", "detail", "code"}
    assert body["status"] == response.status_code
    return response.status_code, body["code"], body["detail"]


def followers() -> int:
    """How many in this process follow a session now."""
    return sum(
        type(found) is AsyncGeneratorType and found.ag_code.co_name == "follow" and found.ag_frame is not None
        for found in gc.get_objects()
    )


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What has been logged as an error, or as any failure with a traceback."""
    return [
        record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info
    ]


def text_of(frames: list[Frame]) -> str:
    """The words of these frames, joined."""
    return "".join(frame["chunk"] for frame in frames if frame["type"] == "chunk")


@asynccontextmanager
async def served(
    conninfo: str,
    data_dir: Path,
    assistant: Assistant | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Service]:
    """The service in a thread of this process, with a loop of its own, like in production."""
    usual = {
        "VERBATIM_DATA_DIR": str(data_dir),
        "VERBATIM_GRACE_SECONDS": "0",
        "VERBATIM_SESSIONS_PER_MINUTE": "10000",
        "VERBATIM_OPERATOR_REQUESTS_PER_MINUTE": "100000",
    }
    settings = read_settings(usual | dict(environment or {}))
    ready = threading.Event()
    sockets = bound("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    app = await asyncio.to_thread(build, settings, conninfo, assistant)
    server = make_server(app, ready.set)
    thread = threading.Thread(target=server.run, args=(sockets,), daemon=True)
    thread.start()
    try:
        await until(lambda: ready.is_set() or not thread.is_alive(), "the service to listen")
        assert ready.is_set(), "the service did not start"
        yield Service(port)
    finally:
        server.should_exit = True
        await asyncio.to_thread(thread.join, 30)
        assert not thread.is_alive(), "the service did not stop"


class ServiceProcess:
    """`verbatim serve` in a process of its own, on a port that is given, or on any.

    `command` is another `verbatim` than this checkout's, and `folder` where it is started.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        log: Path,
        *options: str,
        port: int = 0,
        command: Sequence[str] = (sys.executable, "-m", "api.entry"),
        folder: Path | None = None,
    ) -> None:
        self.port = port
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        self._log = log
        self._command = [*command, "serve", "--port", str(port), *options]
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        # A test that fails leaves it running.
        atexit.register(lambda: self.process and self.process.kill())

    async def start(self) -> Service:
        """Start it, and wait until it says that it is ready."""
        with self._log.open("ab") as log:
            seen = log.tell()
            self.process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        await until(lambda: self._port(seen) is not None or self.exited, "verbatim serve to be ready", 60)
        port = self._port(seen)
        assert port is not None, f"verbatim serve did not start:\n{self.output}"
        return Service(port)

    @property
    def peak_memory(self) -> int:
        """The most bytes that it has ever held in memory at once."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    @property
    def connections(self) -> int:
        """How many are connected to its port."""
        assert self.process is not None
        opened = psutil.Process(self.process.pid).net_connections("tcp")
        return sum(each.laddr.port == self.port and each.status == "ESTABLISHED" for each in opened)

    @property
    def is_running(self) -> bool:
        return self.process is not None and not self.exited

    @property
    def exited(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    @property
    def output(self) -> str:
        return self._log.read_text()

    def _port(self, seen: int) -> int | None:
        text = self._log.read_bytes()[seen:].decode()
        if "Stop with Ctrl+C" not in text:
            return None
        url = text.split("Chat at ")[1].split()[0]
        return int(url.rstrip("/").rsplit(":", 1)[1])

    async def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(self.process.wait, 30)

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        if not self.exited:
            self.process.terminate()
        return await asyncio.to_thread(self.process.wait, 60)


def chunks(frames: list[Frame]) -> list[str]:
    return [frame["chunk"] for frame in frames if frame["type"] == "chunk"]


def cursor(frame: Frame) -> str:
    return frame["metadata"]["cursor"]


async def in_reply(socket: Socket, words: int) -> list[Frame]:
    """The next frames, up to so many words of a reply."""
    return [await socket.receive() for _ in range(words)]
