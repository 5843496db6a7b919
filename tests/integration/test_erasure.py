"""Erasing a visitor: at any node, at once for all of them; and the receipt."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed

import api.erasure
from tests.support.operators import OPERATOR, SETTINGS
from tests.support.postgres import execute, tidied
from tests.support.projecting import kept_projecting
from tests.support.puppet import Puppet
from tests.support.service import FAST, Service, Visitor, complaints, served
from tests.support.waiting import until

ENVIRONMENT = {**SETTINGS, **FAST}
SOON = 2.0
"""Seconds after which no node says anything of a visitor who is erased."""


class Nodes(NamedTuple):
    """Two nodes, and the assistant of each."""

    here: Service
    there: Service
    puppet: Puppet
    other_puppet: Puppet

    def everywhere(self, visitor: Visitor) -> Sequence[Visitor]:
        """The same visitor, at each of the nodes."""
        return [Visitor(node, visitor.session_id, visitor.visitor_id) for node in (self.here, self.there)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nodes(conninfo: str, data_dir: Path) -> AsyncIterator[Nodes]:
    puppets = Puppet(), Puppet()
    async with AsyncExitStack() as running:
        here, there = [
            await running.enter_async_context(served(conninfo, data_dir, puppet, ENVIRONMENT))
            for puppet in puppets
        ]
        yield Nodes(here, there, *puppets)


@pytest.fixture(scope="module")
def projected(conninfo: str) -> Iterator[None]:
    with kept_projecting(conninfo):
        yield


async def erase(node: Service, visitor_id: UUID, headers: Mapping[str, str] = OPERATOR) -> httpx.Response:
    async with node.http() as http:
        return await http.delete(f"/api/audit/visitors/{visitor_id}/", headers=headers)


async def say(visitor: Visitor, text: str) -> httpx.Response:
    async with visitor.service.http() as http:
        return await http.post(visitor.path + "/messages/", json={"message": text}, headers=visitor.headers)


# --- at every node


@pytest.mark.usefixtures("projected")
@pytest.mark.parametrize("asked_here", [True, False])
async def test_a_live_socket_is_told_that_the_session_ends_and_is_closed(
    nodes: Nodes, asked_here: bool
) -> None:
    visitor = await nodes.there.start_session()
    async with visitor.socket() as socket:
        await socket.send(visitor.message("Secret |never"))
        await socket.receive()

        answer = await erase(nodes.here if asked_here else nodes.there, visitor.visitor_id)

        assert answer.status_code == 200, answer.text
        frames = await socket.receive_until("session_end")
        assert frames[0]["metadata"]["finish_reason"] == "stopped"
        told = await socket.receive()
        assert told["metadata"]["code"] == "session_erased"
        assert told["session_id"] == str(visitor.session_id), "a socket may follow others' sessions, too"
        with pytest.raises(ConnectionClosed):
            await socket.receive()
        assert socket.connection.close_code == 4410
    await until(lambda: nodes.other_puppet.speaking == 0, "the assistant to be stopped")


@pytest.mark.usefixtures("projected")
async def test_soon_no_node_gives_any_of_it_to_anybody(nodes: Nodes) -> None:
    visitor = await nodes.here.start_session()
    said = (await say(visitor, "Secret email=ann@example.com")).json()
    for one in nodes.everywhere(visitor):
        async with one.socket(after="0.0") as socket:  # so that each node knows all of it
            assert "Secret" in str(await socket.receive_until("complete"))

    await erase(nodes.here, visitor.visitor_id)

    for one in nodes.everywhere(visitor):
        await until(lambda one=one: is_forgotten(one, said["metadata"]["cursor"]), "a node to forget", SOON)


async def is_forgotten(visitor: Visitor, cursor: str) -> bool:
    """Whether every way to what was said is closed, and says nothing of it."""
    answers = [await visitor.get(path) for path in ("/", "/transcript/", "/stream/", "/stream/?after=1.0")]
    answers.append(await say(visitor, "Hello?"))
    async with visitor.socket(after=cursor) as socket:
        greeting = socket.greeting
    told = "".join(answer.text for answer in answers) + str(greeting)
    return (
        {answer.status_code for answer in answers} == {410}
        and greeting.get("metadata", {}).get("code") == "session_erased"
        and "Secret" not in told
        and "ann@example.com" not in told
    )


@pytest.mark.usefixtures("projected")
async def test_who_comes_back_with_the_old_id_is_somebody_new(nodes: Nodes) -> None:
    visitor = await nodes.here.start_session()
    await erase(nodes.there, visitor.visitor_id)

    async with nodes.here.http() as http:
        again = await http.post("/api/chats/sessions/", json={"visitor_id": str(visitor.visitor_id)})

    assert again.status_code == 201
    assert again.json()["visitor_id"] != str(visitor.visitor_id)


# --- the receipt


@pytest.mark.usefixtures("projected")
async def test_the_receipt_says_what_an_auditor_can_check_later(nodes: Nodes, conninfo: str) -> None:
    visitor = await nodes.here.start_session()
    await say(visitor, "Secret")

    receipt = (await erase(nodes.here, visitor.visitor_id)).json()

    (session,) = receipt.pop("sessions")
    head = await head_of(conninfo, visitor.session_id)
    assert (session["session_id"], session["version"], session["hash"]) == (
        str(visitor.session_id),
        *head[1:],
    )
    assert datetime.fromisoformat(session["erased_at"]) <= datetime.fromisoformat(receipt["erased_at"])
    assert receipt == {
        "visitor_id": str(visitor.visitor_id),
        "erased_at": receipt["erased_at"],
        "key": "destroyed",
        "position": head[0],
        "projections": "purged",
        "purged": [
            {"name": name, "position": head[0]}
            for name in ("analytics", "conversation_data", "sessions", "transcripts")
        ],
    }


async def head_of(conninfo: str, session_id: UUID) -> tuple[int, int, str]:
    """Position, version and hash of a session's last event, told from the table as an auditor would."""
    (row,) = execute(
        conninfo,
        "SELECT notification_id, originator_version, encode(sha256(uuid_send(originator_id) "
        "|| int8send(originator_version) || convert_to(topic, 'UTF8') || '\\x00'::bytea || state), 'hex') "
        "FROM stored_events WHERE originator_id = %s ORDER BY originator_version DESC LIMIT 1",
        session_id,
    )
    return row


