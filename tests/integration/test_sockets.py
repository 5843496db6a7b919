"""The socket, as the specification has it: over real sockets, with an assistant that waits for the test."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from api.sockets import SUBPROTOCOL
from tests.support.puppet import Puppet
from tests.support.service import (
    Frame,
    Service,
    Visitor,
    chunks,
    complaints,
    cursor,
    followers,
    in_reply,
    served,
    text_of,
)
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("nothing_is_logged_as_an_error")

SCHEMA = {
    "type": str,
    "session_id": str,
    "message_id": str,
    "response_id": str,
    "message": str,
    "chunk": str,
    "done": bool,
    "complete": bool,
    "conversation_data": dict,
    "needs_info": bool,
    "suggestions": list,
    "error": str,
    "metadata": dict,
}
"""The specification's one schema for all that is sent."""

# The examples of the specification, as they stand there.

CHAT_MESSAGE = """
{
    "type": "chat_message",
    "message": "What is a novated lease?",
    "session_id": "550e8400-e29b-41d4-a716-446655440000",
    "visitor_id": "660e8400-e29b-41d4-a716-446655440000"
}
"""

CONNECTED = """
{
    "type": "connected",
    "session_id": "550e8400-e29b-41d4-a716-446655440000",
    "conversation_data": {
        "name": "John Doe",
        "email": "john@example.com"
    },
    "metadata": {
        "status": "connected"
    }
}
"""

CHUNK = """
{
    "type": "chunk",
    "chunk": "word ",
    "done": false,
    "message_id": "770e8400-e29b-41d4-a716-446655440000"
}
"""

COMPLETE = """
{
    "type": "complete",
    "response_id": "880e8400-e29b-41d4-a716-446655440000",
    "message_id": "770e8400-e29b-41d4-a716-446655440000",
    "conversation_data": {},
    "complete": false,
    "needs_info": null,
    "suggestions": [
        "What are the benefits?",
        "How do I get started?",
        "What vehicles are available?"
    ]
}
"""

SESSION_END = """
{
    "type": "session_end",
    "session_id": "550e8400-e29b-41d4-a716-446655440000",
    "complete": true,
    "conversation_data": {},
    "metadata": {
        "type": "session_end",
        "reason": "idle_timeout"
    }
}
"""
"""Of an ending that nobody is told a text about, and that no timer brought."""

ERROR = """
{
    "type": "error",
    "session_id": "550e8400-e29b-41d4-a716-446655440000",
    "error": "Session not found",
    "metadata": {
        "error_type": "processing_error"
    }
}
"""


def like(example: str, frame: Frame) -> None:
    """The frame has the structure of the example, and beyond that keeps to the schema."""
    required = {key: value for key, value in json.loads(example).items() if value not in (None, [])}
    assert frame["type"] == required["type"]
    for key, value in required.items():
        assert type(frame[key]) is type(value)
        if isinstance(value, dict):
            assert set(value) <= set(frame[key])
    for key, value in frame.items():
        assert type(value) is SCHEMA[key]
        assert value not in (None, [])
    assert {"done", "complete"} <= set(frame)


# --- the specification's own frames


async def test_the_example_of_a_message_is_answered_by_frames_like_the_examples(service: Service) -> None:
    visitor = await service.start_session()
    message = json.loads(CHAT_MESSAGE) | {
        "message": "name=John email=john@example.com A novated lease ?What are the benefits?",
        "session_id": str(visitor.session_id),
        "visitor_id": str(visitor.visitor_id),
    }

    async with visitor.socket() as socket:
        await socket.send(json.dumps(message))
        *frames, complete = await socket.receive_until("complete")
    async with visitor.socket() as socket:
        connected = socket.greeting

    for chunk in frames:
        like(CHUNK, chunk)
    like(COMPLETE, complete)
    like(CONNECTED, connected)
    assert connected["conversation_data"] == {"name": "John", "email": "john@example.com"}
    assert {frame["message_id"] for frame in frames} == {complete["message_id"]}
    assert (complete["done"], complete["complete"]) == (True, False)


