"""What REST refuses, and what it says of faults, over real connections: problems, and nothing is lost."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.support.elsewhere import start_expired
from tests.support.puppet import Puppet
from tests.support.rest import events_of, has_said, said_by_visitor, say
from tests.support.service import Service, Visitor, complaints, problem
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("nothing_is_logged_as_an_error")

NO_OBJECT = "the body must be one JSON object, in well-formed Unicode"


@pytest.fixture
async def expired(service: Service, conninfo: str, data_dir: Path) -> Visitor:
    return await start_expired(service, conninfo, data_dir)


async def all_of_a_session(http: httpx.AsyncClient, visitor: Visitor) -> Sequence[httpx.Response]:
    """What is answered to all that can be asked of one."""
    return [
        await visitor.get(),
        await visitor.get("/transcript/"),
        await visitor.get("/stream/"),
        await say(http, visitor, "Hello"),
        await http.post(visitor.path + "/stop/", headers=visitor.headers),
        await http.delete(visitor.path + "/", headers=visitor.headers),
    ]


async def test_a_session_that_there_isnt_is_not_found(http: httpx.AsyncClient, visitor: Visitor) -> None:
    visitor.path = f"/api/chats/sessions/{uuid4()}"

    for response in await all_of_a_session(http, visitor):
        assert problem(response) == (404, "session_not_found", "Session not found")


async def test_a_session_of_somebody_else_is_closed_to_all(http: httpx.AsyncClient, visitor: Visitor) -> None:
    visitor.headers = {"X-Visitor-Id": str(uuid4())}

    for response in await all_of_a_session(http, visitor):
        assert problem(response) == (403, "visitor_mismatch", "Visitor ID does not match")


async def test_nothing_is_said_in_a_session_that_has_ended(http: httpx.AsyncClient, visitor: Visitor) -> None:
    await http.delete(visitor.path + "/", headers=visitor.headers)

    assert problem(await say(http, visitor, "Hello")) == (410, "session_not_active", "Session is not active")
    assert (await http.post(visitor.path + "/stop/", headers=visitor.headers)).status_code == 204


async def test_nothing_is_said_in_a_session_that_has_expired(
    http: httpx.AsyncClient, expired: Visitor
) -> None:
    assert problem(await say(http, expired, "Hello")) == (410, "session_expired", "Session has expired")
    assert (await expired.get()).json()["status"] == "expired"
    assert {entry["who"] for entry in (await expired.transcript())["entries"]} <= {"service"}


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        (b"{}", "message_required", "message is required"),
        (b'{"message": null}', "message_required", "message is required"),
        (b'{"message": ""}', "message_required", "message is required"),
        (b'{"message": " \\n"}', "message_required", "message is required"),
        (b'{"message": 5}', "invalid_request", "message: Expected `str`, got `int`"),
        (
            b'{"message": "%b"}' % (b"x" * 4001),
            "message_too_long",
            "message is too long: 4001 characters, at most 4000 are accepted",
        ),
        (
            b'{"message": "x", "client_message_id": ""}',
            "invalid_request",
            "client_message_id: Expected `str` of length >= 1",
        ),
        (b"", "invalid_request", "a body is missing"),
        (b"[]", "invalid_request", "Expected `object`, got `array`"),
        (b"{", "invalid_request", NO_OBJECT),
        (b'{"message": "\xff"}', "invalid_request", NO_OBJECT),
        (b'{"message": "\\ud800"}', "invalid_request", NO_OBJECT),
        (b"[" * 100_000, "invalid_request", NO_OBJECT),
    ],
)
async def test_a_body_that_isnt_a_message_is_refused_with_what_would_be_right(
    http: httpx.AsyncClient, visitor: Visitor, body: bytes, code: str, detail: str
) -> None:
    response = await http.post(visitor.path + "/messages/", content=body, headers=visitor.headers)

    assert problem(response) == (400, code, detail)
    assert (await visitor.transcript())["entries"] == []


@pytest.mark.parametrize(
    ("path", "headers", "detail"),
    [
        ("/", {}, "Missing required header parameter 'X-Visitor-Id'"),
        ("/", {"X-Visitor-Id": "me"}, "visitor_id: Invalid UUID"),
        ("/", {"X-Visitor-Id": ""}, "visitor_id: Invalid UUID"),
        ("/transcript/?format=pdf", None, "format: Invalid enum value 'pdf'"),
        ("/stream/?after=yesterday", None, "after must be a cursor as frames carry it, such as 12.0"),
        ("/stream/?after=2.0", None, "after is ahead of the session, which is at 1.0"),
        ("/events/?after=2.0", None, "after is ahead of the session, which is at 1.0"),
        ("/events/?limit=0", None, "limit: Expected `int` >= 1"),
    ],
)
async def test_a_request_with_wrong_parameters_is_refused(
    http: httpx.AsyncClient, visitor: Visitor, path: str, headers: dict[str, str] | None, detail: str
) -> None:
    response = await http.get(visitor.path + path, headers=visitor.headers if headers is None else headers)

    status, code, told = problem(response)
    assert (status, code) == (400, "invalid_request")
    assert told.startswith(detail)


async def test_a_body_without_end_is_too_large(http: httpx.AsyncClient, visitor: Visitor) -> None:
    response = await http.post(visitor.path + "/messages/", content=b" " * 300_000, headers=visitor.headers)

    assert problem(response)[:2] == (413, "too_large")


async def test_too_many_messages_at_once_are_refused_and_none_that_was_accepted_is_lost(
    http: httpx.AsyncClient, visitor: Visitor, puppet: Puppet
) -> None:
    first = asyncio.create_task(say(http, visitor, "First |many"))
    await until(lambda: has_said(visitor, "First "), "the reply to begin")
    others = [asyncio.create_task(say(http, visitor, f"Number {number}")) for number in range(20)]
    await until(lambda: said_by_visitor(visitor, 17), "16 messages to wait")
    await until(lambda: sum(task.done() for task in others) == 4, "the others to be refused")
    puppet.go_on("many")
    answers = [await task for task in [first, *others]]

    refused = [answer for answer in answers if answer.status_code != 200]
    assert [problem(answer)[:2] for answer in refused] == [(429, "rate_limited")] * 4
    spoken = [answer.json()["message"] for answer in answers if answer.status_code == 200]
    assert sorted(spoken) == sorted(await visitor.spoken())


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/chats/sessions/not-a-uuid/", 404, "not_found"),
        ("GET", "/%ff%00", 404, "not_found"),
        ("GET", "/static/..%2fapp.py", 404, "not_found"),
        ("GET", "/static/nowhere.js", 404, "not_found"),
        ("GET", "/ws/chat/", 405, "method_not_allowed"),
        ("PUT", "/api/chats/sessions/", 405, "method_not_allowed"),
    ],
)
async def test_what_isnt_there_is_a_problem_too(
    http: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    assert problem(await http.request(method, path))[:2] == (status, code)


async def test_a_fault_of_ours_is_told_without_its_text(
    http: httpx.AsyncClient,
    visitor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("api.sessions.transcript", lambda history: 1 / 0)

    response = await visitor.get("/transcript/")

    assert problem(response) == (500, "internal_error", "The service has made a mistake")
    (complaint,) = complaints(caplog)
    route = "/api/chats/sessions/{session_id}/transcript"
    assert complaint.startswith(f"GET {route}: ZeroDivisionError at ")
    assert str(visitor.visitor_id) not in caplog.text
    caplog.clear()


async def test_a_stream_that_breaks_says_so_and_ends(
    http: httpx.AsyncClient,
    visitor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("api.sessions.frames_of", lambda *_: 1 / 0)

    async with http.stream(
        "GET", visitor.path + "/stream/", params={"after": "0.0"}, headers=visitor.headers
    ) as response:
        events = await events_of(response)

    assert [event.event for event in events] == ["connected", "error"]
    assert events[-1].frame["metadata"]["code"] == "internal_error"
    assert len(complaints(caplog)) == 1
    assert "Traceback" not in caplog.text
    caplog.clear()
