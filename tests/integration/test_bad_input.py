"""Whatever is sent, the error that is due or a clean close: frames, joins, what breaks the protocols."""

import asyncio
import json
from uuid import uuid4

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from tests.support.cast import SECRET, Cast, still_chats
from tests.support.raw import HANDSHAKE, Raw, frame
from tests.support.service import Service, Socket, Visitor, text_of

pytestmark = pytest.mark.usefixtures("nothing_is_betrayed_to_the_log")

MAX_FRAME_BYTES = 262_144


@pytest.fixture
def service(cast: Cast) -> Service:
    return cast.service


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