async def test_a_chunk_is_a_word_with_its_space_and_the_message_is_all_of_them(service: Service) -> None:
    visitor = await service.start_session()

    async with visitor.socket() as socket:
        await socket.send(visitor.message("A novated lease is a way to pay."))
        frames = await socket.receive_until("complete")

    assert chunks(frames) == ["A ", "novated ", "lease ", "is ", "a ", "way ", "to ", "pay. "]
    assert frames[-1]["message"] == "A novated lease is a way to pay. "
    assert [frame["done"] for frame in frames] == [False] * 8 + [True]


async def test_null_fields_and_empty_arrays_are_left_out(service: Service) -> None:
    visitor = await service.start_session()

    async with visitor.socket() as socket:
        await socket.send(visitor.message("Hello"))
        complete = (await socket.receive_until("complete"))[-1]

    assert set(complete) == {
        "type",
        "done",
        "complete",
        "session_id",
        "message_id",
        "response_id",
        "message",
        "conversation_data",
        "metadata",
    }


async def test_the_end_of_a_session_is_told_by_the_example(service: Service) -> None:
    visitor = await service.start_session()

    async with visitor.socket() as socket, service.http() as http:
        await http.delete(visitor.path + "/", headers=visitor.headers)
        frame = await socket.receive()

    like(SESSION_END, frame)
    assert frame["complete"] is True
    assert frame["metadata"]["reason"] == "deleted"


async def test_errors_are_told_by_the_example(service: Service) -> None:
    visitor = await service.start_session()

    async with visitor.socket(join=False) as socket:
        await socket.send(visitor.message("Hello", session_id=str(uuid4())))
        frame = await socket.receive()

    like(ERROR, frame)
    assert frame["error"] == "Session not found"
    assert frame["metadata"] == {"error_type": "processing_error", "code": "session_not_found"}


async def test_a_reply_may_end_the_session(service: Service) -> None:
    visitor = await service.start_session()

    async with visitor.socket() as socket:
        await socket.send(visitor.message("Good bye"))
        complete = (await socket.receive_until("complete"))[-1]
        await socket.send(visitor.message("Wait!"))
        refused = await socket.receive()

    assert (complete["complete"], complete["message"]) == (True, "Good bye")
    assert refused["error"] == "Session is not active"


# --- more than the specification, for those who ask


async def test_who_asks_for_more_is_told_of_messages_as_they_are_recorded(service: Service) -> None:
    visitor = await service.start_session()
    async with (
        visitor.socket(subprotocol=SUBPROTOCOL) as sender,
        visitor.socket(subprotocol=SUBPROTOCOL) as tab,
    ):
        assert sender.connection.subprotocol == SUBPROTOCOL
        await sender.send(visitor.message("Hello there", client_message_id="m-1"))
        sent, seen = await sender.receive_until("complete"), await tab.receive_until("complete")

    (accepted,) = [frame for frame in sent if frame["type"] == "accepted"]
    (message,) = [frame for frame in sent if frame["type"] == "message"]
    assert [frame for frame in sent if frame != accepted] == seen, (
        "only the sender is told that it is accepted"
    )
    assert seen[0] == message
    assert message["message"] == "Hello there"
    assert message["metadata"] == {"cursor": "2.0", "client_message_id": "m-1"}
    assert accepted["metadata"] == {"cursor": "2.0", "client_message_id": "m-1"}
    assert accepted["message_id"] == message["message_id"] == seen[-1]["message_id"]


async def test_a_message_that_is_sent_again_is_acknowledged_as_it_was_and_said_once(service: Service) -> None:
    visitor = await service.start_session()
    async with visitor.socket(subprotocol=SUBPROTOCOL) as socket:
        await socket.send(visitor.message("Hello", client_message_id="m-1"))
        frames = await socket.receive_until("complete")
        await socket.send(visitor.message("Hello", client_message_id="m-1"))
        again = await socket.receive()

    assert [again] == [frame for frame in frames if frame["type"] == "accepted"]


