"""Streams of server-sent events, over real connections: how they begin, resume, stay open and end."""

import asyncio
import gc
from pathlib import Path

import httpx
import pytest

from tests.support.puppet import Puppet
from tests.support.rest import SSE, events_of, has_said, say
from tests.support.service import FAST, Service, Visitor, followers, served, server_sent, text_of
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("nothing_is_logged_as_an_error")


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

    async with asyncio.timeout(20):
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
