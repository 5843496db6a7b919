"""Too much of everything, and what never ends: memory stays flat, nothing is lost and nobody is harmed."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from api.http_protocol import MAX_HEAD_BYTES
from domain.session import MAX_WAITING
from tests.support.cast import FLAT, SECRET, Cast, still_chats
from tests.support.puppet import Puppet
from tests.support.raw import HANDSHAKE, Raw, frame
from tests.support.rest import say
from tests.support.service import Frame, Socket, Visitor, served

pytestmark = pytest.mark.usefixtures("nothing_is_betrayed_to_the_log")


# --- without end


async def test_a_frame_of_100_mb_closes_its_socket_and_is_never_held_whole(cast: Cast) -> None:
    raw = await Raw.open(cast.service, HANDSHAKE)
    before = cast.process.peak_memory

    raw.writer.write(b"\x81\xff" + (100_000_000).to_bytes(8, "big") + b"\0\0\0\0")
    await raw.send_without_end(b"x" * 100_000, 1000)
    raw.writer.write(frame(8, (1009).to_bytes(2, "big")))
    answer = await raw.answer()
    raw.close()

    assert answer[:4] == b"\x88" + bytes([len(answer) - 2]) + (1009).to_bytes(2, "big")
    assert cast.process.peak_memory < before + FLAT


async def test_a_client_library_sees_why_its_100_mb_were_refused(cast: Cast) -> None:
    async with connect(cast.service.ws_url) as connection:
        await connection.recv()
        with suppress(ConnectionClosed):
            await connection.send("x" * 100_000_000)
        with pytest.raises(ConnectionClosed) as closed:
            await connection.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize(
    ("start", "block"),
    [
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Without-End: ", b"x" * 100_000),
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\n", b"X-Another: one\r\n" * 6000),
        (b"GET /health/live?without-end=", b"x" * 100_000),
    ],
)
async def test_a_head_without_end_is_cut_off(cast: Cast, start: bytes, block: bytes) -> None:
    before = cast.process.peak_memory
    raw = await Raw.open(cast.service, start)

    await raw.send_without_end(block, 1000)
    raw.close()

    assert cast.process.peak_memory < before + FLAT


async def test_a_head_that_is_long_but_not_too_long_is_read(cast: Cast) -> None:
    request = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: %b\r\n\r\n"
    raw = await Raw.open(cast.service, request % (b"x" * (MAX_HEAD_BYTES - 1000)))

    assert (await raw.answer()).startswith(b"HTTP/1.1 200")
    raw.close()


async def test_a_body_without_end_is_refused_and_not_held(cast: Cast) -> None:
    before = cast.process.peak_memory
    raw = await Raw.open(
        cast.service,
        b"POST /api/chats/sessions/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    )

    await raw.send_without_end(b"186a0\r\n" + b"x" * 100_000 + b"\r\n", 300)
    answer = await raw.reader.read(100)
    raw.close()

    assert answer.startswith(b"HTTP/1.1 413")
    assert cast.process.peak_memory < before + FLAT


async def test_fragments_without_end_and_without_content_are_not_held(cast: Cast) -> None:
    raw = await Raw.open(cast.service, HANDSHAKE)
    before = cast.process.peak_memory

    raw.writer.write(frame(1, b"", last=False))
    await raw.send_without_end(frame(0, b"", last=False) * 1000, 100)
    raw.writer.write(frame(0, b"ping"))
    answer = await raw.reader.readuntil(b'"pong","done":false,"complete":false}')
    raw.close()

    assert answer
    assert cast.process.peak_memory < before + FLAT


async def test_a_socket_that_never_finishes_anything_harms_nobody(cast: Cast) -> None:
    visitor = await cast.newcomer()
    hanging = [
        await Raw.open(cast.service, start)
        for start in [
            b"",
            b"G",
            b"POST /api/chats/sessions/ HTTP/1.1\r\nContent-Length: 9\r\n\r\n{",
            HANDSHAKE,
        ]
    ]
    hanging[-1].writer.write(b"\x81\xfe\xff")

    async with visitor.socket() as socket:
        await still_chats(visitor, socket)
    for raw in hanging:
        raw.close()


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /health/live HTTP/1.1\r\nHost: a\r\nX-",
        b"POST /api/chats/sessions/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{",
        b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\nGET /health",
    ],
)
async def test_a_request_that_never_comes_in_whole_isn_t_waited_for_without_end(
    new_conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr("api.http_protocol.REQUEST_SECONDS", 0.2)
    async with served(new_conninfo, tmp_path, Puppet()) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(begun)

        await closed(reader)
        writer.close()


async def closed(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(20):
        await reader.read()


async def test_who_is_being_answered_is_waited_for(
    new_conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.http_protocol.REQUEST_SECONDS", 1.0)
    puppet = Puppet()
    async with served(new_conninfo, tmp_path, puppet) as service, service.http() as http:
        visitor = await service.start_session()
        async with visitor.socket() as socket:
            answering = asyncio.create_task(say(http, visitor, "A |later word"))
            await socket.receive_until("chunk")
            reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
            writer.write(b"GET /health/live")
            await closed(reader)  # who has begun to ask later isn't waited for any more
            writer.close()
            puppet.go_on("later")
            await socket.receive_until("complete")
            answer = await answering

    assert answer.status_code == 200


# --- a thousand messages at once


async def frames_until_settled(socket: Socket, messages: int) -> list[Frame]:
    """All frames, until each of so many messages is either answered or refused."""
    frames: list[Frame] = []
    while messages:
        frames.append(await socket.receive())
        messages -= frames[-1]["type"] in ("complete", "error")
    return frames


async def check_nothing_is_lost(visitor: Visitor, texts: list[str], frames: list[Frame]) -> int:
    """Each message is on the record with its reply, or was refused. The number of those on the record."""
    errors = [frame for frame in frames if frame["type"] == "error"]
    assert {frame["metadata"]["code"] for frame in errors} <= {"rate_limited"}
    entries = (await visitor.transcript())["entries"]
    accepted = [entry for entry in entries if entry["who"] == "visitor"]
    replies = [entry for entry in entries if entry["who"] == "assistant"]
    assert len(accepted) + len(errors) == len(texts)
    in_order = iter(texts)
    assert all(entry["text"] in in_order for entry in accepted), "in the order in which they were sent"
    assert [reply["message_id"] for reply in replies] == [entry["message_id"] for entry in accepted]
    assert {reply["outcome"] for reply in replies} == {"completed"}
    assert [frame["message"] for frame in frames if frame["type"] == "complete"] == [
        reply["text"] for reply in replies
    ]
    return len(accepted)


async def test_of_a_thousand_messages_at_once_each_is_answered_or_refused(cast: Cast) -> None:
    visitor = await cast.newcomer()
    texts = [f"What is a novated lease, {SECRET} {number}?" for number in range(1000)]
    before = cast.process.peak_memory

    async with visitor.socket() as socket:
        sending = asyncio.gather(*(socket.send(visitor.message(text)) for text in texts))
        frames = await frames_until_settled(socket, len(texts))
        await sending

        assert await check_nothing_is_lost(visitor, texts, frames) > MAX_WAITING
        await still_chats(visitor, socket)
    assert cast.process.peak_memory < before + FLAT


async def test_a_thousand_messages_over_many_sockets_spoil_nothing_for_each_other(cast: Cast) -> None:
    visitors = [await cast.newcomer() for _ in range(25)]
    before = cast.process.peak_memory

    async def chat(number: int, visitor: Visitor) -> None:
        texts = [f"What is a novated lease, {SECRET} {number}.{count}?" for count in range(40)]
        async with visitor.socket() as socket:
            for text in texts:
                await socket.send(visitor.message(text))
            frames = await frames_until_settled(socket, len(texts))
        assert await check_nothing_is_lost(visitor, texts, frames) >= MAX_WAITING

    await asyncio.gather(*(chat(number, visitor) for number, visitor in enumerate(visitors)))
    assert cast.process.peak_memory < before + FLAT
