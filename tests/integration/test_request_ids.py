"""One id for each request and each socket: in the answer, and on every line that is logged for it."""

import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect

from domain.assistant import AssistantFailed
from infrastructure.log_lines import JsonFormatter
from tests.support.assistants import Scripted
from tests.support.service import Service, Visitor, complaints, served
from tests.support.waiting import until


class Lines(logging.Handler):
    """What would be logged, at any level, by the service and what it is built on."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # The client is in this process, too.
        if not record.name.startswith(("httpx", "httpcore", "websockets")):
            self.lines.append(self.format(record))

    def ids(self, message: str) -> list[str]:
        """The requests of the lines that say this."""
        return [
            line.get("request_id")
            for line in map(msgspec.json.decode, self.lines)
            if message in line["message"]
        ]


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, level = Lines(), logging.root.level
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.DEBUG)
    yield handler
    logging.root.setLevel(level)
    logging.root.removeHandler(handler)


@pytest.fixture
async def service(new_conninfo: str, data_dir: Path) -> AsyncIterator[Service]:
    """A service whose assistant begins to speak, and fails."""
    assistant = Scripted("Only we ", "know this ", AssistantFailed("upstream_error"))
    async with served(new_conninfo, data_dir, assistant) as service:
        yield service


async def test_an_answer_names_its_request(http: httpx.AsyncClient) -> None:
    first, second = await http.get("/health/live"), await http.get("/health/live")

    assert re.fullmatch("[0-9a-f]{16}", first.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/nowhere", "/api/chats/sessions/1/", "/api/docs/"])
async def test_an_id_that_was_given_is_kept_whatever_the_answer(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path, headers={"X-Request-Id": "edge-1.A_b"})

    assert answer.headers.get_list("x-request-id") == ["edge-1.A_b"]


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", 'a"b', "é"])
async def test_an_id_that_makes_no_sense_is_replaced(http: httpx.AsyncClient, given: str) -> None:
    answer = await http.get("/health/live", headers={b"X-Request-Id": given.encode()})

    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])


async def test_a_socket_has_an_id_too(service: Service) -> None:
    async with connect(service.ws_url, additional_headers={"X-Request-Id": "socket-1"}) as socket:
        assert socket.response is not None
        assert socket.response.headers["x-request-id"] == "socket-1"


async def test_a_line_tells_which_request_it_was_written_for(
    http: httpx.AsyncClient,
    lines: Lines,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    service: Service,
) -> None:
    visitor = await service.start_session()
    monkeypatch.setattr("api.sessions.transcript", lambda history: 1 / 0)

    await http.get(visitor.path + "/transcript/", headers={**visitor.headers, "X-Request-Id": "mine"})

    (line,) = [line for line in lines.lines if "ZeroDivisionError" in line]
    assert msgspec.json.decode(line)["request_id"] == "mine"
    assert msgspec.json.decode(line)["session_id"] == str(visitor.session_id)
    assert len(complaints(caplog)) == 1


async def test_what_a_socket_has_begun_is_logged_with_its_id(service: Service, lines: Lines) -> None:
    visitor = await service.start_session()
    url = visitor.join_url()

    async with connect(url, additional_headers={"X-Request-Id": "socket-1"}) as socket:
        await socket.recv()
        await socket.send(msgspec.json.encode(visitor.message("Hello")).decode())
        await until(lambda: lines.ids("a reply failed: upstream_error") == ["socket-1"], "the reply to fail")


async def test_nothing_that_is_said_and_no_credential_is_logged_at_any_level(
    service: Service, http: httpx.AsyncClient, lines: Lines, data_dir: Path
) -> None:
    visitor = await service.start_session()
    await converse(visitor)
    await http.post(
        f"{visitor.path}/messages/", json={"message": "A secret, once more"}, headers=visitor.headers
    )
    for path in ("/", "/transcript/", "/transcript/?format=text"):
        await visitor.get(path)
    await http.get(visitor.path + "/", headers={"X-Visitor-Id": str(visitor.session_id)})

    logged = "\n".join(lines.lines)
    assert "a reply failed" in logged, "something was logged"
    for secret in ("secret", "Only we", "know this", str(visitor.visitor_id), visitor.visitor_id.hex):
        assert secret not in logged
    for kept in data_dir.glob("*.*"):
        assert kept.read_text().strip() not in logged


async def converse(visitor: Visitor) -> None:
    async with visitor.socket(subprotocol="verbatim.v1") as socket:
        await socket.send(visitor.message("A secret", client_message_id="m-1"))
        (*_, error) = await socket.receive_until("error")
        await socket.send(visitor.feedback(error["response_id"], "down", "It has a secret"))
        await socket.send({"type": "chat_message", "message": 1, "visitor_id": "A secret"})
        await socket.receive_until("error")
        await socket.send("A secret that is no JSON")
        await socket.receive_until("error")
