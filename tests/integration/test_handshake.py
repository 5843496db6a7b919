"""How a socket is opened: whatever is asked for, exactly as uvicorn and wsproto would have it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from websockets.asyncio.client import connect

from api.http_protocol import HttpProtocol
from api.limits import Pace
from api.server import bound
from api.wire import EXTENSION, FramesProtocol
from tests.support.waiting import until

LIMIT = 100_000
OURS = {
    "http": partial(HttpProtocol, max_pending_bytes=LIMIT),
    "ws": partial(FramesProtocol, max_pending_bytes=LIMIT, pace=Pace(100)),
}
THEIRS = {"http": HttpToolsProtocol, "ws": WSProtocol}

USUAL = (
    "Host: chat.example:8000",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
Scope = dict[str, Any]


@asynccontextmanager
async def echoing(
    scopes: list[Scope], may_accept: asyncio.Event | None = None, **protocols: Any
) -> AsyncIterator[int]:
    """The port of an application that accepts, says again what it is told, and keeps its scopes."""

    async def application(scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        scopes.append(scope)
        await receive()
        if scope["type"] == "http":
            await _begin_an_answer(receive, send)
            return
        if may_accept is not None:
            await may_accept.wait()
        chosen = scope["subprotocols"][0] if scope["subprotocols"] else None
        headers = [(b"x-request-id", b"42")]
        await send({"type": "websocket.accept", "subprotocol": chosen, "headers": headers})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})

    config = uvicorn.Config(
        application, lifespan="off", log_config=None, ws_per_message_deflate=False, **protocols
    )
    server = uvicorn.Server(config)
    sockets = bound("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve(sockets))
    try:
        await until(lambda: server.started, "the server to listen")
        yield sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def _begin_an_answer(receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """One that goes on until nobody is there any more."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    await receive()


async def asked(port: int, target: str, *headers: str) -> tuple[bytes, dict[bytes, bytes]]:
    """What a request for a socket is answered with: the first line, and the headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join((f"GET {target} HTTP/1.1", *headers, "", "")).encode("latin-1"))
    first, *rest = (await reader.readuntil(b"\r\n\r\n")).strip().split(b"\r\n")
    writer.close()
    parted = (line.split(b": ", 1) for line in rest)
    return first, {name.lower(): value for name, value in parted if name.lower() != b"date"}


def compared(scope: Scope) -> Scope:
    """A scope without what is different for each connection, or is ours alone."""
    extensions = {name: value for name, value in scope["extensions"].items() if name != EXTENSION}
    headers = sorted(each for each in scope["headers"] if not each[0].startswith(b"sec-websocket-"))
    return {**scope, "client": None, "server": None, "headers": headers, "extensions": extensions}


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/ws/chat/", USUAL),
        ("/ws/chat/?session_id=1&after=3.17&empty=&session_id=2", USUAL),
        ("/ws/%C3%A4%20b%2Fc?q=%C3%A4+b", USUAL),
        ("//ws//chat?", USUAL),
        ("/ws/chat#part?x", USUAL),
        ("/ws/chat/", (*USUAL, "Sec-WebSocket-Protocol: verbatim.v1, other")),
        ("/ws/chat/", (*USUAL, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")),
        ("/ws/chat/", (*USUAL, "Cookie: a=1", "Cookie: b=2", "X-Forwarded-For: 10.0.0.1")),
        ("/ws/chat/", tuple(each.upper().replace("DGHLIHNHBXBSZSBUB25JZQ", "abcd") for each in USUAL)),
        ("/ws/chat/", ("connection: keep-alive, Upgrade", *USUAL[:1], *USUAL[2:])),
    ],
)
async def test_what_an_application_and_a_peer_are_told_is_what_they_would_be_told_by_wsproto(
    target: str, headers: tuple[str, ...]
) -> None:
    ours: list[Scope] = []
    theirs: list[Scope] = []
    async with echoing(ours, **OURS) as our_port, echoing(theirs, **THEIRS) as their_port:
        our_answer = await asked(our_port, target, *headers)
        their_answer = await asked(their_port, target, *headers)

    assert our_answer == their_answer
    assert our_answer[0].startswith(b"HTTP/1.1 101")
    assert compared(ours[0]) == compared(theirs[0])


async def test_a_socket_that_is_opened_so_talks_like_any_other() -> None:
    scopes: list[Scope] = []
    async with (
        echoing(scopes, **OURS) as port,
        connect(f"ws://127.0.0.1:{port}/", subprotocols=["a", "b"]) as socket,  # type: ignore[list-item]
    ):
        await socket.send("Zoë")
        assert await socket.recv() == "Zoë"
        assert socket.subprotocol == "a"
        await (await socket.ping())
    assert EXTENSION in scopes[0]["extensions"]


async def test_a_socket_asked_for_in_the_middle_of_an_answer_is_not_opened() -> None:
    """What is left of that answer would come among its frames."""
    scopes: list[Scope] = []
    request = "\r\n".join(("GET / HTTP/1.1", *USUAL, "", "")).encode()
    async with echoing(scopes, **OURS) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /endless HTTP/1.1\r\nHost: chat.example\r\n\r\n")
        answer = await reader.readuntil(b"begun\r\n")
        writer.write(request)
        answer += await reader.read()
        writer.close()

    assert b"101" not in answer
    assert [scope["type"] for scope in scopes] == ["http"]


async def test_what_comes_before_the_answer_is_not_taken_for_another_request() -> None:
    scopes: list[Scope] = []
    may_accept = asyncio.Event()
    request = "\r\n".join(("GET / HTTP/1.1", *USUAL, "", "")).encode()
    async with echoing(scopes, may_accept, **OURS) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await until(lambda: len(scopes) == 1, "the request to be read")
        writer.write(request)
        for _ in range(50):
            await asyncio.sleep(0)  # the service has time to read it
        may_accept.set()
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()

    assert answer.startswith(b"HTTP/1.1 101")
    assert len(scopes) == 1
