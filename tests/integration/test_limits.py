"""Who may do what, and how much of it: origins, addresses, sessions, sockets."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from statistics import median
from uuid import uuid4

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from api.origins import MOST_LOGGED
from tests.support.puppet import Puppet
from tests.support.service import Frame, Service, Socket, Visitor, followers, served, server_sent
from tests.support.waiting import until

SHOP = "https://shop.example"
STRANGER = "https://stranger.example"
TOKEN = "an-operator's-token"
STRICT = {
    "VERBATIM_ALLOWED_ORIGINS": SHOP,
    "VERBATIM_OPERATOR_TOKEN": TOKEN,
    "VERBATIM_MESSAGES_PER_MINUTE": "3",
    "VERBATIM_SESSIONS_PER_MINUTE": "5",
    "VERBATIM_SOCKETS_PER_ADDRESS": "4",
    "VERBATIM_SOCKETS_PER_SESSION": "2",
}
SESSIONS = "/api/chats/sessions/"
HANDSHAKE = (
    b"GET /ws/chat/ HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture
async def service(conninfo: str, data_dir: Path) -> AsyncIterator[Service]:
    async with served(conninfo, data_dir, Puppet(), STRICT) as service:
        yield service


async def refused_at(url: str, **options: object) -> tuple[Frame, int | None]:
    """What a socket is told that is dismissed at once, and its close code."""
    async with connect(url, **options) as connection:  # type: ignore[arg-type]
        frame = await Socket(connection).receive()
        with pytest.raises(ConnectionClosed):
            await Socket(connection).receive()
    return frame, connection.close_code


# --- origins


async def test_pages_of_the_service_s_own_host_and_of_allowed_sites_may_chat(visitor: Visitor) -> None:
    for origin in (visitor.service.url, SHOP, None):
        named = Origin(origin) if origin else None
        async with connect(visitor.join_url(), origin=named) as connection:
            assert (await Socket(connection).receive())["type"] == "connected"
        async with visitor.service.http() as http:
            headers = {**visitor.headers, **({"Origin": origin} if origin else {})}
            assert (await http.get(visitor.path + "/", headers=headers)).status_code == 200


async def test_pages_of_other_sites_are_told_that_they_may_not(visitor: Visitor) -> None:
    frame, code = await refused_at(visitor.join_url(), origin=Origin(STRANGER))

    assert (frame["metadata"]["code"], code) == ("origin_not_allowed", 4403)
    assert STRANGER in frame["error"]
    async with visitor.service.http() as http:
        refused = await http.post(SESSIONS, headers={"Origin": STRANGER})
    assert (refused.status_code, refused.json()["code"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize(
    ("path", "origin", "readable_by"),
    [
        (SESSIONS, SHOP, SHOP),
        (SESSIONS, STRANGER, None),
        ("/health/live", SHOP, SHOP),
        ("/health/live", STRANGER, None),
        ("/nowhere", STRANGER, None),
        ("/api/audit/sessions/", STRANGER, None),
        ("/api/docs/openapi.json", STRANGER, None),
    ],
)
async def test_browsers_are_told_whose_pages_may_read_the_answers(
    service: Service, path: str, origin: str, readable_by: str | None
) -> None:
    async with service.http() as http:
        answer = await http.request("POST" if path == SESSIONS else "GET", path, headers={"Origin": origin})

    is_refusal = answer.status_code == 403 and answer.json()["code"] == "origin_not_allowed"
    assert is_refusal == (path == SESSIONS and origin == STRANGER)
    assert answer.headers.get("access-control-allow-origin") == ("*" if is_refusal else readable_by)
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    ("path", "origin", "may_ask"),
    [
        (SESSIONS, SHOP, "*"),
        (SESSIONS, STRANGER, "*"),
        ("/health/live", SHOP, SHOP),
        ("/health/live", STRANGER, None),
    ],
)
async def test_a_page_may_ask_where_it_is_told_whether_it_may(
    service: Service, path: str, origin: str, may_ask: str | None
) -> None:
    async with service.http() as http:
        preflight = await http.options(
            path, headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
        )

    assert preflight.headers.get("access-control-allow-origin") == may_ask
    assert "access-control-allow-credentials" not in preflight.headers
    assert "authorization" not in preflight.headers.get("access-control-allow-headers", "").lower()


async def test_an_origin_that_is_refused_is_logged_once_with_the_setting_and_only_so_many_are(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    async with visitor.service.http() as http:
        for origin in [
            STRANGER,
            STRANGER,
            *(f"https://{number}.example" for number in range(MOST_LOGGED + 5)),
        ]:
            assert (await http.get(visitor.path + "/", headers={"Origin": origin})).status_code == 403
    await refused_at(visitor.join_url(), origin=Origin(STRANGER))

    lines = [line for line in caplog.messages if "VERBATIM_ALLOWED_ORIGINS" in line]
    assert sum(f"'{STRANGER}'" in line for line in lines) == 1
    assert len(lines) == MOST_LOGGED


async def test_a_page_without_an_origin_can_t_be_named_and_so_nobody_is_told_to(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    async with visitor.service.http() as http:
        answer = await http.get(visitor.path + "/", headers={"Origin": "null"})

    assert answer.status_code == 403
    (line,) = [line for line in caplog.messages if "refused" in line]
    assert line == "pages without an origin, such as files, were refused: serve them over HTTP"


# --- how much


async def test_one_address_starts_so_many_sessions_a_minute(service: Service) -> None:
    async with service.http() as http:
        answers = [await http.post(SESSIONS) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [201] * 5 + [429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].headers["content-type"] == "application/problem+json"


async def test_whatever_operators_ask_for_is_declared_and_counted(new_conninfo: str, data_dir: Path) -> None:
    few = {"VERBATIM_OPERATOR_TOKEN": TOKEN, "VERBATIM_OPERATOR_REQUESTS_PER_MINUTE": "1"}
    async with served(new_conninfo, data_dir, Puppet(), few) as service, service.http() as http:
        document = (await http.get("/api/docs/openapi.json")).json()
        asked = [
            (method, re.sub(r"{\w+}", str(uuid4()), path), operation)
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if "401" in operation["responses"]
        ]
        await http.get("/metrics")  # the one that is counted and let in
        answers = [await http.request(method, path) for method, path, _ in asked]

    assert len(asked) >= 12
    schemes = document["components"]["securitySchemes"]
    for (method, path, operation), answer in zip(asked, answers, strict=True):
        assert answer.status_code == 429, (method, path)
        assert "429" in operation["responses"], (method, path)
        assert [name for each in operation["security"] for name in each] == [*schemes], (method, path)


async def test_an_address_is_that_which_a_trusted_proxy_names_and_nobody_else(
    new_conninfo: str, data_dir: Path
) -> None:
    for proxies, statuses in [("127.0.0.1", [201] * 10), ("10.0.0.1", [201] * 5 + [429] * 5)]:
        settings = {**STRICT, "VERBATIM_TRUSTED_PROXIES": proxies}
        async with served(new_conninfo, data_dir, Puppet(), settings) as service, service.http() as http:
            answers = [
                await http.post(SESSIONS, headers={"X-Forwarded-For": f"192.0.2.{number}"})
                for number in range(10)
            ]
        assert [answer.status_code for answer in answers] == statuses


async def test_all_that_one_has_of_ipv6_counts_as_one_address(new_conninfo: str, data_dir: Path) -> None:
    async with served(new_conninfo, data_dir, Puppet(), STRICT) as service, service.http() as http:

        async def start(address: str) -> int:
            return (await http.post(SESSIONS, headers={"X-Forwarded-For": address})).status_code

        own = [await start(f"2001:db8:1:2:{number}::1") for number in range(6)]
        mapped = [await start(address) for address in ["::ffff:192.0.2.1", "192.0.2.1"] * 3]
        other = await start("2001:db8:1:3::1")

        async with AsyncExitStack() as opened:
            for number in range(4):
                address = {"X-Forwarded-For": f"2001:db8:1:2::{number}"}
                await opened.enter_async_context(connect(service.ws_url, additional_headers=address))
            refused = await refused_at(
                service.ws_url, additional_headers={"X-Forwarded-For": "2001:db8:1:2:f::"}
            )

    assert own == mapped == [201] * 5 + [429]
    assert other == 201
    assert refused[1] == 4429


async def test_who_says_too_much_over_rest_is_told_when_to_try_again(visitor: Visitor) -> None:
    async with visitor.service.http() as http:
        answers = [
            await http.post(visitor.path + "/messages/", json={"message": "Hello"}, headers=visitor.headers)
            for _ in range(4)
        ]

    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) == 60


async def test_one_session_takes_so_many_messages_a_minute(visitor: Visitor) -> None:
    async with visitor.socket() as socket:
        for _ in range(3):
            await socket.send(visitor.message("Hello"))
            await socket.receive_until("complete")
        await socket.send(visitor.message("One more"))
        refused = await socket.receive()

    assert refused["metadata"] == {"error_type": "processing_error", "code": "rate_limited"}
    assert "3 a minute" in refused["error"]


async def test_ratings_count_as_much_as_messages(visitor: Visitor) -> None:
    async with visitor.socket() as socket:
        await socket.send(visitor.message("Hello"))
        reply = (await socket.receive_until("complete"))[-1]["response_id"]
        for rating in ("up", "down", "up"):
            await socket.send(visitor.feedback(reply, rating))
        refused = await socket.receive()

    assert refused["metadata"]["code"] == "rate_limited"


async def test_a_session_that_has_had_so_many_messages_says_that_it_is_full(
    new_conninfo: str, data_dir: Path
) -> None:
    settings = {"VERBATIM_MESSAGES_PER_SESSION": "2"}
    async with served(new_conninfo, data_dir, Puppet(), settings) as service:
        visitor = await service.start_session()
        async with visitor.socket() as socket:
            for _ in range(2):
                await socket.send(visitor.message("Hello"))
                await socket.receive_until("complete")
            await socket.send(visitor.message("One more"))
            refused = await socket.receive()
        answer = await post(visitor, "One more")

    assert refused["metadata"] == {"error_type": "processing_error", "code": "session_full"}
    assert (answer.status_code, answer.json()["code"]) == (409, "session_full")
    assert (
        refused["error"]
        == answer.json()["detail"]
        == ("Session is full: 2 messages are accepted, create a new session")
    )


async def test_one_address_opens_so_many_sockets_and_another_once_one_is_closed(service: Service) -> None:
    async with AsyncExitStack() as opened:
        sockets = [await opened.enter_async_context(connect(service.ws_url)) for _ in range(4)]
        frame, code = await refused_at(service.ws_url)
        assert (frame["metadata"]["code"], code) == ("rate_limited", 4429)
        await sockets[0].close()
        await until(lambda: is_let_in(service), "another one to be let in")


async def is_let_in(service: Service) -> bool:
    async with connect(service.ws_url) as connection:
        return (await Socket(connection).receive())["type"] == "connected"


async def test_one_session_is_followed_by_so_many_sockets(visitor: Visitor) -> None:
    async with visitor.socket() as one, visitor.socket():
        frame, code = await refused_at(visitor.join_url())
        assert (frame["metadata"]["code"], code) == ("rate_limited", 4429)
        # Who follows already may join again.
        await one.send({**visitor.message(""), "type": "join"})
        assert (await one.receive())["type"] == "connected"
    await until(lambda: can_join(visitor), "the session to have room again")


@asynccontextmanager
async def streamed(visitor: Visitor) -> AsyncIterator[httpx.Response]:
    """The answer to who follows a session as a stream."""
    async with (
        visitor.service.http() as http,
        http.stream("GET", visitor.path + "/stream/", headers=visitor.headers) as response,
    ):
        if response.status_code != 200:
            await response.aread()
            yield response
            return
        events = server_sent(response)  # kept, since a response whose lines nobody holds is closed
        await anext(events)
        yield response


async def post(visitor: Visitor, message: str, **headers: str) -> httpx.Response:
    async with visitor.service.http() as http:
        return await http.post(
            visitor.path + "/messages/", json={"message": message}, headers=visitor.headers | headers
        )


async def can_stream(visitor: Visitor) -> bool:
    async with streamed(visitor) as response:
        return response.status_code == 200


def assert_told_when_to_come_back(refused: httpx.Response, what: str) -> None:
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) == 60
    assert what in refused.json()["detail"]


async def test_streams_and_requests_that_wait_for_replies_count_as_sockets_on_a_session(
    visitor: Visitor,
) -> None:
    async with streamed(visitor), visitor.socket():
        for refused in (
            await post(visitor, "Hello"),
            await post(visitor, "Hello", Accept="text/event-stream"),
        ):
            assert_told_when_to_come_back(refused, "on this session: 2")
        async with streamed(visitor) as refused:
            assert_told_when_to_come_back(refused, "on this session: 2")
        assert (await refused_at(visitor.join_url()))[1] == 4429
    await until(lambda: can_stream(visitor), "the session to have room again")
    assert await visitor.spoken() == [], "what was refused was not accepted"


async def test_who_waits_for_a_reply_has_a_place_on_the_session_until_they_go(visitor: Visitor) -> None:
    async with visitor.socket():
        waiting = asyncio.create_task(post(visitor, "A |never lease"))
        await until(lambda: followers() == 2, "the request to wait for its reply")
        assert (await refused_at(visitor.join_url()))[1] == 4429
        waiting.cancel()
        await until(lambda: can_stream(visitor), "the request that was given up to be counted no more")


async def test_streams_count_as_sockets_of_an_address(service: Service) -> None:
    visitors = [await service.start_session() for _ in range(3)]
    operator = {"Authorization": "Bearer " + TOKEN}
    replay = f"/api/audit/sessions/{visitors[0].session_id}/replay/"
    async with service.http() as http, AsyncExitStack() as opened:
        for each in visitors:
            await opened.enter_async_context(streamed(each))
        await opened.enter_async_context(http.stream("GET", replay, headers=operator))

        assert_told_when_to_come_back(await http.get(replay, headers=operator), "from this address: 4")
        assert_told_when_to_come_back(await post(visitors[0], "Hello"), "from this address: 4")
        assert (await refused_at(service.ws_url))[1] == 4429
        assert (await visitors[0].get()).status_code == 200, "what is answered at once needs no place"


async def test_a_request_that_is_refused_or_comes_in_slowly_takes_no_place_on_a_session(
    visitor: Visitor,
) -> None:
    head = f"POST {visitor.path}/messages/ HTTP/1.1\r\nHost: a\r\nX-Visitor-Id: {visitor.session_id}\r\n"
    async with AsyncExitStack() as opened:
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", visitor.service.port)
            opened.callback(writer.close)
            writer.write(f"{head}Expect: 100-continue\r\nContent-Length: 100\r\n\r\n".encode())
            assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n"), "its body is waited for"
        async with visitor.socket() as socket:
            assert socket.greeting["type"] == "connected"
    for _ in range(3):
        async with visitor.service.http() as http:
            stranger = {"X-Visitor-Id": str(visitor.session_id)}
            assert (await http.get(visitor.path + "/stream/", headers=stranger)).status_code == 403
    async with streamed(visitor) as one, streamed(visitor) as other:
        assert (one.status_code, other.status_code) == (200, 200)


async def test_of_many_that_join_together_no_more_are_let_in_than_are_accepted(visitor: Visitor) -> None:
    others = [await visitor.service.start_session() for _ in range(3)]

    async with AsyncExitStack() as opened:
        urls = [visitor.service.ws_url] * 4
        sockets = [Socket(await opened.enter_async_context(connect(url))) for url in urls]
        for socket in sockets:
            await socket.receive()
        for each in (visitor, *others):
            join = {**each.message(""), "type": "join"}
            await asyncio.gather(*(socket.send(join) for socket in sockets))
            answers = [(await socket.receive())["type"] for socket in sockets]
            assert sorted(answers) == ["connected"] * 2 + ["error"] * 2


async def test_a_join_that_fails_takes_no_place(visitor: Visitor) -> None:
    stranger = {**visitor.message(""), "type": "join", "visitor_id": str(visitor.session_id)}
    async with visitor.socket(join=False) as socket:
        for _ in range(5):
            await socket.send(stranger)
            assert (await socket.receive())["metadata"]["code"] == "visitor_mismatch"

        async with visitor.socket(), visitor.socket() as other:
            assert other.greeting["type"] == "connected"


async def can_join(visitor: Visitor) -> bool:
    async with connect(visitor.join_url()) as connection:
        return (await Socket(connection).receive())["type"] == "connected"


async def test_one_socket_sends_so_many_frames_a_second_and_some_more_at_once(
    new_conninfo: str, data_dir: Path
) -> None:
    settings = {"VERBATIM_FRAMES_PER_SECOND": "10"}
    async with (
        served(new_conninfo, data_dir, Puppet(), settings) as service,
        connect(service.ws_url) as connection,
    ):
        socket = Socket(connection)
        await socket.receive()
        for _ in range(40):
            await socket.send({"type": "ping"})
        assert [(await socket.receive())["type"] for _ in range(40)] == ["pong"] * 40
        for _ in range(40):
            await socket.send({"type": "ping"})
        *_, refused = await socket.receive_until("error")
        with pytest.raises(ConnectionClosed):
            await socket.receive()

    assert (refused["metadata"]["code"], connection.close_code) == ("rate_limited", 4429)
    assert "10 a second" in refused["error"]


async def test_pings_of_the_protocol_count_as_frames(visitor: Visitor) -> None:
    async with visitor.socket() as socket:
        with suppress(ConnectionClosed):
            for _ in range(1000):
                await socket.connection.ping()
        await socket.connection.wait_closed()

    assert socket.connection.close_code == 4429


@pytest.mark.parametrize("kind", ["ping", "join"])
async def test_nobody_waits_for_one_who_sends_without_end(
    new_conninfo: str, data_dir: Path, kind: str
) -> None:
    settings = {"VERBATIM_FRAMES_PER_SECOND": "100000"}
    async with served(new_conninfo, data_dir, Puppet(), settings) as service:
        visitor = await service.start_session()
        frame = masked(visitor.message("") | {"type": kind}) * 500
        alive, waited = 0, list[float]()
        async with flooded(service, frame) as is_answered, service.http() as http:
            await is_answered.wait()
            for _ in range(20):
                began = time.monotonic()
                alive += (await http.get("/health/live")).status_code == 200
                waited.append(time.monotonic() - began)

    assert alive == 20
    assert median(waited) < 0.1


def masked(frame: Frame) -> bytes:
    """As a client sends it."""
    payload = msgspec.json.encode(frame)
    length = bytes([0xFE]) + len(payload).to_bytes(2, "big")
    return b"\x81" + length + bytes(4) + payload


@asynccontextmanager
async def flooded(service: Service, frames: bytes) -> AsyncIterator[asyncio.Event]:
    """Meanwhile, a socket sends these frames again and again, as fast as it can, and reads what comes."""
    is_answered = asyncio.Event()
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(HANDSHAKE)

    async def read() -> None:
        while await reader.read(1 << 20):
            is_answered.set()

    async def write() -> None:
        while True:
            writer.write(frames)
            await writer.drain()

    async with asyncio.TaskGroup() as tasks:
        await reader.readuntil(b"connected")
        flood = [tasks.create_task(read()), tasks.create_task(write())]
        yield is_answered
        for task in flood:
            task.cancel()
    writer.transport.abort()


async def test_who_is_dismissed_or_leaves_is_counted_no_more(visitor: Visitor) -> None:
    for _ in range(3):
        await asyncio.gather(*(refused_at(visitor.join_url(), origin=Origin(STRANGER)) for _ in range(6)))

    async with visitor.socket(), visitor.socket() as socket:
        assert socket.greeting["type"] == "connected"
