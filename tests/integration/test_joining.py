"""How a socket joins sessions: where each begins, after which cursor, with other tabs, several at once."""

import asyncio
import json
from collections.abc import Mapping
from uuid import uuid4

import pytest
from websockets.asyncio.client import connect

from api.sockets import MAX_JOINED
from tests.support.operators import OPERATOR, SETTINGS
from tests.support.puppet import Puppet
from tests.support.service import (
    FAST,
    Frame,
    Service,
    Socket,
    Visitor,
    chunks,
    cursor,
    in_reply,
    server_sent,
    text_of,
)

pytestmark = pytest.mark.usefixtures("nothing_is_logged_as_an_error")


@pytest.fixture(scope="module")
def environment() -> Mapping[str, str]:
    return {**FAST, **SETTINGS}


# --- joining


async def test_a_socket_without_a_session_joins_one_with_its_first_message_there(service: Service) -> None:
    visitor = await service.start_session()

    async with visitor.socket(join=False) as socket:
        greeting = socket.greeting
        await socket.send(visitor.message("Hello there"))
        frames = await socket.receive_until("complete")

    assert greeting == {
        "type": "connected",
        "done": False,
        "complete": False,
        "metadata": {"status": "connected"},
    }
    assert text_of(frames) == "Hello there "


async def test_the_address_works_with_and_without_its_slash(service: Service) -> None:
    async with connect(service.ws_url.rstrip("/")) as connection:
        assert json.loads(await connection.recv())["type"] == "connected"


async def test_joining_by_frame_is_joining_by_url(service: Service) -> None:
    visitor = await service.start_session()
    async with visitor.socket() as socket:
        await socket.send(visitor.message("email=ann@example.com A novated lease"))
        first = (await socket.receive_until("complete"))[0]
    ids = {"session_id": str(visitor.session_id), "visitor_id": str(visitor.visitor_id)}

    async with visitor.socket(after=cursor(first)) as by_url, visitor.socket(join=False) as by_frame:
        from_url = [by_url.greeting, *await by_url.receive_until("complete")]
        await by_frame.send({"type": "join", "after": cursor(first), **ids})
        from_frame = await by_frame.receive_until("complete")

    assert from_frame == from_url
    assert from_frame[0]["conversation_data"] == {"email": "ann@example.com"}
    assert chunks(from_frame) == ["novated ", "lease "]


@pytest.fixture
async def finished(service: Service, puppet: Puppet) -> tuple[Visitor, list[Frame]]:
    """A visitor's reply of some words in several batches, and all its frames."""
    visitor = await service.start_session()
    one, two = f"one-{visitor.session_id}", f"two-{visitor.session_id}"
    async with visitor.socket() as socket:
        await socket.send(visitor.message(f"A |{one} novated lease is |{two} something "))
        frames = await in_reply(socket, 1)
        puppet.go_on(one)
        frames += await in_reply(socket, 3)
        puppet.go_on(two)
        frames += await socket.receive_until("complete")
    assert len({cursor(frame).split(".")[0] for frame in frames}) >= 4, "it is in several events"
    return visitor, frames


async def test_every_cursor_of_a_reply_gives_exactly_the_rest(finished: tuple[Visitor, list[Frame]]) -> None:
    visitor, frames = finished

    for position, frame in enumerate(frames):
        async with visitor.socket(after=cursor(frame)) as socket:
            assert cursor(socket.greeting) == cursor(frame)
            rest = [await socket.receive() for _ in frames[position + 1 :]]
            # Whatever came beside the rest would come before the answer to this.
            await socket.send(visitor.message("!"))
            end = await socket.receive()
        assert rest == frames[position + 1 :]
        assert end["metadata"]["code"] == "reply_failed"
        assert end["message_id"] != frame["message_id"]


async def test_every_place_within_a_word_gives_exactly_the_rest(
    finished: tuple[Visitor, list[Frame]],
) -> None:
    visitor, frames = finished
    text, end = text_of(frames), 0

    async with visitor.socket(join=False) as socket:
        for number, frame in enumerate(frames[:-1]):
            version, start, end = cursor(frame).split(".")[0], end, end + len(frame["chunk"])
            for place in range(start + 1, end):
                await socket.send(
                    {
                        "type": "join",
                        "session_id": str(visitor.session_id),
                        "visitor_id": str(visitor.visitor_id),
                        "after": f"{version}.{place}",
                    }
                )
                connected, half, *rest = await socket.receive_until("complete")
                assert connected["type"] == "connected"
                assert half == frame | {"chunk": text[place:end]}
                assert rest == frames[number + 1 :]