async def test_a_message_without_a_name_is_not_acknowledged(service: Service) -> None:
    visitor = await service.start_session()
    async with visitor.socket(subprotocol=SUBPROTOCOL) as socket:
        await socket.send(visitor.message("Hello"))
        frames = await socket.receive_until("complete")

    assert [frame["type"] for frame in frames] == ["message", "chunk", "complete"]


async def test_who_asks_for_more_gets_the_whole_conversation_from_its_start(service: Service) -> None:
    visitor = await service.start_session()
    async with visitor.socket() as socket:
        for text in ("One", "Two"):
            await socket.send(visitor.message(text))
            await socket.receive_until("complete")

    async with visitor.socket(after="0", subprotocol=SUBPROTOCOL) as socket:
        frames = [*await socket.receive_until("complete"), *await socket.receive_until("complete")]

    assert [(frame["type"], frame.get("message")) for frame in frames] == [
        ("message", "One"),
        ("chunk", None),
        ("complete", "One "),
        ("message", "Two"),
        ("chunk", None),
        ("complete", "Two "),
    ]


async def test_a_reply_is_rated_and_the_latest_rating_counts(service: Service) -> None:
    visitor = await service.start_session()
    async with visitor.socket() as socket:
        await socket.send(visitor.message("Hello"))
        reply = (await socket.receive_until("complete"))[-1]["response_id"]
        for rating, comment in (("up", ""), ("down", "Too short."), ("down", "Too short.")):
            await socket.send(visitor.feedback(reply, rating, comment))
        await until(lambda: is_rated(visitor, "down", "Too short."), "the rating to be recorded")
        await socket.send("ping")
        assert (await socket.receive())["type"] == "pong", "a rating that is taken is answered by nothing"

    state = (await visitor.get()).json()
    assert state["cursor"] == "7.0", "what is known already isn't recorded again"


async def is_rated(visitor: Visitor, rating: str, comment: str) -> bool:
    (said,) = [entry for entry in (await visitor.transcript())["entries"] if entry["who"] == "assistant"]
    return (said.get("rating"), said.get("comment")) == (rating, comment)


async def test_what_can_t_be_rated_is_refused(service: Service, puppet: Puppet) -> None:
    visitor, other = await service.start_session(), await service.start_session()
    async with visitor.socket() as socket:
        for feedback, code in [
            (visitor.feedback(str(uuid4()), "up"), "reply_not_found"),
            (visitor.feedback(str(uuid4()), "great"), "invalid_request"),
            (visitor.feedback("x", "up"), "invalid_request"),
            (visitor.feedback(str(uuid4()), "up", "x" * 2001), "invalid_request"),
            (
                other.feedback(str(uuid4()), "up") | {"session_id": str(visitor.session_id)},
                "visitor_mismatch",
            ),
        ]:
            await socket.send(feedback)
            refused = await socket.receive()
            assert (refused["type"], refused["metadata"]["code"]) == ("error", code)


# --- ping, stop, delete, failure


@pytest.mark.parametrize("ping", ["ping", '{"type":"ping"}', '{"type": "ping", "n": 1}'])
async def test_a_ping_is_answered_by_a_pong(service: Service, ping: str) -> None:
    async with connect(service.ws_url) as connection:
        await connection.recv()
        await connection.send(ping)

        assert json.loads(await connection.recv()) == {"type": "pong", "done": False, "complete": False}


async def test_a_reply_is_stopped_from_another_tab(service: Service, puppet: Puppet) -> None:
    visitor = await service.start_session()

    async with visitor.socket() as sender, visitor.socket(join=False) as another:
        await sender.send(visitor.message("A novated |never lease"))
        shown = await in_reply(sender, 2)
        await another.send(
            {"type": "stop", "session_id": str(visitor.session_id), "visitor_id": str(visitor.visitor_id)}
        )
        stopped = await sender.receive()
        await until(lambda: puppet.speaking == 0, "the assistant to fall silent")
        await sender.send(visitor.message("Go on"))
        onward = await sender.receive_until("complete")

    assert stopped["type"] == "complete"
    assert (stopped["done"], stopped["complete"]) == (True, False)
    assert stopped["message"] == text_of(shown) == "A novated "
    assert stopped["metadata"]["finish_reason"] == "stopped"
    assert text_of(onward) == "Go on "


