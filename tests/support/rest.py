"""A visitor who chats by requests, and what has come of it."""

from typing import Any

import httpx

from tests.support.service import ServerSent, Visitor, server_sent

SSE = {"Accept": "text/event-stream"}


async def say(http: httpx.AsyncClient, visitor: Visitor, text: str, **more: Any) -> httpx.Response:
    return await http.post(
        visitor.path + "/messages/", json={"message": text, **more}, headers=visitor.headers
    )


async def events_of(response: httpx.Response) -> list[ServerSent]:
    return [event async for event in server_sent(response)]


async def said_by_visitor(visitor: Visitor, messages: int) -> bool:
    entries = (await visitor.transcript())["entries"]
    return sum(entry["who"] == "visitor" for entry in entries) == messages


async def has_said(visitor: Visitor, text: str) -> bool:
    return text in await visitor.spoken()
