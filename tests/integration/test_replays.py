"""Replays: what was sent is sent once more, as it was and when it was, until they are live or over."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.sockets import SUBPROTOCOL
from tests.support.auditing import (
    SETTINGS,
    all_frames,
    completed,
    ends,
    path_of,
    replay_of,
    replay_url,
    replaying,
    says,
)
from tests.support.elsewhere import erased
from tests.support.operators import OPERATOR
from tests.support.puppet import Puppet
from tests.support.service import Frame, Socket, Visitor, followers, served, server_sent
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("nothing_is_logged_as_an_error")


@pytest.fixture(scope="module")
def environment() -> Mapping[str, str]:
    return SETTINGS


def as_live(frame: Frame) -> Frame:
    """A replayed frame as it was first sent."""
    assert frame["metadata"]["replay"] is True
    metadata = {name: value for name, value in frame["metadata"].items() if name != "replay"}
    return {**frame, "metadata": metadata}


async def stopped(visitor: Visitor, socket: Socket, puppet: Puppet) -> list[Frame]:
    await socket.send(visitor.message("A |never lease"))
    frames = await socket.receive_until("chunk")
    await socket.send({**visitor.message(""), "type": "stop"})
    frames += await socket.receive_until("complete")
    await ends(visitor)
    return [*frames, *await socket.receive_until("session_end")]


async def failed(visitor: Visitor, socket: Socket, puppet: Puppet) -> list[Frame]:
    frames = await says(visitor, socket, "A novated !")
    await ends(visitor)
    return [*frames, *await socket.receive_until("session_end")]


async def warned(visitor: Visitor, socket: Socket, puppet: Puppet) -> list[Frame]:
    return [*await says(visitor, socket, "Hello"), *await socket.receive_until("session_end")]


async def ended(visitor: Visitor, socket: Socket, puppet: Puppet) -> list[Frame]:
    await ends(visitor)
    return await socket.receive_until("session_end")


async def rated(visitor: Visitor, socket: Socket, puppet: Puppet) -> list[Frame]:
    frames = await says(visitor, socket, "A novated lease")
    await socket.send(visitor.feedback(frames[-1]["response_id"], "up", "Thanks"))
    frames += await says(visitor, socket, "And then?")
    await ends(visitor)
    frames += await socket.receive_until("session_end")
    await socket.send(visitor.feedback(frames[-2]["response_id"], "down"))
    await until(lambda: has_rating(visitor, "down"), "the rating to be recorded")
    return frames


async def interrupted_by_the_visitor(visitor: Visitor, socket: Socket, puppet: Puppet) -> list[Frame]:
    await socket.send(visitor.message(f"A |{visitor.session_id} lease"))
    frames = await socket.receive_until("chunk")
    await socket.send(visitor.message("Wait!", client_message_id="m-1"))
    frames += await socket.receive_until("accepted", "message")
    puppet.go_on(str(visitor.session_id))
    frames += await socket.receive_until("complete")
    frames += await socket.receive_until("complete")
    await ends(visitor)
    frames += await socket.receive_until("session_end")
    return [frame for frame in frames if frame["type"] != "accepted"]  # which answers the sender alone


async def has_rating(visitor: Visitor, rating: str) -> bool:
    return rating in [entry.get("rating") for entry in (await visitor.transcript())["entries"]]


@pytest.mark.parametrize(
    "happens", [completed, stopped, failed, warned, ended, rated, interrupted_by_the_visitor]
)
async def test_replay_is_live(
    visitor: Visitor, puppet: Puppet, happens: Callable[[Visitor, Socket, Puppet], Awaitable[list[Frame]]]
) -> None:
    """Invariant 5: the frames of a replay equal those that were sent, from every cursor, over both ways."""
    async with visitor.socket(subprotocol=SUBPROTOCOL) as socket:
        live = await happens(visitor, socket, puppet)

    replayed = await replay_of(visitor, speed="max")
    assert [as_live(event.frame) for event in replayed] == live
    assert [event.event for event in replayed] == [frame["type"] for frame in live]
    assert [event.id for event in replayed] == [frame["metadata"]["cursor"] for frame in live]
    for position, frame in enumerate(live, 1):
        cursor = frame["metadata"]["cursor"]
        events = await replay_of(visitor, speed="max", after=cursor)
        assert [as_live(event.frame) for event in events] == live[position:]
        url = replay_url(visitor, speed="max", after=cursor)
        async with connect(url, additional_headers=OPERATOR) as connection:
            assert [as_live(frame) for frame in await all_frames(connection)] == live[position:]
        assert connection.close_code == 1000


async def test_a_replay_takes_as_long_as_the_conversation(visitor: Visitor) -> None:
    async with visitor.socket() as socket:
        await warned(visitor, socket, Puppet())
    began = asyncio.get_running_loop().time()

    frames = [event.frame for event in await replay_of(visitor)]

    assert [frame["type"] for frame in frames][-2:] == ["idle_warning", "session_end"]
    assert asyncio.get_running_loop().time() - began >= 1.9, (
        "two seconds of silence, as the timers count them"
    )


async def test_a_replay_of_a_session_that_goes_on_becomes_live(visitor: Visitor, puppet: Puppet) -> None:
    name = str(uuid4())
    async with (
        visitor.socket(subprotocol=SUBPROTOCOL) as socket,
        replaying(visitor, speed="1000") as events,
        connect(replay_url(visitor, speed="1000"), additional_headers=OPERATOR) as connection,
    ):
        await socket.send(visitor.message(f"A |{name} lease bye"))
        for kind in ("message", "chunk"):
            assert (await anext(events)).event == kind
            assert (await Socket(connection).receive())["type"] == kind
        puppet.go_on(name)
        assert [event.event async for event in events] == ["chunk", "chunk", "complete"]
        assert [frame["type"] for frame in await all_frames(connection)] == ["chunk", "chunk", "complete"]
    assert connection.close_code == 1000


async def test_a_silence_is_kept_open_and_can_be_left_at_once(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.server_sent.KEEP_ALIVE_SECONDS", 0.05)
    async with visitor.socket() as socket:
        await says(visitor, socket, "Hello there")
    await ends(visitor)
    gc.collect()
    await until(lambda: followers() == 0, "earlier requests to be gone")

    async with visitor.service.http() as http:
        params = {"speed": "0.000001"}
        path = path_of(visitor, "replay")
        async with http.stream("GET", path, headers=OPERATOR, params=params) as response:
            lines = response.aiter_lines()
            while await anext(lines) != ": keep-alive":
                pass
            assert followers() == 1
        await until(lambda: followers() == 0, "the one who left to be gone")
    async with connect(replay_url(visitor, speed="0.000001"), additional_headers=OPERATOR) as connection:
        await Socket(connection).receive()
        assert followers() == 1
    await until(lambda: followers() == 0, "the other one to be gone")


async def test_last_event_id_counts_as_the_cursor(visitor: Visitor) -> None:
    async with visitor.socket(subprotocol=SUBPROTOCOL) as socket:
        live = await completed(visitor, socket, Puppet())
    headers = {**OPERATOR, "Last-Event-ID": live[2]["metadata"]["cursor"]}

    async with (
        visitor.service.http() as http,
        http.stream(
            "GET", path_of(visitor, "replay"), headers=headers, params={"speed": "max", "after": "0"}
        ) as response,
    ):
        events = [event async for event in server_sent(response)]

    assert [as_live(event.frame) for event in events] == live[3:]


async def test_a_service_that_stops_ends_its_replays_to_be_taken_up_elsewhere(
    new_conninfo: str, data_dir: Path
) -> None:
    async with served(new_conninfo, data_dir, Puppet(), SETTINGS) as service:
        visitor = await service.start_session()
        stream = asyncio.create_task(replay_of(visitor))
        connection = await connect(replay_url(visitor), additional_headers=OPERATOR)
        await until(lambda: followers() == 2, "both to follow")

    async with asyncio.timeout(20):
        assert await stream == []
        assert await close_code_of(connection) == 1012


async def close_code_of(connection: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed):
        await connection.recv()
    return connection.close_code


async def test_a_replay_ends_when_its_visitor_is_erased(
    visitor: Visitor, conninfo: str, data_dir: Path
) -> None:
    async with visitor.socket() as socket:
        await says(visitor, socket, "Hello there")

    async with replaying(visitor, speed="0.000001") as events:
        assert (await anext(events)).event == "message"
        await erased(visitor, conninfo, data_dir)
        *_, last = [event async for event in events]

    assert last.frame["metadata"]["code"] == "session_erased"
