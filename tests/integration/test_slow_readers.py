"""HTTP for peers who read slowly, or nothing at all, of what they have asked for: over raw sockets."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.http_protocol import HttpProtocol
from api.server_sent import PART_BYTES
from tests.support.puppet import Puppet
from tests.support.service import Frame, Service, Visitor, followers, served, server_sent, text_of
from tests.support.slow_reading import hold, unread
from tests.support.waiting import until

MOST_PENDING = 40_000
SETTINGS = {"VERBATIM_CHUNK_WINDOW_MS": "5", "VERBATIM_MAX_PENDING_BYTES": str(MOST_PENDING)}


@pytest.fixture
async def service(conninfo: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    monkeypatch.setattr("api.http_protocol.SLOW_SECONDS", 0.5)
    async with served(conninfo, data_dir, Puppet(), SETTINGS) as service:
        yield service


def asked(visitor: Visitor, path: str) -> str:
    return f"GET {visitor.path}{path} HTTP/1.1\r\nHost: a\r\nX-Visitor-Id: {visitor.visitor_id}\r\n\r\n"


def events_in(received: bytes) -> list[tuple[str, Frame]]:
    """The events that have come whole, by their ids: a part of a stream never ends within one."""
    return [
        (cursor.decode(), json.loads(frame))
        for cursor, frame in re.findall(rb"id: (\S+)\ndata: (.*)\n\n", received)
    ]


async def rest_of_stream(visitor: Visitor, after: str) -> list[Frame]:
    """What comes after a cursor, up to the end of the reply."""
    frames: list[Frame] = []
    async with (
        visitor.service.http() as http,
        http.stream(
            "GET", visitor.path + "/stream/", headers=visitor.headers | {"Last-Event-ID": after}
        ) as stream,
    ):
        async for event in server_sent(stream):
            frames.append(event.frame)
            if event.event == "complete":
                break
    return frames


async def test_a_stream_of_which_nothing_is_read_is_cut_off_holds_little_and_can_be_taken_up(
    visitor: Visitor,
) -> None:
    most = 0

    def is_let_go(held: HttpProtocol) -> bool:
        nonlocal most
        most = max(most, held.transport.get_write_buffer_size())
        return held.parser is None

    async with unread(visitor.service) as stuck:
        await stuck.ask(asked(visitor, "/stream/"))
        await until(lambda: followers() == 1, "the stream to begin")
        letting_go = asyncio.create_task(
            until(lambda: is_let_go(stuck.held), "the one who reads nothing to be let go")
        )
        async with visitor.socket() as fast:
            await fast.send(visitor.message("word*12000"))
            whole = (await fast.receive_until("complete"))[-1]["message"]
        await letting_go
        await until(lambda: followers() == 0, "nothing to be left of it")
        before = events_in(await stuck.read_to_the_end())

    assert 0 < most < MOST_PENDING + 2 * PART_BYTES, "what is accepted, and the part that went beyond it"
    assert 0 < len(before) < 12_000
    said = [frame for _, frame in before]
    assert text_of(said) + text_of(await rest_of_stream(visitor, before[-1][0])) == whole


@pytest.mark.parametrize("header", ["", "Connection: close\r\n"])
async def test_the_end_of_an_answer_is_not_held_for_ever_for_one_who_doesn_t_read_it(
    visitor: Visitor, header: str
) -> None:
    await say(visitor, "word*3000")
    async with unread(visitor.service) as stuck:
        await stuck.ask(asked(visitor, "/transcript/?format=text").replace("\r\n", f"\r\n{header}", 1))
        await until(lambda: stuck.held.parser is None, "the connection to be given up")
        assert b"word2999" not in await stuck.read_to_the_end()


async def test_an_answer_that_is_taken_slowly_is_given_to_its_end(visitor: Visitor) -> None:
    await say(visitor, "word*12000")
    async with unread(visitor.service) as slow:
        held, received = slow.held, b""
        await slow.ask(asked(visitor, "/transcript/?format=text"))
        await until(lambda: held._unread_bytes > 0, "more to be there than can be handed over")
        for _ in range(4):
            seen = held._unread_bytes
            while held.transport.get_write_buffer_size() >= seen:
                received += await slow.read(4096)
            await until(lambda seen=seen: held._unread_bytes < seen, "the service to look, and wait on")
        hold(held.transport, 200_000)
        while b"word11999" not in received[-1000:]:
            received += await slow.read()

    assert all(b"word%d " % number in received for number in range(0, 12_000, 97))


async def say(visitor: Visitor, text: str) -> None:
    async with visitor.socket() as socket:
        await socket.send(visitor.message(text))
        await socket.receive_until("complete")
