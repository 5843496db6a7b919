"""REST, over real connections: sessions, messages, and what is recorded of them."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from tests.support.puppet import Puppet
from tests.support.rest import SSE, events_of, has_said, said_by_visitor, say
from tests.support.service import Service, Visitor, problem, server_sent, text_of
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("nothing_is_logged_as_an_error")


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
