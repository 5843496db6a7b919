"""Thousands of hostile frames, made up and mutated: afterwards the service still chats."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.assistants import Echo
from tests.support.raw import HANDSHAKE
from tests.support.service import Frame, Service, Socket, Visitor, followers, served, text_of
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("nothing_is_logged_as_an_error")

T = TypeVar("T")

KINDS = [*["chat_message"] * 5, "join", "join", "stop", "ping", "feedback", "complete", ""]
SESSION, VISITOR, NOBODY = (str(UUID(int=number)) for number in (1, 2, 3))
"""In frames as they are made up; before they are sent, real ids take the places of the first two."""

ANSWERS = {
    "invalid_request",
    "message_required",
    "message_too_long",
    "session_not_found",
    "visitor_mismatch",
    "conflict",
    "rate_limited",
}
"""What a hostile frame may be told. Anything else would be a fault of ours."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    environment = {"VERBATIM_CHUNK_WINDOW_MS": "0"}
    async with served(conninfo, tmp_path_factory.mktemp("data"), Echo(), environment) as service:
        yield service


def made_up(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """So many examples."""
    examples: list[T] = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(strategy)
    def collect(example: T) -> None:
        examples.append(example)

    collect()
    assert len(examples) >= count
    return examples[:count]


def mutated(text: str, chance: random.Random) -> str:
    """A text with some of it cut out, doubled, or replaced."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randint(0, len(text))
        end = min(len(text), start + chance.randint(0, 8))
        instead = ["", text[start:end] * 2, '"', "{", "}", "[", ",", ":", "\\", "\x00", "\\u", "🚗", "9e9"]
        text = text[:start] + chance.choice(instead) + text[end:]
    return text


def hostile_frames() -> st.SearchStrategy[str | bytes]:
    """Frames that are right, nearly right, mutated, or nothing at all."""
    scalars = (
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.uuids().map(str)
    )
    values = (
        scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=3), scalars, max_size=2)
    )
    right: dict[str, st.SearchStrategy[Any]] = {
        "type": st.sampled_from(KINDS),
        "message": st.text(min_size=1, max_size=40),
        "session_id": st.sampled_from([SESSION, SESSION, SESSION, NOBODY]),
        "visitor_id": st.sampled_from([VISITOR, VISITOR, VISITOR, NOBODY]),
    }
    more = {
        "after": st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,3})?", fullmatch=True) | values,
        "client_message_id": st.text(max_size=3) | values,
    }
    nearly = {name: st.one_of(good, good, good, values) for name, good in right.items()}
    texts = st.one_of(
        st.fixed_dictionaries(right),
        st.fixed_dictionaries(right, optional=more),
        st.fixed_dictionaries(nearly, optional=more),
        st.fixed_dictionaries({}, optional=nearly | more),
        values,
    ).map(json.dumps)
    return st.one_of(texts, texts, st.builds(mutated, texts, st.randoms()), st.text(), st.binary(max_size=99))


async def bombard(visitor: Visitor, frames: list[str | bytes]) -> list[Frame]:
    """Send frames over one socket, and after them one that is known by its answer. What has come by then."""
    async with visitor.socket() as socket:
        reading = asyncio.create_task(read_until_fence(socket))
        for frame in frames:
            if isinstance(frame, str):
                frame = frame.replace(SESSION, str(visitor.session_id)).replace(
                    VISITOR, str(visitor.visitor_id)
                )
            await socket.connection.send(frame)
        await socket.send({"type": "fence"})
        return await reading


async def read_until_fence(socket: Socket) -> list[Frame]:
    frames = [await socket.receive()]
    while frames[-1].get("error") != "type: Invalid value 'fence'":
        frames.append(await socket.receive())
    return frames


async def is_answered(visitor: Visitor) -> bool:
    entries = (await visitor.transcript())["entries"]
    asked = [entry["message_id"] for entry in entries if entry["who"] == "visitor"]
    replies = [entry for entry in entries if entry["who"] == "assistant" and entry["outcome"] != "streaming"]
    return [reply["message_id"] for reply in replies] == asked


async def still_chats(service: Service) -> None:
    visitor = await service.start_session()
    async with visitor.socket() as socket:
        await socket.send(visitor.message("Hello"))
        assert text_of(await socket.receive_until("complete")) == "You said: Hello "


@pytest.mark.dosed
async def test_after_thousands_of_hostile_frames_the_service_still_chats(
    service: Service, full_dose: bool
) -> None:
    frames = made_up(hostile_frames(), 10_000 if full_dose else 2000)
    got: list[Frame] = []
    accepted = 0

    for start in range(0, len(frames), 100):
        visitor = await service.start_session()
        got += await bombard(visitor, frames[start : start + 100])
        await until(partial(is_answered, visitor), "all that was accepted to be answered")
        transcript = await visitor.transcript()
        assert transcript["ended"] is None
        accepted += sum(entry["who"] == "visitor" for entry in transcript["entries"])

    assert accepted, "some of it was right"
    assert {"connected", "error", "pong"} <= {frame["type"] for frame in got}
    codes = {frame["metadata"]["code"] for frame in got if frame["type"] == "error"}
    assert codes <= ANSWERS
    assert {"invalid_request", "session_not_found"} <= codes, "it is hostile enough"
    await still_chats(service)
    await until(lambda: followers() == 0, "all sockets to be gone")


REQUESTS = [
    HANDSHAKE,
    b"POST /api/chats/sessions/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /api/chats/sessions/00000000-0000-0000-0000-000000000001/ HTTP/1.1\r\nHost: x\r\n"
    b"X-Visitor-Id: 00000000-0000-0000-0000-000000000002\r\n\r\n",
    b"GET /static/page.js?%41=%zz HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n",
]


@st.composite
def broken_bytes(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """One of these, with some of its bytes changed, missing or added."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        data[start : start + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
    return bytes(data)


async def throw(service: Service, *pieces: bytes) -> None:
    """Send these over a connection of its own, with or without answers, and be gone."""
    _, writer = await asyncio.open_connection("127.0.0.1", service.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


@pytest.mark.dosed
async def test_after_hundreds_of_broken_requests_the_service_still_chats(
    service: Service, full_dose: bool
) -> None:
    for request in made_up(broken_bytes(REQUESTS), 3000 if full_dose else 300):
        await throw(service, request)

    await still_chats(service)


@pytest.mark.dosed
async def test_after_hundreds_of_broken_frames_the_service_still_chats(
    service: Service, full_dose: bool
) -> None:
    ping = b"\x81\x84\0\0\0\0ping"
    frames = [ping, b"\x89\x80\0\0\0\0", b"\x88\x82\0\0\0\0\x03\xe8", b"\x01\x82\0\0\0\0pi\x80\x82\0\0\0\0ng"]

    for broken in made_up(broken_bytes(frames), 2000 if full_dose else 200):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(HANDSHAKE)
        await reader.readuntil(b'{"status":"connected"}}')
        writer.write(broken + ping)
        writer.write_eof()
        async with asyncio.timeout(20):
            await reader.read()
        writer.close()

    await still_chats(service)