async def test_without_a_cursor_only_the_reply_in_progress_comes_from_its_start(
    service: Service, puppet: Puppet
) -> None:
    visitor = await service.start_session()
    async with visitor.socket() as first:
        await first.send(visitor.message("What was said before."))
        await first.receive_until("complete")
        await first.send(visitor.message("A novated |newcomer lease"))
        await in_reply(first, 2)

        async with visitor.socket() as second:
            before = await in_reply(second, 2)
            puppet.go_on("newcomer")
            after = await second.receive_until("complete")
        async with visitor.socket() as third:
            await third.send(visitor.message("Fence"))
            alone = await third.receive_until("complete")

    assert chunks(before) == ["A ", "novated "]
    assert chunks(after) == ["lease "]
    assert after[-1]["message"] == "A novated lease "
    assert chunks(alone) == ["Fence "], "what is finished is not replayed"


async def test_a_tab_that_comes_back_in_mid_reply_misses_nothing_and_gets_nothing_twice(
    service: Service, puppet: Puppet
) -> None:
    visitor = await service.start_session()
    async with visitor.socket() as socket:
        await socket.send(visitor.message("A novated |left lease |back is a way"))
        (*_, seen) = await in_reply(socket, 2)
    puppet.go_on("left")

    async with visitor.socket(after=cursor(seen)) as socket:
        meanwhile = await in_reply(socket, 1)
        puppet.go_on("back")
        rest = await socket.receive_until("complete")

    assert chunks(meanwhile + rest) == ["lease ", "is ", "a ", "way "]


async def test_joining_again_moves_the_follower_and_doesnt_double_it(
    service: Service, puppet: Puppet
) -> None:
    visitor = await service.start_session()
    join = {"type": "join", "session_id": str(visitor.session_id), "visitor_id": str(visitor.visitor_id)}
    async with visitor.socket() as socket:
        await socket.send(visitor.message("A novated |again lease"))
        await in_reply(socket, 2)
        for _ in range(5):
            await socket.send(join)
        for _ in range(5):
            await socket.receive_until("connected")
        puppet.go_on("again")
        rest = await socket.receive_until("complete")

    assert chunks(rest) == ["A ", "novated ", "lease "], "from the last greeting on, once"


async def test_an_empty_cursor_is_none_by_url_by_frame_and_over_sse(service: Service) -> None:
    visitor = await service.start_session()
    async with visitor.socket() as socket:
        present = socket.greeting["metadata"]["cursor"]

    url = visitor.join_url() + "&after="
    async with connect(url) as connection, visitor.socket(join=False) as by_frame:
        by_url = json.loads(await connection.recv())
        await by_frame.send({**visitor.message(""), "type": "join", "after": ""})
        joined = await by_frame.receive()
    async with (
        service.http() as http,
        http.stream("GET", visitor.path + "/stream/?after=", headers=visitor.headers) as response,
    ):
        streamed = await anext(server_sent(response))

    assert {by_url["metadata"]["cursor"], joined["metadata"]["cursor"], streamed.id} == {present}


async def test_an_expired_or_ended_session_can_still_be_joined_and_says_so(service: Service) -> None:
    visitor = await service.start_session()
    async with service.http() as http:
        await http.delete(visitor.path + "/", headers=visitor.headers)

    async with visitor.socket(after="1.0") as socket:
        assert socket.greeting["complete"] is True
        assert (await socket.receive())["type"] == "session_end"


# --- several tabs, several sessions


async def test_all_tabs_see_the_same_words_in_the_very_same_bytes_at_the_same_time(
    service: Service, puppet: Puppet
) -> None:
    visitor = await service.start_session()

    async def watch(socket: Socket, frames: int) -> list[bytes]:
        async with asyncio.timeout(20):
            return [await socket.connection.recv(decode=False) for _ in range(frames)]

    async with (
        visitor.socket() as sender,
        visitor.socket() as second,
        visitor.socket() as third,
        visitor.socket(join=False) as late,
    ):
        tabs = [sender, second, third]
        await sender.send(visitor.message("A novated |tabs lease"))
        shown = [await watch(tab, 2) for tab in tabs]
        await late.send(
            {"type": "join", "session_id": str(visitor.session_id), "visitor_id": str(visitor.visitor_id)}
        )
        await late.receive()
        shown.append(await watch(late, 2))
        assert shown.count(shown[0]) == 4, "everybody has seen the first words, and the reply goes on"
        puppet.go_on("tabs")
        ends = [await watch(tab, 2) for tab in [*tabs, late]]

    assert ends.count(ends[0]) == 4
    assert [json.loads(frame)["chunk"] for frame in shown[0]] == ["A ", "novated "]


