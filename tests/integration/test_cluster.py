"""Two nodes on one database: whatever happens at one of them is seen at the other, once and in order."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from tests.support.puppet import Puppet
from tests.support.redis import RedisServer
from tests.support.service import Frame, Service, Visitor, served, text_of
from tests.support.waiting import until


class Cluster(NamedTuple):
    """Two nodes, and the assistant of each."""

    here: Service
    there: Service
    puppet: Puppet
    other_puppet: Puppet

    def at(self, node: Service, visitor: Visitor) -> Visitor:
        """The same visitor, at one of the nodes."""
        return Visitor(node, visitor.session_id, visitor.visitor_id)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["postgres", "redis", "no doorbell"])
async def cluster(request: pytest.FixtureRequest, conninfo: str, data_dir: Path) -> AsyncIterator[Cluster]:
    """For every way to be told of what other nodes record; the last is to look by oneself."""
    data_dir.mkdir(exist_ok=True)
    redis = RedisServer(data_dir)
    if request.param == "redis":
        await redis.start()
    settings = {"VERBATIM_CHUNK_WINDOW_MS": "20"}
    if request.param != "postgres":
        settings["REDIS_URL"] = redis.url
    here, there = Puppet(), Puppet()
    async with AsyncExitStack() as running:
        services = [
            await running.enter_async_context(served(conninfo, data_dir, puppet, settings))
            for puppet in (here, there)
        ]
        yield Cluster(services[0], services[1], here, there)
    await redis.kill()


async def test_what_is_said_at_one_node_is_told_at_the_other(cluster: Cluster) -> None:
    visitor = await cluster.here.start_session()
    elsewhere = cluster.at(cluster.there, visitor)

    async with visitor.socket() as one, elsewhere.socket() as other:
        await one.send(visitor.message("A |first novated lease ?More"))
        assert text_of([await one.receive()]) == text_of([await other.receive()]) == "A "
        cluster.puppet.go_on("first")
        here, there = await one.receive_until("complete"), await other.receive_until("complete")

    assert here == there
    assert text_of(here) == "novated lease "


async def test_a_reply_is_stopped_from_another_node_at_once(cluster: Cluster) -> None:
    visitor = await cluster.here.start_session()
    elsewhere = cluster.at(cluster.there, visitor)

    async with visitor.socket() as one:
        await one.send(visitor.message("A |never"))
        await one.receive()
        async with cluster.there.http() as http:
            stopped = await http.post(elsewhere.path + "/stop/", headers=elsewhere.headers)
        assert stopped.status_code == 204
        await until(lambda: cluster.puppet.speaking == 0, "the assistant to be stopped")
        last = (await one.receive_until("complete"))[-1]

    assert last["metadata"]["finish_reason"] == "stopped"


async def test_a_message_that_waits_is_answered_by_whoever_ended_the_reply_before(cluster: Cluster) -> None:
    visitor = await cluster.here.start_session()
    elsewhere = cluster.at(cluster.there, visitor)

    async with visitor.socket() as one, elsewhere.socket() as other:
        await one.send(visitor.message("A |never"))
        await other.receive()
        await other.send(elsewhere.message("Next"))
        await until(lambda: is_waiting(visitor), "the message to be recorded")
        await other.send({**elsewhere.message(""), "type": "stop"})
        frames = [*await one.receive_until("complete"), *await one.receive_until("complete")]

    assert [frame.get("message") for frame in frames if frame["type"] == "complete"] == ["A ", "Next "]


async def is_waiting(visitor: Visitor) -> bool:
    return [entry["who"] for entry in (await visitor.transcript())["entries"]].count("visitor") == 2


async def test_one_message_sent_to_both_nodes_at_once_is_said_and_answered_once(cluster: Cluster) -> None:
    visitor = await cluster.here.start_session()
    both = [visitor, cluster.at(cluster.there, visitor)]

    async def say(at: Visitor) -> Frame:
        async with at.service.http() as http:
            response = await http.post(
                at.path + "/messages/",
                headers=at.headers,
                json={"message": "Hello", "client_message_id": "m-1"},
            )
        assert response.status_code == 200, response.text
        return response.json()

    replies = await asyncio.gather(*(say(at) for at in both * 5))

    assert all(reply == replies[0] for reply in replies)
    kinds = Counter(entry["who"] for entry in (await visitor.transcript())["entries"])
    assert kinds == {"visitor": 1, "assistant": 1}


async def test_a_cursor_of_one_node_gives_exactly_the_rest_at_the_other(cluster: Cluster) -> None:
    visitor = await cluster.here.start_session()
    elsewhere = cluster.at(cluster.there, visitor)
    async with visitor.socket() as socket:
        await socket.send(visitor.message("One two |second three four"))
        before = [await socket.receive(), await socket.receive()]

    async with elsewhere.socket(after=before[-1]["metadata"]["cursor"]) as socket:
        cluster.puppet.go_on("second")
        rest = await socket.receive_until("complete")

    assert text_of(before) + text_of(rest) == rest[-1]["message"] == "One two three four "


async def test_a_session_deleted_at_one_node_is_over_at_the_other(cluster: Cluster) -> None:
    visitor = await cluster.here.start_session()
    elsewhere = cluster.at(cluster.there, visitor)

    async with visitor.socket() as socket:
        async with cluster.there.http() as http:
            await http.delete(elsewhere.path + "/", headers=elsewhere.headers)
        assert (await socket.receive())["type"] == "session_end"
        await socket.send(visitor.message("Hello?"))
        assert (await socket.receive())["error"] == "Session is not active"
