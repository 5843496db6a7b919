"""A quiet session is warned and ends, once, as the specification has it: by short timers, on two nodes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.postgres import execute
from tests.support.puppet import Puppet
from tests.support.service import Service, Visitor, served
from tests.support.waiting import until

WARNING, END = 1, 2
"""Seconds. Whatever happens between them happens by conditions."""

QUIET = {"VERBATIM_IDLE_WARNING_SECONDS": str(WARNING), "VERBATIM_IDLE_END_SECONDS": str(END)}


@pytest.fixture
async def nodes(new_conninfo: str, data_dir: Path) -> AsyncIterator[list[Service]]:
    async with AsyncExitStack() as running:
        yield [
            await running.enter_async_context(served(new_conninfo, data_dir, Puppet(), QUIET))
            for _ in range(2)
        ]


async def test_a_quiet_visitor_is_warned_and_then_the_session_ends(nodes: list[Service]) -> None:
    visitor = await nodes[0].start_session()
    elsewhere = Visitor(nodes[1], visitor.session_id, visitor.visitor_id)

    async with visitor.socket() as one, elsewhere.socket() as other:
        frames = await one.receive_until("session_end")
        assert await other.receive_until("session_end") == frames

    warning, end = frames
    assert warning == {
        "type": "idle_warning",
        "done": False,
        "complete": False,
        "session_id": str(visitor.session_id),
        "message": "G'day! Are you still there? I'm here if you need anything!",
        "response_id": warning["response_id"],
        "metadata": {"type": "idle_warning", "timeout_seconds": WARNING, "cursor": "2.0"},
    }
    assert end == {
        "type": "session_end",
        "done": False,
        "complete": True,
        "session_id": str(visitor.session_id),
        "message": "No worries! I'll end this session for now. "
        "Feel free to come back anytime if you need help!",
        "response_id": end["response_id"],
        "conversation_data": {},
        "metadata": {
            "type": "session_end",
            "reason": "idle_timeout",
            "cursor": "3.0",
            "timeout_seconds": END,
        },
    }


async def test_a_session_nobody_is_connected_to_ends_just_the_same(nodes: list[Service]) -> None:
    visitor = await nodes[0].start_session()

    await until(lambda: has_ended(visitor), "the session to end")

    assert [entry["who"] for entry in (await visitor.transcript())["entries"]] == ["warning", "service"]


async def test_a_message_takes_the_warning_back(nodes: list[Service]) -> None:
    visitor = await nodes[0].start_session()
    async with visitor.socket() as socket:
        await socket.receive_until("idle_warning")
        await socket.send(visitor.message("Here I am"))
        frames = await socket.receive_until("session_end")

    kinds = [frame["type"] for frame in frames]
    assert kinds == ["chunk", "chunk", "chunk", "complete", "idle_warning", "session_end"]


async def test_nobody_is_warned_while_a_reply_is_being_spoken(new_conninfo: str, data_dir: Path) -> None:
    puppet = Puppet()
    async with served(new_conninfo, data_dir, puppet, QUIET) as service:
        visitor, quiet = await service.start_session(), await service.start_session()
        async with visitor.socket() as socket:
            await socket.send(visitor.message("Let |pause me think"))
            await until(lambda: has_ended(quiet), "as much time to pass as a quiet session has")
            puppet.go_on("pause")
            frames = await socket.receive_until("complete")

    assert [frame["type"] for frame in frames] == ["chunk", "chunk", "chunk", "complete"]


async def test_a_restart_in_an_idle_spell_neither_repeats_nor_loses_a_warning(
    new_conninfo: str, data_dir: Path
) -> None:
    async with served(new_conninfo, data_dir, Puppet(), QUIET) as service:
        visitors = [await service.start_session() for _ in range(20)]
        await until(lambda: has_happened(new_conninfo, "idle_warning_issued.v1"), "the first to be warned")
    async with served(new_conninfo, data_dir, Puppet(), QUIET) as service:
        for visitor in visitors:
            visitor.service = service
            await until(lambda: has_ended(visitor), "the session to end")  # noqa: B023
        for visitor in visitors:
            told = [entry["who"] for entry in (await visitor.transcript())["entries"]]
            assert told == ["warning", "service"]


async def test_a_session_expires_by_itself_even_in_mid_reply(new_conninfo: str, data_dir: Path) -> None:
    async with served(new_conninfo, data_dir, Puppet(), {"VERBATIM_SESSION_TTL_SECONDS": "1"}) as service:
        visitor = await service.start_session()
        async with visitor.socket() as socket:
            await socket.send(visitor.message("A |never"))
            frames = await socket.receive_until("session_end")
            await socket.send(visitor.message("Hello?"))
            refused = await socket.receive()

    assert [frame["type"] for frame in frames] == ["chunk", "complete", "session_end"]
    assert frames[-1]["metadata"]["reason"] == "expired"
    assert refused["error"] == "Session has expired"


async def test_who_waits_for_a_reply_when_the_session_expires_is_told_so(
    new_conninfo: str, data_dir: Path
) -> None:
    async with served(new_conninfo, data_dir, Puppet(), {"VERBATIM_SESSION_TTL_SECONDS": "1"}) as service:
        visitor = await service.start_session()
        async with visitor.socket() as socket, service.http() as http:
            await socket.send(visitor.message("A |never"))
            await socket.receive_until("chunk")
            message = {"message": "And then?"}
            answer = await http.post(visitor.path + "/messages/", json=message, headers=visitor.headers)
        asked = [entry for entry in (await visitor.transcript())["entries"] if entry["who"] == "visitor"]

    assert (answer.status_code, answer.json()["code"]) == (410, "session_expired")
    assert [entry["left_unanswered"] for entry in asked] == [False, True], "it was accepted"


async def has_ended(visitor: Visitor) -> bool:
    return (await visitor.get()).json()["status"] == "idle_timeout"


async def has_happened(conninfo: str, topic: str) -> bool:
    rows = await asyncio.to_thread(
        execute, conninfo, "SELECT 1 FROM stored_events WHERE topic = %s LIMIT 1", topic
    )
    return bool(rows)
