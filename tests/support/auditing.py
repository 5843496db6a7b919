"""A session from two sides: what its visitor does in it, and what an auditor asks and is shown of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError

from tests.support.operators import OPERATOR, TOKEN
from tests.support.puppet import Puppet
from tests.support.service import Frame, ServerSent, Socket, Visitor, server_sent

SETTINGS = {
    "VERBATIM_OPERATOR_TOKEN": TOKEN,
    "VERBATIM_CHUNK_WINDOW_MS": "5",
    "VERBATIM_IDLE_WARNING_SECONDS": "1",
    "VERBATIM_IDLE_END_SECONDS": "2",
}


def path_of(visitor: Visitor, endpoint: str) -> str:
    return f"/api/audit/sessions/{visitor.session_id}/{endpoint}/"


async def audit(visitor: Visitor, endpoint: str, **params: Any) -> httpx.Response:
    async with visitor.service.http() as http:
        return await http.get(path_of(visitor, endpoint), headers=OPERATOR, params=params)


@asynccontextmanager
async def replaying(visitor: Visitor, **params: str) -> AsyncIterator[AsyncIterator[ServerSent]]:
    async with (
        visitor.service.http() as http,
        http.stream("GET", path_of(visitor, "replay"), headers=OPERATOR, params=params) as response,
    ):
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield server_sent(response)


async def replay_of(visitor: Visitor, **params: str) -> list[ServerSent]:
    async with replaying(visitor, **params) as events:
        return [event async for event in events]


def replay_url(visitor: Visitor, **params: str) -> str:
    query = "&".join(f"{name}={value}" for name, value in params.items())
    url = visitor.service.ws_url.replace("/ws/chat/", "/ws/replay/")
    return f"{url}?session_id={visitor.session_id}&{query}"


async def all_frames(connection: ClientConnection) -> list[Frame]:
    """All that comes until the socket is closed."""
    frames: list[Frame] = []
    async with asyncio.timeout(20):
        with suppress(ConnectionClosedError):  # as it is where something was wrong
            async for text in connection:
                frames.append(msgspec.json.decode(text))
    return frames


async def dismissed(connection: ClientConnection) -> tuple[int | None, str]:
    """How a socket was closed, and the code of the error that came before."""
    (frame,) = await all_frames(connection)
    assert frame["type"] == "error"
    assert len(frame["error"]) > 10
    return connection.close_code, frame["metadata"]["code"]


async def says(visitor: Visitor, socket: Socket, text: str) -> list[Frame]:
    await socket.send(visitor.message(text))
    return await socket.receive_until("complete", "error")


async def ends(visitor: Visitor) -> None:
    async with visitor.service.http() as http:
        await http.delete(visitor.path + "/", headers=visitor.headers)


async def completed(visitor: Visitor, socket: Socket, puppet: Puppet) -> list[Frame]:
    first = await says(visitor, socket, "A novated lease name=Ann ?Benefits? ...")
    return [*first, *await says(visitor, socket, "Benefits? bye")]