async def test_a_stop_where_nothing_is_said_changes_nothing(service: Service) -> None:
    visitor = await service.start_session()

    async with visitor.socket() as socket:
        await socket.send(
            {"type": "stop", "session_id": str(visitor.session_id), "visitor_id": str(visitor.visitor_id)}
        )
        await socket.send("ping")
        assert (await socket.receive())["type"] == "pong"
    assert (await visitor.transcript())["cursor"] == "1.0"


async def test_a_session_deleted_in_mid_reply_ends_for_all_tabs(service: Service, puppet: Puppet) -> None:
    visitor = await service.start_session()

    async with visitor.socket() as first, visitor.socket() as second, service.http() as http:
        await first.send(visitor.message("A novated |nevermore lease"))
        await first.send(visitor.message("And then?"))
        await in_reply(first, 2)
        await in_reply(second, 2)
        assert (await http.delete(visitor.path + "/", headers=visitor.headers)).status_code == 204
        for tab in (first, second):
            stopped, ended = await tab.receive(), await tab.receive()
            assert (stopped["type"], stopped["metadata"]["finish_reason"]) == ("complete", "stopped")
            assert (ended["type"], ended["metadata"]["reason"]) == ("session_end", "deleted")
        await until(lambda: puppet.speaking == 0, "the assistant to fall silent")
        await first.send(visitor.message("Hello?"))
        refused = await first.receive()

    assert refused["error"] == "Session is not active"
    assert await visitor.spoken() == ["A novated "]


@pytest.mark.parametrize("failure", ["!", "!!"])
async def test_a_reply_that_fails_keeps_what_was_said_and_says_so(service: Service, failure: str) -> None:
    visitor = await service.start_session()

    async with visitor.socket() as socket:
        await socket.send(visitor.message(f"A novated {failure} lease"))
        *shown, failed = await socket.receive_until("error")
        await socket.send(visitor.message("Once more"))
        again = await socket.receive_until("complete")

    assert text_of(shown) == "A novated "
    assert failed["error"] == "The reply could not be completed. Please try again."
    assert failed["message_id"] == shown[0]["message_id"]
    assert (failed["done"], failed["complete"]) == (True, False)
    assert failed["metadata"]["error_type"] == "processing_error"
    assert failed["metadata"]["code"] == "reply_failed"
    assert text_of(again) == "Once more "
    outcomes = [entry.get("outcome") for entry in (await visitor.transcript())["entries"]]
    assert outcomes == [None, "failed", None, "completed"]


async def test_messages_sent_during_a_reply_are_answered_after_it_in_order(
    service: Service, puppet: Puppet
) -> None:
    visitor = await service.start_session()

    async with visitor.socket() as socket:
        await socket.send(visitor.message("First |queue done"))
        await in_reply(socket, 1)
        for text in ("Second", "Third"):
            await socket.send(visitor.message(text))
        await until(lambda: waiting_in(visitor, 3), "all messages to be recorded")
        puppet.go_on("queue")
        replies = [await socket.receive_until("complete") for _ in range(3)]

    assert [text_of(reply) for reply in replies] == ["done ", "Second ", "Third "]
    assert len({reply[-1]["message_id"] for reply in replies}) == 3


async def waiting_in(visitor: Visitor, messages: int) -> bool:
    entries = (await visitor.transcript())["entries"]
    return sum(entry["who"] == "visitor" for entry in entries) == messages


async def test_a_message_sent_twice_under_one_name_is_said_once(service: Service) -> None:
    visitor = await service.start_session()

    async with visitor.socket() as socket:
        for _ in range(2):
            await socket.send(visitor.message("Hello", client_message_id="m-1"))
        reply = await socket.receive_until("complete")
        await socket.send(visitor.message("Another", client_message_id="m-1"))
        conflict = await socket.receive()

    assert text_of(reply) == "Hello "
    assert conflict["metadata"]["code"] == "conflict"
    assert conflict["metadata"]["client_message_id"] == "m-1"
    assert await waiting_in(visitor, 1)


