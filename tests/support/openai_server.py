"""An OpenAI-compatible server on a real socket, that answers as a test has scripted it.

    async with OpenAIServer() as server:
        server.replies = [status(429, retry_after="0.05"), says("Hello ", "there.")]
        ...  # a client of server.base_url

Streamed requests take the next of `replies`, all others the next of `reports`; the last one of each is
for all that follow. It speaks HTTP/1.1 by hand, so that it can break it at any byte.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

from msgspec import Struct

from tests.support.waiting import until

Step = bytes | float | asyncio.Event | Callable[["Request"], Awaitable[None]]
"""Bytes to send, seconds to let pass, an event to wait for, or something worse."""


class Answer(Struct, frozen=True):
    """What is sent for one request: a status, headers, and a body in steps.

    A body that isn't `chunked` ends where the connection does.
    """

    steps: Sequence[Step] = ()
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    chunked: bool = True


class Request:
    """What has been asked, and whether the client has hung up since."""

    def __init__(self, headers: dict[str, str], body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        self.headers = headers
        self.body = body
        self.writer = writer
        self.sent = 0
        self.disconnected = asyncio.Event()

    @property
    def streamed(self) -> bool:
        return bool(self.body.get("stream"))


# --- what can be scripted


def event(payload: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\n\n"


def delta(text: str | None = None, finish_reason: str | None = None) -> bytes:
    """A piece of a reply."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish_reason}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]})


def usage(prompt_tokens: int, completion_tokens: int) -> bytes:
    """The last piece, which counts tokens."""
    counted = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": counted})


DONE = b"data: [DONE]\n\n"


async def stall(request: Request) -> None:
    """Say nothing more, for as long as the client can bear it."""
    await request.disconnected.wait()


async def cut(request: Request) -> None:
    """Drop the connection, in the middle of whatever it was."""
    await request.writer.drain()
    request.writer.close()


def stream(*steps: Step, chunked: bool = True) -> Answer:
    """A stream of server-sent events."""
    return Answer(steps, headers=(("content-type", "text/event-stream"),), chunked=chunked)


def says(*texts: str, finish_reason: str = "stop", tokens: tuple[int, int] | None = (12, 3)) -> Answer:
    """A whole reply, piece by piece."""
    counted = [usage(*tokens)] if tokens else []
    return stream(*map(delta, texts), delta(finish_reason=finish_reason), *counted, DONE)


def status(code: int, body: Any = None, **headers: str) -> Answer:
    """A failure, in the way of OpenAI."""
    error = body if body is not None else {"error": {"message": "secret upstream text", "code": None}}
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(
        [json.dumps(error).encode()], status=code, headers=(("content-type", "application/json"), *named)
    )


def reports(content: Any, *before: Step) -> Answer:
    """A completion that isn't streamed: text as it is, anything else as JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = json.dumps({"id": "chatcmpl-2", "object": "chat.completion", "choices": [choice]}).encode()
    return Answer([*before, body], headers=(("content-type", "application/json"),))


# --- the server


class OpenAIServer:
    """Serves while its block lasts. `requests` are those that have come in, in order."""

    def __init__(self) -> None:
        self.replies: list[Answer] = [says("Hello ", "there.")]
        self.reports: list[Answer] = [reports({})]
        self.requests: list[Request] = []
        self.base_url = ""
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def streamed(self) -> list[Request]:
        return [request for request in self.requests if request.streamed]

    @property
    def asides(self) -> list[Request]:
        return [request for request in self.requests if not request.streamed]

    async def hung_up(self, request: Request) -> None:
        """Wait until the client has closed the connection of a request."""
        await until(request.disconnected.is_set, "the client hangs up", deadline=3)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while not writer.is_closing():
                await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        request = Request(headers, body, writer)
        self.requests.append(request)
        answers = self.replies if request.streamed else self.reports
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        # A client has nothing to say while it is answered: all that can be read is its leaving.
        listening = asyncio.create_task(self._listen(reader, request))
        try:
            await self._send(answer, request)
        finally:
            listening.cancel()

    @staticmethod
    async def _listen(reader: asyncio.StreamReader, request: Request) -> None:
        try:
            if await reader.read(1) == b"":
                request.disconnected.set()
        except ConnectionError:
            request.disconnected.set()

    @staticmethod
    async def _send(answer: Answer, request: Request) -> None:
        writer = request.writer
        framing = ("transfer-encoding", "chunked") if answer.chunked else ("connection", "close")
        headers = "".join(f"{name}: {value}\r\n" for name, value in (framing, *answer.headers))
        writer.write(f"HTTP/1.1 {answer.status} Scripted\r\n{headers}\r\n".encode())
        for step in answer.steps:
            match step:
                case bytes():
                    writer.write(b"%x\r\n%b\r\n" % (len(step), step) if answer.chunked else step)
                    await writer.drain()
                    request.sent += 1
                case float() | int():
                    await asyncio.sleep(step)
                case asyncio.Event():
                    await step.wait()
                case _:
                    await step(request)
            if writer.is_closing():
                return
        if answer.chunked:
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        else:
            writer.close()