@pytest.mark.usefixtures("projected")
async def test_whoever_asks_again_gets_the_same_receipt(nodes: Nodes) -> None:
    visitor = await nodes.here.start_session()
    async with nodes.here.http() as http:
        for _ in range(3):
            await http.post("/api/chats/sessions/", json={"visitor_id": str(visitor.visitor_id)})

    receipts = [(await erase(node, visitor.visitor_id)).json() for node in nodes[:2]]
    receipts += [
        answer.json()
        for answer in await asyncio.gather(*(erase(node, visitor.visitor_id) for node in nodes[:2]))
    ]

    assert receipts == [receipts[0]] * 4
    assert len(receipts[0]["sessions"]) == 4


@pytest.mark.usefixtures("projected")
async def test_who_isnt_known_can_t_be_erased_and_leaves_no_trace(nodes: Nodes, conninfo: str) -> None:
    nobody = uuid4()

    answer = await erase(nodes.here, nobody)

    assert (answer.status_code, answer.json()["code"]) == (404, "visitor_not_found")
    assert execute(conninfo, "SELECT count(*) FROM visitor_keys WHERE visitor_id = %s", nobody) == [(0,)]


async def test_only_operators_erase(nodes: Nodes) -> None:
    visitor = await nodes.here.start_session()

    for headers in ({}, visitor.headers, {"Authorization": f"Bearer {visitor.visitor_id}"}):
        answer = await erase(nodes.here, visitor.visitor_id, headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")

    assert (await visitor.get()).status_code == 200


async def test_where_nobody_projects_the_receipt_says_so_and_later_that_it_is_done(
    new_conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.erasure, "WAIT_SECONDS", 0.2)
    async with served(new_conninfo, tmp_path, Puppet(), ENVIRONMENT) as service:
        visitor = await service.start_session()
        pending = (await erase(service, visitor.visitor_id)).json()

        with kept_projecting(new_conninfo):
            await until(lambda: is_purged(service, visitor.visitor_id), "projections to forget")
        purged = (await erase(service, visitor.visitor_id)).json()
        await until(lambda: "visitor_keys" in tidied(new_conninfo), "tables to be tidied")

    assert (pending.pop("projections"), pending.pop("purged")) == ("pending", [])
    assert (purged.pop("projections"), len(purged.pop("purged"))) == ("purged", 4)
    assert pending == purged


async def is_purged(service: Service, visitor_id: UUID) -> bool:
    return (await erase(service, visitor_id)).json()["projections"] == "purged"


async def test_no_line_of_ours_has_the_visitor_even_where_an_erasure_breaks(
    new_conninfo: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(new_conninfo, tmp_path, Puppet(), ENVIRONMENT) as service:
        visitor = await service.start_session()
        execute(new_conninfo, "ALTER TABLE projections RENAME TO elsewhere")

        answer = await erase(service, visitor.visitor_id)

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    (line,) = complaints(caplog)
    assert line.startswith("DELETE /api/audit/visitors/{visitor_id")
    assert str(visitor.visitor_id) not in caplog.text