async def test_a_tab_that_retries_gets_the_reply_that_it_missed(service: Service) -> None:
    visitor = await service.start_session()
    message = visitor.message("A novated lease", client_message_id="m-1")
    async with visitor.socket() as socket:
        await socket.send(message)
        missed = await socket.receive_until("complete")

    async with visitor.socket(join=False) as socket:
        await socket.send(message)
        assert await socket.receive_until("complete") == missed


@pytest.mark.parametrize("fault", ["api.sockets.decode", "api.wire.FrameCache.wire"])
async def test_a_fault_of_ours_closes_the_socket_and_the_log_gets_its_place_alone(
    service: Service, fault: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = await service.start_session()
    monkeypatch.setattr(fault, lambda *_: 1 / 0)

    async with visitor.socket() as socket:
        await socket.send(visitor.message("A secret"))
        assert (await socket.receive())["metadata"]["code"] == "internal_error"
        with pytest.raises(ConnectionClosed):
            await socket.receive()

    assert socket.connection.close_code == 1011
    (complaint,) = complaints(caplog)
    assert complaint.startswith("socket: ZeroDivisionError at ")
    assert "Traceback" not in caplog.text
    assert "secret" not in caplog.text
    caplog.clear()


# --- other servers, and those who leave


class PlainHttp(HttpToolsProtocol):
    """uvicorn's own, which takes what we tell ours."""

    end_keep_alive = HttpToolsProtocol.shutdown

    def __init__(self, *args: Any, max_pending_bytes: int, **more: Any) -> None:
        super().__init__(*args, **more)


async def test_on_a_server_that_knows_nothing_of_our_frames_they_are_the_same(
    new_conninfo: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.server.HttpProtocol", PlainHttp)
    monkeypatch.setattr(
        "api.server.FramesProtocol", lambda *args, max_pending_bytes, pace, **more: WSProtocol(*args, **more)
    )
    async with served(new_conninfo, data_dir, Puppet(), {"VERBATIM_CHUNK_WINDOW_MS": "5"}) as plain:
        visitor = await plain.start_session()
        async with visitor.socket() as socket:
            await socket.send(visitor.message("name=Zoë Ein Wörtchen 🚗 ?Mehr? ..."))
            frames = await socket.receive_until("complete")
            await socket.send("ping")
            assert (await socket.receive())["type"] == "pong"
        async with visitor.socket(after=cursor(frames[0])) as socket:
            assert await socket.receive_until("complete") == frames[1:]
        async with visitor.socket(after="99.0") as socket:
            assert socket.greeting["metadata"]["code"] == "invalid_request"
            with pytest.raises(ConnectionClosed) as closed:
                await socket.receive()

    assert text_of(frames) == "Ein Wörtchen 🚗 "
    assert frames[-1]["needs_info"] is True
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4400


async def test_whoever_leaves_leaves_nothing_behind(service: Service, puppet: Puppet) -> None:
    await until(lambda: followers() == 0, "earlier sockets to be gone")
    visitor = await service.start_session()

    async with visitor.socket() as first, visitor.socket() as second:
        await first.send(visitor.message("A |leaving lease"))
        await in_reply(second, 1)
        assert followers() == 2
        first.connection.transport.abort()
        await until(lambda: followers() == 1, "the one who was cut off to be gone")
        puppet.go_on("leaving")
        assert text_of(await second.receive_until("complete")) == "lease "
    await until(lambda: followers() == 0, "the other to be gone")


async def test_words_of_any_script_arrive_as_they_were_said(service: Service) -> None:
    visitor = await service.start_session()
    text = 'Käse 🚗👩‍👩‍👧 漢字かな ไทย العربية \u0000 \\ " </script> é e\u0301'

    async with visitor.socket() as socket:
        await socket.send(visitor.message(text))
        frames = await socket.receive_until("complete")

    assert text_of(frames) == frames[-1]["message"] == text + " "
    assert all(re.fullmatch(r"\S*\s?", chunk) for chunk in chunks(frames))
