"""REST and SSE, over real connections."""

import asyncio
import gc
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from api.app import open_store
from domain.events import SessionStarted
from infrastructure.clock import SystemClock
from infrastructure.settings import read_settings
from tests.support.puppet import Puppet
from tests.support.service import (
    ServerSent,
    Service,
    Visitor,
    complaints,
    followers,
    problem,
    served,
    server_sent,
    text_of,
)
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("nothing_is_logged_as_an_error")

SSE = {"Accept": "text/event-stream"}
FAST = {"VERBATIM_CHUNK_WINDOW_MS": "5"}
NO_OBJECT = "the body must be one JSON object, in well-formed Unicode"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, folder: Path, puppet: Puppet) -> AsyncIterator[Service]:
    async with served(conninfo, folder, puppet, FAST) as service:
        yield service


@pytest.fixture
async def http(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with service.http() as http:
        yield http


@pytest.fixture
async def visitor(service: Service) -> Visitor:
    return await service.start_session()


async def say(http: httpx.AsyncClient, visitor: Visitor, text: str, **more: Any) -> httpx.Response:
    return await http.post(
        visitor.path + "/messages/", json={"message": text, **more}, headers=visitor.headers
    )


async def events_of(response: httpx.Response) -> list[ServerSent]:
    return [event async for event in server_sent(response)]


# --- sessions


async def test_a_session_is_started_with_nothing_at_all(http: httpx.AsyncClient, service: Service) -> None:
    response = await http.post("/api/chats/sessions/")

    assert response.status_code == 201
    session = response.json()
    assert session == session | {
        "status": "active",
        "conversation_data": {},
        "cursor": "1.0",
        "ws_url": service.ws_url,
    }
    assert UUID(session["session_id"]) != UUID(session["visitor_id"])
    lifetime = datetime.fromisoformat(session["expires_at"]) - datetime.fromisoformat(session["created_at"])
    assert lifetime == timedelta(days=1)


async def test_a_visitor_who_comes_back_keeps_their_id(http: httpx.AsyncClient) -> None:
    visitor_id = str(uuid4())

    sessions = [
        (await http.post("/api/chats/sessions/", json={"visitor_id": visitor_id})).json() for _ in range(2)
    ]

    assert [session["visitor_id"] for session in sessions] == [visitor_id] * 2
    assert sessions[0]["session_id"] != sessions[1]["session_id"]


async def test_a_website_may_add_texts_of_its_own(http: httpx.AsyncClient) -> None:
    metadata = {"page": "/pricing", "Käse": "🧀"}

    assert (await http.post("/api/chats/sessions/", json={"metadata": metadata})).status_code == 201
    for too_much in ({"k" * 65: "v"}, {"k": "v" * 1001}, {f"k{number}": "v" for number in range(33)}):
        assert (await http.post("/api/chats/sessions/", json={"metadata": too_much})).status_code == 400


async def test_behind_a_proxy_that_speaks_tls_the_socket_does_too(http: httpx.AsyncClient) -> None:
    headers = {"X-Forwarded-Proto": "https", "Host": "chat.example.com"}

    session = (await http.post("/api/chats/sessions/", headers=headers)).json()

    assert session["ws_url"] == "wss://chat.example.com/ws/chat/"


async def test_a_session_shows_what_it_has_come_to(http: httpx.AsyncClient, visitor: Visitor) -> None:
    await say(http, visitor, "email=ann@example.com Hello")

    session = (await visitor.get()).json()

    assert session["status"] == "active"
    assert session["conversation_data"] == {"email": "ann@example.com"}
    assert session["cursor"] == (await visitor.transcript())["cursor"]


async def test_a_session_is_ended_once_and_stays_readable(http: httpx.AsyncClient, visitor: Visitor) -> None:
    for _ in range(2):
        ended = await http.delete(visitor.path + "/", headers=visitor.headers)
        assert (ended.status_code, ended.content) == (204, b"")

    assert (await visitor.get()).json()["status"] == "deleted"
    transcript = await visitor.transcript()
    assert [(entry["who"], entry["reason"]) for entry in transcript["entries"]] == [("service", "deleted")]


async def test_the_assistant_may_end_a_session(http: httpx.AsyncClient, visitor: Visitor) -> None:
    assert (await say(http, visitor, "Good bye")).json()["complete"] is True
    assert (await visitor.get()).json()["status"] == "completed"


async def test_a_slash_at_the_end_is_optional_and_one_too_many_does_no_harm(
    http: httpx.AsyncClient, visitor: Visitor, service: Service
) -> None:
    bare = service.url
    for path in ("/", "/transcript/", "/transcript//"):
        with_slash, without = [
            await http.get(bare + visitor.path + variant, headers=visitor.headers)
            for variant in (path, path.rstrip("/"))
        ]
        assert with_slash.status_code == without.status_code == 200
        assert with_slash.json() == without.json()
    assert (await http.post("/api/chats/sessions")).status_code == 201
    assert (await http.post(f"{visitor.path}/stop", headers=visitor.headers)).status_code == 204


# --- messages


async def test_a_message_is_answered_by_the_whole_reply(http: httpx.AsyncClient, visitor: Visitor) -> None:
    response = await say(http, visitor, "A novated lease ?Benefits?")

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    frame = response.json()
    assert frame == frame | {
        "type": "complete",
        "done": True,
        "complete": False,
        "session_id": str(visitor.session_id),
        "message": "A novated lease ",
        "suggestions": ["Benefits?", "Or this?"],
    }


async def test_a_message_is_answered_by_words_where_a_stream_is_asked_for(
    http: httpx.AsyncClient, visitor: Visitor
) -> None:
    async with visitor.socket() as socket:
        async with http.stream(
            "POST",
            visitor.path + "/messages/",
            json={"message": "A novated lease"},
            headers=visitor.headers | SSE,
        ) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            assert response.headers["cache-control"] == "no-store"
            events = await events_of(response)
        on_the_socket = await socket.receive_until("complete")

    assert [event.frame for event in events] == on_the_socket
    assert [event.event for event in events] == ["chunk", "chunk", "chunk", "complete"]
    assert [event.id for event in events] == [event.frame["metadata"]["cursor"] for event in events]


async def test_words_are_streamed_as_they_are_said(
    http: httpx.AsyncClient, visitor: Visitor, puppet: Puppet
) -> None:
    async with http.stream(
        "POST",
        visitor.path + "/messages/",
        json={"message": "A |stream lease"},
        headers=visitor.headers | SSE,
    ) as response:
        events = server_sent(response)
        assert (await anext(events)).frame["chunk"] == "A "
        puppet.go_on("stream")
        assert [event.event async for event in events] == ["chunk", "complete"]


async def test_a_message_during_a_reply_gets_its_own_reply(
    http: httpx.AsyncClient, visitor: Visitor, puppet: Puppet
) -> None:
    first = asyncio.create_task(say(http, visitor, "First |during"))
    await until(lambda: has_said(visitor, "First "), "the reply to begin")
    second = asyncio.create_task(say(http, visitor, "Second"))
    await until(lambda: said_by_visitor(visitor, 2), "the second message to be recorded")
    puppet.go_on("during")

    assert (await first).json()["message"] == "First "
    assert (await second).json()["message"] == "Second "


async def said_by_visitor(visitor: Visitor, messages: int) -> bool:
    entries = (await visitor.transcript())["entries"]
    return sum(entry["who"] == "visitor" for entry in entries) == messages


async def test_a_message_may_be_sent_again_under_its_name(http: httpx.AsyncClient, visitor: Visitor) -> None:
    first = await say(http, visitor, "Hello", client_message_id="m-1")
    again = await say(http, visitor, "Hello", client_message_id="m-1")
    other = await say(http, visitor, "Goodbye", client_message_id="m-1")

    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert await said_by_visitor(visitor, 1)


async def test_a_reply_is_stopped_and_its_beginning_stands(
    http: httpx.AsyncClient, visitor: Visitor, puppet: Puppet
) -> None:
    waiting = asyncio.create_task(say(http, visitor, "A |stopped lease"))
    await until(lambda: has_said(visitor, "A "), "the reply to begin")
    await until(lambda: has_said(visitor, "A "), "its first word")
    stopped = await http.post(visitor.path + "/stop/", headers=visitor.headers)

    assert (stopped.status_code, stopped.content) == (204, b"")
    frame = (await waiting).json()
    assert (frame["message"], frame["metadata"]["finish_reason"]) == ("A ", "stopped")


async def has_said(visitor: Visitor, text: str) -> bool:
    return text in await visitor.spoken()


@pytest.mark.parametrize("failure", ["!", "!!"])
async def test_a_reply_that_fails_is_an_error_and_what_was_said_stands(
    http: httpx.AsyncClient, visitor: Visitor, failure: str
) -> None:
    whole = await say(http, visitor, f"A {failure}")
    async with http.stream(
        "POST",
        visitor.path + "/messages/",
        json={"message": f"A {failure}"},
        headers=visitor.headers | SSE,
    ) as response:
        events = await events_of(response)

    assert (whole.status_code, whole.json()["code"]) == (502, "reply_failed")
    assert whole.json()["detail"] == "The reply could not be completed. Please try again."
    assert [event.event for event in events] == ["chunk", "error"]
    assert events[-1].frame["metadata"]["code"] == "reply_failed"
    assert await visitor.spoken() == ["A ", "A "]


async def test_a_message_whose_session_ends_before_its_turn_is_told_so(
    http: httpx.AsyncClient, visitor: Visitor, puppet: Puppet
) -> None:
    first = asyncio.create_task(say(http, visitor, "First |ended"))
    await until(lambda: has_said(visitor, "First "), "the reply to begin")
    second = asyncio.create_task(say(http, visitor, "Second"))
    await until(lambda: said_by_visitor(visitor, 2), "the second message to be recorded")
    await http.delete(visitor.path + "/", headers=visitor.headers)

    assert (await first).json()["metadata"]["finish_reason"] == "stopped"
    assert ((await second).status_code, (await second).json()["code"]) == (410, "session_not_active")
    asked = [entry for entry in (await visitor.transcript())["entries"] if entry["who"] == "visitor"]
    assert [entry["left_unanswered"] for entry in asked] == [False, True]
    assert "Visitor (left unanswered): Second" in (await visitor.get("/transcript/?format=text")).text
    again = await say(http, visitor, "Third")
    assert (again.status_code, again.json()["code"]) == (410, "session_not_active")


async def test_who_waits_for_replies_that_will_never_come_is_told_by_the_end_of_the_session(
    http: httpx.AsyncClient, visitor: Visitor, puppet: Puppet
) -> None:
    async with visitor.socket() as socket:
        for text in ("First |told", "Second", "Third"):
            await socket.send(visitor.message(text, client_message_id=text))
        await until(lambda: said_by_visitor(visitor, 3), "all messages to be recorded")
        async with http.stream(
            "POST",
            visitor.path + "/messages/",
            json={"message": "Second", "client_message_id": "Second"},
            headers=visitor.headers | SSE,
        ) as waiting:
            await http.delete(visitor.path + "/", headers=visitor.headers)
            streamed = await events_of(waiting)
        frames = await socket.receive_until("session_end")

    assert [frame["type"] for frame in frames] == ["chunk", "complete", "session_end"]
    assert [event.event for event in streamed][-1] == "session_end"
    sent_again = await say(http, visitor, "Second", client_message_id="Second")
    assert (sent_again.status_code, sent_again.json()["code"]) == (410, "session_not_active")


async def test_a_reply_that_takes_longer_than_a_request_may_goes_on_without_it(
    http: httpx.AsyncClient, visitor: Visitor, puppet: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.sessions.REPLY_SECONDS", 0.2)

    response = await say(http, visitor, "A |slow lease")
    puppet.go_on("slow")

    assert (response.status_code, response.json()["code"]) == (504, "reply_timeout")
    await until(lambda: has_said(visitor, "A lease "), "the reply to be recorded all the same")


# --- streams


async def test_a_stream_begins_with_what_is_in_progress_and_goes_on_live(
    http: httpx.AsyncClient, visitor: Visitor, puppet: Puppet
) -> None:
    await say(http, visitor, "What was before")
    posted = asyncio.create_task(say(http, visitor, "A |live lease"))
    await until(lambda: has_said(visitor, "A "), "the first word")

    async with http.stream("GET", visitor.path + "/stream/", headers=visitor.headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = server_sent(response)
        connected, first = await anext(events), await anext(events)
        puppet.go_on("live")
        second, complete = await anext(events), await anext(events)
        await say(http, visitor, "Next")
        following = await anext(events)

    assert (connected.event, connected.id) == ("connected", connected.frame["metadata"]["cursor"])
    assert text_of([first.frame, second.frame]) == complete.frame["message"] == "A lease "
    assert following.frame["chunk"] == "Next "
    assert (await posted).json() == complete.frame


@pytest.mark.parametrize("way", ["Last-Event-ID", "after"])
async def test_a_stream_resumes_after_any_event(http: httpx.AsyncClient, visitor: Visitor, way: str) -> None:
    async with http.stream(
        "POST",
        visitor.path + "/messages/",
        json={"message": "A novated lease is a way"},
        headers=visitor.headers | SSE,
    ) as response:
        events = await events_of(response)

    for position, event in enumerate(events):
        assert event.id is not None
        headers = visitor.headers | ({"Last-Event-ID": event.id} if way == "Last-Event-ID" else {})
        params = {"after": event.id} if way == "after" else {}
        async with http.stream("GET", visitor.path + "/stream/", headers=headers, params=params) as response:
            stream = server_sent(response)
            assert (await anext(stream)).id == event.id
            assert [await anext(stream) for _ in events[position + 1 :]] == events[position + 1 :]


async def test_a_header_counts_more_than_the_address_that_a_browser_repeats(
    http: httpx.AsyncClient, visitor: Visitor
) -> None:
    await say(http, visitor, "Hello")

    async with http.stream(
        "GET",
        visitor.path + "/stream/",
        headers=visitor.headers | {"Last-Event-ID": "2.0"},
        params={"after": "1.0"},
    ) as response:
        assert (await anext(server_sent(response))).id == "2.0"


async def test_a_stream_that_is_silent_is_kept_open_by_comments(
    http: httpx.AsyncClient, visitor: Visitor, puppet: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.server_sent.KEEP_ALIVE_SECONDS", 0.05)

    async with http.stream("GET", visitor.path + "/stream/", headers=visitor.headers) as response:
        lines = response.aiter_lines()
        comments = 0
        while comments < 3:
            comments += await anext(lines) == ": keep-alive"
        posted = asyncio.create_task(say(http, visitor, "Hello |comments there"))
        while await anext(lines) != "event: chunk":
            pass
        puppet.go_on("comments")
        while await anext(lines) != "event: complete":
            pass
    assert (await posted).status_code == 200


async def test_whoever_hangs_up_leaves_nothing_behind(
    service: Service, visitor: Visitor, puppet: Puppet
) -> None:
    gc.collect()  # of what other tests have left, the collector alone knows that nobody holds it any more
    await until(lambda: followers() == 0, "earlier requests to be gone")
    async with service.http() as http:
        message = {"message": "A |hangup lease"}
        async with http.stream(
            "POST", visitor.path + "/messages/", json=message, headers=visitor.headers | SSE
        ) as response:
            words = response.aiter_lines()  # kept, since a response whose lines nobody holds is closed
            await anext(words)
            async with http.stream("GET", visitor.path + "/stream/", headers=visitor.headers) as stream:
                lines = stream.aiter_lines()
                await anext(lines)
                assert followers() == 2
            await until(lambda: followers() == 1, "the one who hung up to be gone")
        await until(lambda: followers() == 0, "the other one to be gone")

        waiting = asyncio.create_task(say(http, visitor, "And then?"))
        await until(lambda: followers() == 1, "a request to wait for its reply")
        waiting.cancel()
        await until(lambda: followers() == 0, "the request that was given up to be gone")
    puppet.go_on("hangup")

    await until(lambda: has_said(visitor, "And then? "), "both replies to be recorded all the same")
    assert await visitor.spoken() == ["A lease ", "And then? "]


async def test_a_service_that_stops_ends_its_streams_and_lets_nobody_wait(
    new_conninfo: str, data_dir: Path
) -> None:
    puppet = Puppet()
    async with served(new_conninfo, data_dir, puppet, FAST) as service:
        visitor = await service.start_session()
        waiting = asyncio.create_task(wait_for_reply(visitor))
        await until(lambda: has_said(visitor, "A "), "the reply to begin")
        stream = asyncio.create_task(stream_to_its_end(visitor))
        await until(lambda: followers() == 2, "both to follow")

    async with asyncio.timeout(5):
        assert (await waiting).json()["code"] == "reply_timeout"
        assert await stream == ["connected", "chunk"], "and its end is a proper one"


async def wait_for_reply(visitor: Visitor) -> httpx.Response:
    async with visitor.service.http() as http:
        return await say(http, visitor, "A |never lease")


async def stream_to_its_end(visitor: Visitor) -> list[str]:
    async with (
        visitor.service.http() as http,
        http.stream("GET", visitor.path + "/stream/", headers=visitor.headers) as response,
    ):
        return [event.event for event in await events_of(response)]


# --- the transcript


async def test_a_transcript_comes_in_every_format(http: httpx.AsyncClient, visitor: Visitor) -> None:
    await say(http, visitor, "What is a <b>novated</b> lease?")

    for name, media_type in [
        ("json", "application/json"),
        ("markdown", "text/markdown; charset=utf-8"),
        ("html", "text/html; charset=utf-8"),
        ("text", "text/plain; charset=utf-8"),
    ]:
        response = await visitor.get("/transcript/", params={"format": name})
        assert response.status_code == 200
        assert response.headers["content-type"] == media_type
        assert "novated" in response.text
    assert "<b>" not in (await visitor.get("/transcript/", params={"format": "html"})).text


async def test_a_visitor_sees_what_is_recorded_of_their_own_session_page_by_page(
    http: httpx.AsyncClient, visitor: Visitor
) -> None:
    await say(http, visitor, "One two")

    first = (await visitor.get("/events/", params={"limit": 2})).json()
    rest = (await visitor.get("/events/", params={"after": first["cursor"]})).json()

    events = [*first["events"], *rest["events"]]
    assert (len(first["events"]), first["has_more"], rest["has_more"]) == (2, True, False)
    assert [event["version"] for event in events] == list(range(1, len(events) + 1))
    assert [event["topic"].split(".")[0] for event in events[:3]] == [
        "session_started",
        "visitor_message_posted",
        "reply_started",
    ]
    assert events[1]["data"]["text"] == "One two"
    assert events == (await visitor.get("/events/")).json()["events"], "whatever the pages are"
    stranger = await http.get(visitor.path + "/events/", headers={"X-Visitor-Id": str(uuid4())})
    assert problem(stranger)[:2] == (403, "visitor_mismatch")


async def test_a_transcript_goes_as_far_as_the_reply_in_progress(
    http: httpx.AsyncClient, visitor: Visitor, puppet: Puppet
) -> None:
    posted = asyncio.create_task(say(http, visitor, "A |transcript lease"))
    await until(lambda: has_said(visitor, "A "), "the first word")

    transcript = await visitor.transcript()
    puppet.go_on("transcript")
    complete = (await posted).json()

    assert transcript["entries"][-1]["outcome"] == "streaming"
    async with visitor.socket(after=transcript["cursor"]) as socket:
        rest = await socket.receive_until("complete")
    assert text_of(rest) == "lease "
    assert rest[-1] == complete


# --- errors


@pytest.fixture
async def expired(service: Service, conninfo: str, folder: Path) -> Visitor:
    """A session that expired a minute ago."""
    settings = read_settings({"VERBATIM_DATA_DIR": str(folder)})
    visitor, now = Visitor(service, uuid4(), uuid4()), SystemClock().now()
    async with open_store(settings, conninfo) as store:
        started = SessionStarted(visitor.visitor_id, now - timedelta(minutes=1))
        await store.append(visitor.session_id, 0, [started], now - timedelta(days=1))
    return visitor


async def test_a_session_that_there_isnt_is_not_found(http: httpx.AsyncClient, visitor: Visitor) -> None:
    visitor.path = f"/api/chats/sessions/{uuid4()}"

    for response in [
        await visitor.get(),
        await visitor.get("/transcript/"),
        await visitor.get("/stream/"),
        await say(http, visitor, "Hello"),
        await http.post(visitor.path + "/stop/", headers=visitor.headers),
        await http.delete(visitor.path + "/", headers=visitor.headers),
    ]:
        assert problem(response) == (404, "session_not_found", "Session not found")


async def test_a_session_of_somebody_else_is_closed_to_all(http: httpx.AsyncClient, visitor: Visitor) -> None:
    visitor.headers = {"X-Visitor-Id": str(uuid4())}

    for response in [
        await visitor.get(),
        await visitor.get("/transcript/"),
        await visitor.get("/stream/"),
        await say(http, visitor, "Hello"),
        await http.post(visitor.path + "/stop/", headers=visitor.headers),
        await http.delete(visitor.path + "/", headers=visitor.headers),
    ]:
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


# --- what else HTTP has


async def test_what_a_resource_allows_can_be_asked(http: httpx.AsyncClient, visitor: Visitor) -> None:
    for path, allowed in [
        ("/api/chats/sessions/", "OPTIONS, POST"),
        (visitor.path + "/", "DELETE, GET, OPTIONS"),
        (visitor.path + "/messages/", "OPTIONS, POST"),
        ("/health/live", "GET, HEAD, OPTIONS"),
    ]:
        response = await http.options(path)
        assert (response.status_code, response.headers["allow"]) == (204, allowed)


@pytest.mark.parametrize("path", ["/", "/health/live", "/health/ready", "/static/page.js"])
async def test_a_monitor_may_ask_for_the_head_alone(http: httpx.AsyncClient, path: str) -> None:
    head, get = await http.head(path), await http.get(path)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_no_address_with_a_credential_is_logged(
    http: httpx.AsyncClient, visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with visitor.socket() as socket:
        await socket.send(visitor.message("A secret that nobody reads"))
        await socket.receive_until("complete")
    await http.get(visitor.path + "/", headers=visitor.headers)

    ours = [
        r.getMessage() for r in caplog.records if not r.name.startswith(("httpx", "httpcore", "websockets"))
    ]
    assert str(visitor.visitor_id) not in "\n".join(ours)
    assert "secret" not in "\n".join(ours)
