"""Whatever is sent, to a service in a process of its own: the error that is due or a clean close, nothing
lost, nothing betrayed to the log, and memory stays flat."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from api.app import open_store
from api.http_protocol import MAX_HEAD_BYTES
from domain.events import SessionStarted
from domain.session import MAX_WAITING
from infrastructure.clock import SystemClock
from infrastructure.settings import read_settings
from tests.support.puppet import Puppet
from tests.support.service import Frame, Service, ServiceProcess, Socket, Visitor, served, text_of

SECRET = "swordfish"
"""In every message: nothing that was said may be in the log of the process."""

MAX_FRAME_BYTES = 262_144

FLAT = 40_000_000
"""Bytes that memory may grow by under attack: buffers, and what Python keeps for later."""


class Cast:
    """The service and its visitors: one who chats, and sessions in every other state."""

    def __init__(self, process: ServiceProcess, service: Service) -> None:
        self.process = process
        self.service = service
        self.visitors: list[Visitor] = []

    async def newcomer(self) -> Visitor:
        self.visitors.append(await self.service.start_session())
        return self.visitors[-1]

    async def ended(self) -> Visitor:
        visitor = await self.newcomer()
        async with self.service.http() as http:
            await http.delete(visitor.path + "/", headers=visitor.headers)
        return visitor

    async def expired(self, conninfo: str, folder: Path) -> Visitor:
        visitor, now = Visitor(self.service, uuid4(), uuid4()), SystemClock().now()
        async with open_store(read_settings({"VERBATIM_DATA_DIR": str(folder)}), conninfo) as store:
            started = SessionStarted(visitor.visitor_id, now - timedelta(minutes=1))
            await store.append(visitor.session_id, 0, [started], now - timedelta(days=1))
        self.visitors.append(visitor)
        return visitor


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cast(conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cast]:
    folder = tmp_path_factory.mktemp("data")
    environment = {
        "DATABASE_URL": conninfo,
        "VERBATIM_DATA_DIR": str(folder),
        "VERBATIM_WORDS_PER_SECOND": "0",
        "VERBATIM_CHUNK_WINDOW_MS": "5",
        "VERBATIM_MESSAGES_PER_MINUTE": "10000",
        "VERBATIM_MESSAGES_PER_SESSION": "100000",
        "VERBATIM_SESSIONS_PER_MINUTE": "10000",
        "VERBATIM_FRAMES_PER_SECOND": "100000",
    }
    process = ServiceProcess(environment, folder / "log")
    cast = Cast(process, await process.start())
    cast.visitors.append(await cast.expired(conninfo, folder))
    yield cast
    assert await process.stop() == 0


@pytest.fixture
def service(cast: Cast) -> Service:
    return cast.service


@pytest.fixture(autouse=True)
def nothing_is_betrayed_to_the_log(cast: Cast) -> Iterator[None]:
    yield
    output = cast.process.output
    for trace in ["ERROR", "Traceback", SECRET, *(str(visitor.visitor_id) for visitor in cast.visitors)]:
        assert trace not in output


async def still_chats(visitor: Visitor, socket: Socket) -> None:
    """The socket lives on: it answers pings, and messages."""
    await socket.send("ping")
    while (await socket.receive())["type"] != "pong":
        pass
    await socket.send(visitor.message(f"What is a novated lease, {SECRET}?"))
    assert "novated lease" in text_of(await socket.receive_until("complete"))


# --- frames that get an error, on a socket that lives on

IDS = '"session_id": "{session}", "visitor_id": "{visitor}"'
VALIDATION, PROCESSING = "validation_error", "processing_error"
NO_OBJECT = "a frame must be one JSON object, in well-formed Unicode"

BAD_FRAMES: list[tuple[str, str, str, str]] = [
    # (the frame; error_type, code and the text of what is sent back)
    ("{", VALIDATION, "invalid_request", NO_OBJECT),
    ("", VALIDATION, "invalid_request", NO_OBJECT),
    ("\x00", VALIDATION, "invalid_request", NO_OBJECT),
    ("Hello?", VALIDATION, "invalid_request", NO_OBJECT),
    ('{"type": "ping"}{"type": "ping"}', VALIDATION, "invalid_request", NO_OBJECT),
    ('{"type": "chat_message", "message": "\\ud800", IDS}', VALIDATION, "invalid_request", NO_OBJECT),
    ("{NESTED}", VALIDATION, "invalid_request", NO_OBJECT),
    ("[]", VALIDATION, "invalid_request", "Expected `object`, got `array`"),
    ("[[[[", VALIDATION, "invalid_request", "Expected `object`, got `array`"),
    ("null", VALIDATION, "invalid_request", "Expected `object`, got `null`"),
    ("17", VALIDATION, "invalid_request", "Expected `object`, got `int`"),
    ('"ping"', VALIDATION, "invalid_request", "Expected `object`, got `str`"),
    ("{}", VALIDATION, "invalid_request", "Object missing required field `type`"),
    ('{"type": null}', VALIDATION, "invalid_request", "type: Expected `str`"),
    ('{"type": ["ping"]}', VALIDATION, "invalid_request", "type: Expected `str`"),
    ('{"type": "nonsense", IDS}', VALIDATION, "invalid_request", "type: Invalid value 'nonsense'"),
    ('{"type": "chunk", IDS}', VALIDATION, "invalid_request", "type: Invalid value 'chunk'"),
    ('{"type": "chat_message", IDS}', VALIDATION, "message_required", "message is required"),
    ('{"type": "chat_message", "message": null, IDS}', VALIDATION, "message_required", "message is required"),
    ('{"type": "chat_message", "message": "", IDS}', VALIDATION, "message_required", "message is required"),
    (
        '{"type": "chat_message", "message": " \\n", IDS}',
        VALIDATION,
        "message_required",
        "message is required",
    ),
    ('{"type": "chat_message", "message": 5, IDS}', VALIDATION, "invalid_request", "message: Expected `str`"),
    (
        '{"type": "chat_message", "message": {}, IDS}',
        VALIDATION,
        "invalid_request",
        "message: Expected `str`",
    ),
    (
        '{"type": "chat_message", "message": "LONG", IDS}',
        VALIDATION,
        "message_too_long",
        "message is too long",
    ),
    (
        '{"type": "chat_message", "message": "Hi", "client_message_id": "", IDS}',
        VALIDATION,
        "invalid_request",
        "client_message_id: Expected `str` of length >= 1",
    ),
    (
        '{"type": "chat_message", "message": "Hi", "client_message_id": "LONG", IDS}',
        VALIDATION,
        "invalid_request",
        "client_message_id: Expected `str` of length <= 128",
    ),
    (
        '{"type": "chat_message", "message": "Hi", "client_message_id": 7, IDS}',
        VALIDATION,
        "invalid_request",
        "client_message_id: Expected `str | null`, got `int`",
    ),
    (
        '{"type": "chat_message", "message": "Hi", "visitor_id": "{visitor}"}',
        VALIDATION,
        "invalid_request",
        "Object missing required field `session_id`",
    ),
    (
        '{"type": "chat_message", "message": "Hi", "session_id": "{session}"}',
        VALIDATION,
        "invalid_request",
        "Object missing required field `visitor_id`",
    ),
    (
        '{"type": "chat_message", "message": "Hi", "session_id": "1", "visitor_id": "{visitor}"}',
        VALIDATION,
        "invalid_request",
        "session_id: Invalid UUID",
    ),
    (
        '{"type": "chat_message", "message": "Hi", "session_id": null, "visitor_id": "{visitor}"}',
        VALIDATION,
        "invalid_request",
        "session_id: Expected `uuid`, got `null`",
    ),
    (
        '{"type": "stop", "session_id": "{session}", "visitor_id": "\' OR 1=1"}',
        VALIDATION,
        "invalid_request",
        "visitor_id: Invalid UUID",
    ),
    ('{"type": "join", "after": 5, IDS}', VALIDATION, "invalid_request", "after: Expected `str | null`, got"),
    ('{"type": "join", "after": "-1.0", IDS}', VALIDATION, "invalid_request", "after must be a cursor"),
    ('{"type": "join", "after": "1e9", IDS}', VALIDATION, "invalid_request", "after must be a cursor"),
    (
        '{"type": "join", "after": "99.0", IDS}',
        VALIDATION,
        "invalid_request",
        "after is ahead of the session",
    ),
    (
        '{"type": "chat_message", "message": "Hi", OTHER}',
        PROCESSING,
        "visitor_mismatch",
        "Visitor ID does not match",
    ),
    ('{"type": "join", OTHER}', PROCESSING, "visitor_mismatch", "Visitor ID does not match"),
    ('{"type": "stop", OTHER}', PROCESSING, "visitor_mismatch", "Visitor ID does not match"),
    (
        '{"type": "chat_message", "message": "Hi", UNKNOWN}',
        PROCESSING,
        "session_not_found",
        "Session not found",
    ),
    ('{"type": "join", UNKNOWN}', PROCESSING, "session_not_found", "Session not found"),
    ('{"type": "stop", UNKNOWN}', PROCESSING, "session_not_found", "Session not found"),
    (
        '{"type": "chat_message", "message": "Hi", ENDED}',
        PROCESSING,
        "session_not_active",
        "Session is not active",
    ),
    (
        '{"type": "chat_message", "message": "Hi", EXPIRED}',
        PROCESSING,
        "session_expired",
        "Session has expired",
    ),
]


def ids_of(visitor: Visitor) -> str:
    return IDS.replace("{session}", str(visitor.session_id)).replace("{visitor}", str(visitor.visitor_id))


async def test_every_bad_frame_gets_the_error_that_is_due_and_the_socket_lives_on(cast: Cast) -> None:
    visitor, other, ended = await cast.newcomer(), await cast.newcomer(), await cast.ended()
    expired = cast.visitors[0]
    ids = {
        "OTHER": ids_of(Visitor(cast.service, other.session_id, visitor.visitor_id)),
        "UNKNOWN": ids_of(Visitor(cast.service, uuid4(), visitor.visitor_id)),
        "ENDED": ids_of(ended),
        "EXPIRED": ids_of(expired),
        "IDS": ids_of(visitor),
        "{session}": str(visitor.session_id),
        "{visitor}": str(visitor.visitor_id),
        "LONG": SECRET * 500,
        "{NESTED}": '{"type": "ping", "a": ' + "[" * 60_000,
    }

    async with visitor.socket() as socket:
        for template, error_type, code, text in BAD_FRAMES:
            sent = template
            for name, value in ids.items():
                sent = sent.replace(name, value)
            await socket.send(sent)
            frame = await socket.receive()
            assert frame["type"] == "error", template
            assert frame["metadata"].pop("client_message_id", "") in sent, "an error of a message names it"
            assert frame["metadata"] == {"error_type": error_type, "code": code}, template
            assert frame["error"].startswith(text), template
            assert (frame["done"], frame["complete"]) == (False, False)
            if frame["metadata"]["error_type"] == PROCESSING or "message" in code:
                assert frame["session_id"] in sent, "an error of a session names it"
        await still_chats(visitor, socket)
    for unharmed in (other, ended, expired):
        assert all(entry["who"] == "service" for entry in (await unharmed.transcript())["entries"])
    assert sum(entry["who"] == "visitor" for entry in (await visitor.transcript())["entries"]) == 1


@pytest.mark.parametrize("frame", [b"", b"ping", b"\x00" * 1000, b'{"type": "ping"}'])
async def test_a_binary_frame_gets_an_error(cast: Cast, frame: bytes) -> None:
    visitor = await cast.newcomer()

    async with visitor.socket() as socket:
        await socket.send(frame)
        assert (await socket.receive())["error"] == "frames must be text, not binary"
        await still_chats(visitor, socket)


async def test_a_message_may_come_in_pieces_with_pings_between_them(cast: Cast) -> None:
    visitor = await cast.newcomer()
    text = json.dumps(visitor.message(f"What is a novated lease, {SECRET}?"))

    async with visitor.socket() as socket:
        await socket.connection.send([text[start : start + 7] for start in range(0, len(text), 7)])
        await socket.connection.ping()
        assert "novated" in text_of(await socket.receive_until("complete"))


# --- joining by URL


@pytest.mark.parametrize(
    ("query", "close_code", "code"),
    [
        ("session_id=nonsense", 4400, "invalid_request"),
        ("session_id={session}", 4400, "invalid_request"),
        ("session_id={session}&visitor_id=%ff%00", 4400, "invalid_request"),
        ("session_id={session}&visitor_id={visitor}&after=x", 4400, "invalid_request"),
        ("session_id={session}&visitor_id={visitor}&after=99.0", 4400, "invalid_request"),
        ("session_id={session}&visitor_id={unknown}", 4403, "visitor_mismatch"),
        ("session_id={unknown}&visitor_id={visitor}", 4404, "session_not_found"),
    ],
)
async def test_whoever_may_not_join_is_told_why_and_hung_up_on(
    cast: Cast, query: str, close_code: int, code: str
) -> None:
    visitor = await cast.newcomer()
    query = query.format(session=visitor.session_id, visitor=visitor.visitor_id, unknown=uuid4())

    async with connect(f"{cast.service.ws_url}?{query}") as connection:
        frame = json.loads(await connection.recv())
        with pytest.raises(ConnectionClosed) as closed:
            await connection.recv()

    assert (frame["type"], frame["metadata"]["code"]) == ("error", code)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (close_code, code)


# --- what breaks the protocols below


def frame(opcode: int, payload: bytes = b"", *, last: bool = True, mask: bool = True) -> bytes:
    """A client's WebSocket frame, made by hand."""
    length = len(payload)
    head = bytes([opcode | (0x80 if last else 0)])
    if length < 126:
        head += bytes([length | (0x80 if mask else 0)])
    elif length < 65_536:
        head += bytes([126 | 0x80]) + length.to_bytes(2, "big")
    else:
        head += bytes([127 | 0x80]) + length.to_bytes(8, "big")
    return head + (b"\0\0\0\0" if mask else b"") + payload