async def test_one_socket_follows_several_sessions_up_to_a_limit(service: Service, puppet: Puppet) -> None:
    visitors = [await service.start_session() for _ in range(3)]

    async with visitors[0].socket() as socket:
        for number, visitor in enumerate(visitors):
            await socket.send(visitor.message(f"A |several number {number}"))
        puppet.go_on("several")
        frames: list[Frame] = []
        while sum(frame["type"] == "complete" for frame in frames) < 3:
            frames.append(await socket.receive())

        for number, visitor in enumerate(visitors):
            own = [frame for frame in frames if frame["session_id"] == str(visitor.session_id)]
            assert text_of(own) == own[-1]["message"] == f"A number {number} "

        for _ in range(MAX_JOINED - 3):
            another = await service.start_session()
            await socket.send(another.message("!"))
            assert (await socket.receive())["metadata"]["code"] == "reply_failed"
        one_more = await service.start_session()
        await socket.send(one_more.message("Hello"))
        refused = await socket.receive()
        assert (refused["type"], refused["metadata"]["code"]) == ("error", "too_many_sessions")
        assert refused["metadata"]["error_type"] == "processing_error"
        assert str(MAX_JOINED) in refused["error"]
        assert (await one_more.transcript())["entries"] == [], "what is refused is not recorded"

        await socket.send(visitors[0].message("Hello"))
        assert text_of(await socket.receive_until("complete")) == "Hello ", "the others are still followed"


async def test_sessions_that_have_ended_make_room_for_others_on_their_socket(service: Service) -> None:
    lasting, *ended = [await service.start_session() for _ in range(MAX_JOINED)]

    async with lasting.socket() as socket:
        for visitor in ended:
            await socket.send(visitor.message("bye"))
            await socket.receive_until("complete")
        for _ in range(MAX_JOINED - 1):
            another = await service.start_session()
            await socket.send(another.message("Hello"))
            assert text_of(await socket.receive_until("complete")) == "Hello "
        await socket.send((await service.start_session()).message("One too many"))
        assert (await socket.receive())["metadata"]["code"] == "too_many_sessions"

        await socket.send(lasting.message("Hello"))
        assert (await socket.receive_until("complete"))[-1]["session_id"] == str(lasting.session_id)


async def test_a_session_that_has_ended_makes_room_for_none_that_can_t_be_joined(service: Service) -> None:
    """What comes after its end is told as long as there is no need for its place."""
    visitors = [await service.start_session() for _ in range(MAX_JOINED)]
    unknown = {"type": "join", "session_id": str(uuid4()), "visitor_id": str(uuid4())}

    async with visitors[0].socket() as socket:
        for visitor in visitors:
            await socket.send(visitor.message("bye"))
            await socket.receive_until("complete")
        await socket.send(unknown)
        assert (await socket.receive())["metadata"]["code"] == "session_not_found"

        async with service.http() as http:
            await http.delete(f"/api/audit/visitors/{visitors[0].visitor_id}/", headers=OPERATOR)
        assert (await socket.receive_until("error"))[-1]["metadata"]["code"] == "session_erased"


@pytest.mark.parametrize("has_cursor", [False, True])
async def test_so_do_sessions_that_were_joined_after_their_end(service: Service, has_cursor: bool) -> None:
    visitors = [await service.start_session() for _ in range(MAX_JOINED + 1)]

    async with visitors[0].socket(join=False) as socket, service.http() as http:
        for visitor in visitors:
            ids = {"session_id": str(visitor.session_id), "visitor_id": str(visitor.visitor_id)}
            await http.delete(visitor.path + "/", headers=visitor.headers)
            after = (await visitor.get()).json()["cursor"] if has_cursor else None
            await socket.send({"type": "join", "after": after, **ids})
            assert (await socket.receive())["complete"]