HANDSHAKE = (
    b"GET /ws/chat/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
GREETING = b'"metadata":{"status":"connected"}}'


class Raw:
    """A connection on which anything can be sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, service: Service, start: bytes = b"") -> "Raw":
        raw = cls(*await asyncio.open_connection("127.0.0.1", service.port))
        raw.writer.write(start)
        if start == HANDSHAKE:
            await raw.reader.readuntil(GREETING)
        return raw

    async def answer(self) -> bytes:
        """All that comes, until the service hangs up."""
        async with asyncio.timeout(20):
            return await self.reader.read()

    async def send_without_end(self, block: bytes, times: int) -> None:
        """Send a block again and again, until it is done or the service has hung up."""
        try:
            for _ in range(times):
                self.writer.write(block)
                await self.writer.drain()
        except ConnectionError:
            pass

    def close(self) -> None:
        self.writer.transport.abort()


@pytest.mark.parametrize(
    ("sent", "close_code"),
    [
        (frame(3), 1002),
        (b"\xff\xff\xff\xff", 1002),
        (b"\xc1\x80\0\0\0\0", 1002),
        (frame(1, b"ping", mask=False), 1002),
        (frame(0, b"goes on"), 1002),
        (frame(1, b"a", last=False) + frame(1, b"b"), 1002),
        (frame(9, b"", last=False), 1002),
        (frame(9, b"x" * 126), 1002),
        (b"\x81\xff" + b"\xff" * 8 + b"\0\0\0\0", 1002),
        (frame(8, b"\x00"), 1002),
        (frame(8, b"\x00\x01"), 1002),
        (frame(8, b"\x03\xe8\xff"), 1007),
        (frame(1, b"\xff\xfe"), 1007),
        (frame(1, b'{"type": "\xed\xa0\x80"}'), 1007),
        (frame(1, b"x" * (MAX_FRAME_BYTES + 1)) + frame(8), 1009),
        (frame(1, "ä".encode() * (MAX_FRAME_BYTES // 2 + 1)) + frame(8), 1009),
        (frame(2, b"x" * (MAX_FRAME_BYTES + 1)) + frame(8), 1009),
        (frame(1, b"x" * MAX_FRAME_BYTES, last=False) + frame(0, b"x") + frame(8), 1009),
        (frame(8, b"\x03\xe8bye"), 1000),
    ],
)
async def test_a_peer_that_breaks_the_protocol_is_told_by_a_close_frame(
    service: Service, sent: bytes, close_code: int
) -> None:
    raw = await Raw.open(service, HANDSHAKE)

    raw.writer.write(sent)
    answer = await raw.answer()
    raw.close()

    assert answer[0] == 0x88, "a close frame, and nothing before it"
    assert int.from_bytes(answer[2:4], "big") == close_code


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HANDSHAKE.replace(b"Host: x", b"Host: \xff"), 400),
        (HANDSHAKE.replace(b"Host: x\r\n", b""), 400),
        (HANDSHAKE.replace(b"/ws/chat/", b"/ws/\xc3\xa4?x=\xff"), 400),
        (HANDSHAKE.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: \xff\r\n\r\n"), 400),
        (HANDSHAKE.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: \xfe;;,\r\n\r\n"), 400),
        (HANDSHAKE.replace(b"Version: 13", b"Version: 8"), 426),
        (HANDSHAKE.replace(b"Sec-WebSocket-Version: 13\r\n", b""), 400),
        (HANDSHAKE.replace(b"GET", b"POST"), 400),
        (HANDSHAKE.replace(b"/ws/chat/", b"/ws/elsewhere/"), 403),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\nX Y: 1\r\n\r\n", 400),
        (b"GET /health/live HTTP/9.9\r\nHost: x\r\n\r\n", 400),
        (b"POST /api/chats/sessions/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n", 400),
        (
            b"POST /api/chats/sessions/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"GET /health/live HTTP/1.0\r\nHost: <x>\r\n\r\n", 400),
        (b"GET //health//live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        (b"GET /health/live HTTP/1.0\r\n\r\n", 200),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
    ],
)
async def test_a_request_that_is_none_is_refused_and_hung_up_on(
    service: Service, request_: bytes, status: int
) -> None:
    raw = await Raw.open(service, request_)

    answer = await raw.answer()
    raw.close()

    assert answer.startswith(b"HTTP/1.1 %d" % status)


# --- too much of everything


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


async def test_a_head_that_is_long_but_not_too_long_is_read(service: Service) -> None:
    request = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: %b\r\n\r\n"
    raw = await Raw.open(service, request % (b"x" * (MAX_HEAD_BYTES - 1000)))

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


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("POST /api/chats/sessions/", {"Origin": "http://["}, 403),
        ("POST /api/chats/sessions/", {"Origin": "null", "Host": ""}, 403),
        ("GET /static/%00", {}, 404),
        ("GET /static/" + "a" * 5000, {}, 404),
        ("GET /static/page.css/x", {}, 404),
        ("GET /static/..%2fpages.py", {}, 404),
        ("GET /static/swagger-ui/swagger-ui.css", {}, 200),
        ("POST /api/chats/sessions/", {"Host": "a:99999999"}, 400),
        ("POST /api/chats/sessions/", {"Host": "["}, 400),
        ("GET /nowhere", {"Host": "a/@b"}, 400),
        ("GET /health/live", {"Host": "[::1]:8000"}, 200),
    ],
)
async def test_what_nobody_can_mean_is_refused_and_is_no_fault_of_ours(
    service: Service, request_line: str, headers: dict[str, str], status: int
) -> None:
    lines = [f"{name}: {value}" for name, value in ({"Host": "a", "Content-Length": "0"} | headers).items()]
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write("\r\n".join([f"{request_line} HTTP/1.1", *lines, "Connection: close", "", ""]).encode())
    answer = await reader.read()
    writer.close()

    assert int(answer.split()[1]) == status
    assert status == 200 or b"application/problem+json" in answer


async def test_a_socket_of_a_page_that_has_no_address_is_told_that_it_may_not(service: Service) -> None:
    async with connect(service.ws_url, origin=Origin("http://[")) as connection:
        assert (await Socket(connection).receive())["metadata"]["code"] == "origin_not_allowed"
        await connection.wait_closed()

    assert connection.close_code == 4403


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

        async with asyncio.timeout(10):
            await reader.read()
        writer.close()


async def test_who_is_being_answered_is_waited_for(
    new_conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.http_protocol.REQUEST_SECONDS", 0.05)
    async with served(new_conninfo, tmp_path, Puppet()) as service:
        visitor = await service.start_session()
        async with visitor.socket() as socket:
            asking = asyncio.create_task(socket.receive_until("complete"))
            async with service.http() as http:
                message = {"message": "word*40 pause word*40"}
                answer = await http.post(visitor.path + "/messages/", json=message, headers=visitor.headers)
            await asking

    assert answer.status_code == 200
