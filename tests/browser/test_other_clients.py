"""Clients that others have made, as they are, on another website's page, against the real service.

`web/other-clients` has a page for each, with no more than a configuration; the class that the specification
prints is in `specification.js`.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, WebSocket, expect

from tests.support.browser import Site, faults_of
from tests.support.line import line_to
from tests.support.postgres import TestServer
from tests.support.puppet import Puppet
from tests.support.service import Service, Visitor, served
from tests.support.waiting import until
from tests.support.web import build

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEARTBEATS = ["vueuse", "react-use-websocket"]
SPECIFIED = Path(__file__).with_name("specification.js").read_text()
TOLD = """<script>
const told = [];
const chat = new ChatWebSocket("SOCKET");
chat.setOnMessage((message) => told.push(message));
chat.setOnError((error) => told.push({ type: "error", error: error.message ?? error.type }));
chat.connect();
</script>"""
"""What is made with the class, as the specification makes it."""
WARNING = "Are you still there?"


class Client:
    """A page with a client, and what goes over its sockets."""

    def __init__(self, page: Page, visitor: Visitor) -> None:
        self.page = page
        self.visitor = visitor
        self.faults = faults_of(page)
        self.sockets: list[WebSocket] = []
        self.sent: list[Any] = []
        self.received: list[Any] = []
        page.on("websocket", self._watch)

    def _watch(self, socket: WebSocket) -> None:
        self.sockets.append(socket)
        socket.on("framesent", lambda frame: self.sent.append(frame))
        socket.on("framereceived", lambda frame: self.received.append(frame))

    async def say(self, text: str) -> None:
        field = self.page.get_by_role("textbox")
        await field.fill(text)
        await field.press("Enter")

    @property
    def pings(self) -> int:
        return self.sent.count("ping")

    @property
    def pongs(self) -> int:
        return sum('"type":"pong"' in frame for frame in self.received)


class Specified(Client):
    """A page with the specification's class: what its callbacks are told."""

    async def is_connected(self, times: int) -> None:
        await until(lambda: sum('"connected"' in frame for frame in self.received) >= times, "a greeting")

    async def say(self, text: str, session_id: object = None) -> None:
        ids = [str(session_id or self.visitor.session_id), str(self.visitor.visitor_id)]
        await self.page.evaluate("told.length = 0; said => chat.sendMessage(...said)", [text, *ids])

    async def told(self, last: str) -> list[Any]:
        """All since something was said, once one of this type is the last."""
        await self.page.wait_for_function(f"told.at(-1)?.type === '{last}'")
        return await self.page.evaluate("told")


Opener = Callable[..., Awaitable[Client]]


@pytest.fixture(scope="module")
def built() -> Path:
    return build("other-clients")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, data_dir: Path, puppet: Puppet, site: Site) -> AsyncIterator[Service]:
    async with served(conninfo, data_dir, puppet, {"VERBATIM_ALLOWED_ORIGINS": site.origin}) as service:
        yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def impatient(
    postgres: TestServer, template: str, tmp_path_factory: pytest.TempPathFactory, site: Site
) -> AsyncIterator[Service]:
    """A service that warns after a second of silence: perhaps before anything was said, too."""
    settings = {
        "VERBATIM_ALLOWED_ORIGINS": site.origin,
        "VERBATIM_IDLE_WARNING_SECONDS": "1",
        "VERBATIM_IDLE_END_SECONDS": "60",  # a page may take long to load
    }
    conninfo, folder = postgres.new_database(template), tmp_path_factory.mktemp("impatient")
    async with served(conninfo, folder, Puppet(), settings) as service:
        yield service


@pytest.fixture
def opened(context: BrowserContext, service: Service, site: Site, built: Path) -> Iterator[Opener]:
    """Opens a client's page, for a session that was started before. No such page may complain of anything."""
    clients: list[Client] = []

    async def opened(name: str, service: Service = service) -> Client:
        site.publish(built, service.url)
        visitor = await service.start_session()
        clients.append(Client(await context.new_page(), visitor))
        query = f"session_id={visitor.session_id}&visitor_id={visitor.visitor_id}"
        await clients[-1].page.goto(f"{site.origin}/{name}.html?{query}")
        return clients[-1]

    yield opened
    assert [fault for client in clients for fault in client.faults] == []


@pytest.fixture
def specified(context: BrowserContext, service: Service, site: Site) -> Iterator[Opener]:
    """Opens a page with the specification's class, on the socket at this address."""
    clients: list[Specified] = []

    async def specified(service: Service = service, url: str | None = None) -> Specified:
        page = site.add(f"<script>{SPECIFIED}</script>{TOLD.replace('SOCKET', url or service.ws_url)}")
        clients.append(Specified(await context.new_page(), await service.start_session()))
        await clients[-1].page.goto(page)
        await clients[-1].is_connected(1)
        return clients[-1]

    yield specified
    assert [fault for client in clients for fault in client.faults] == []


@pytest.mark.parametrize("name", HEARTBEATS)
async def test_a_hook_is_given_the_whole_reply_once(name: str, opened: Opener, puppet: Puppet) -> None:
    client = await opened(name)
    lines = client.page.locator("p")
    await client.say(f"a b |{name} c")
    await expect(lines).to_have_text("a b")
    puppet.go_on(name)
    await expect(lines).to_have_text(["a b c", ""])
    assert await client.visitor.spoken() == ["a b c "]


@pytest.mark.parametrize("name", HEARTBEATS)
async def test_a_heartbeat_is_answered_and_keeps_the_socket_and_not_the_session_from_going_quiet(
    name: str, opened: Opener, impatient: Service
) -> None:
    client = await opened(name, impatient)
    await client.say("and now nothing")
    await expect(client.page.get_by_text("and now nothing")).to_be_visible()
    await until(lambda: client.pongs > 3, "it to beat")
    await until(client.visitor.is_warned, "a warning after the reply, however often it beats")
    await expect(client.page.get_by_text(WARNING).last).to_be_visible()
    beats = client.pongs

    await until(lambda: client.pongs > beats + 3, "it to go on beating")
    assert client.pings - client.pongs <= 1
    assert [socket.is_closed() for socket in client.sockets] == [False]
    assert await client.visitor.spoken() == ["and now nothing "]


async def test_deep_chat_shows_each_reply_whole_and_once_as_it_comes(opened: Opener, puppet: Puppet) -> None:
    client = await opened("deep-chat")
    replies = client.page.locator(".ai-message-text")
    await client.say("a b |deep-chat c")
    await expect(replies).to_have_text("a b")
    puppet.go_on("deep-chat")
    await expect(replies).to_have_text("a b c")
    await client.say("d e")
    await expect(replies).to_have_text(["a b c", "d e"])
    assert await client.visitor.spoken() == ["a b c ", "d e "]


async def test_deep_chat_shows_a_warning_beside_the_replies(opened: Opener, impatient: Service) -> None:
    client = await opened("deep-chat", impatient)
    replies = client.page.locator(".ai-message-text")
    await client.say("before")
    await expect(replies.get_by_text(re.compile("^before$"))).to_be_visible()
    await expect(replies.last).to_contain_text(WARNING)
    await client.say("after")
    await expect(replies.get_by_text(re.compile("^after$"))).to_be_visible()
    # It may draw itself twice at the start, and opens a socket each time.
    assert not any(socket.is_closed() for socket in client.sockets)


async def test_the_specification_s_class_is_told_all_that_it_asks_for(
    specified: Callable[..., Awaitable[Specified]],
) -> None:
    client = await specified()
    await client.say("Hello there name=Ann ?Why")
    *words, end = await client.told("complete")

    [spoken] = await client.visitor.spoken()
    assert "".join(word["chunk"] for word in words) == spoken == "Hello there "
    assert {word["type"] for word in words} == {"chunk"}
    assert {word["done"] for word in words} == {False}
    assert {word["messageId"] for word in words} == {end["messageId"]}
    assert end["conversationData"] == {"name": "Ann"}
    assert end["suggestions"] == ["Why", "Or this?"]
    assert (end["complete"], end["needsInfo"]) == (False, None)


async def test_the_specification_s_class_bears_a_warning_which_it_doesn_t_know(
    specified: Callable[..., Awaitable[Specified]], impatient: Service
) -> None:
    client = await specified(impatient)
    await client.say("Hello")
    await client.told("complete")
    await until(lambda: any("idle_warning" in frame for frame in client.received), "the warning")
    await client.say("Still here")
    *words, _ = await client.told("complete")
    assert "".join(word["chunk"] for word in words) == "Still here "
    assert len(client.sockets) == 1


async def test_the_specification_s_class_is_told_what_is_wrong_in_its_words_and_goes_on(
    specified: Callable[..., Awaitable[Specified]],
) -> None:
    client = await specified()
    await client.say("Hello", session_id=uuid4())
    assert (await client.told("error"))[-1]["error"] == "Session not found"
    await client.say("   ")
    assert (await client.told("error"))[-1]["error"] == "message is required"
    await client.say("Hello")
    assert (await client.told("complete"))[-1]["responseId"]
    assert len(client.sockets) == 1


async def test_the_specification_s_class_is_there_again_after_its_socket_was_dropped_in_mid_reply(
    specified: Callable[..., Awaitable[Specified]], puppet: Puppet, service: Service
) -> None:
    async with line_to(service.port) as line:
        client = await specified(url=line.url.replace("http", "ws") + "/ws/chat/")
        await client.say("a |dropped b")
        await client.told("chunk")
        line.drop()
        await client.is_connected(2)
        puppet.go_on("dropped")
        await until(lambda: _is_spoken(client, "a b "), "the reply to end")

        await client.say("c d")
        *words, _ = await client.told("complete")
        assert "".join(word["chunk"] for word in words) == "c d "
        assert await client.visitor.spoken() == ["a b ", "c d "]


async def _is_spoken(client: Client, text: str) -> bool:
    return text in await client.visitor.spoken()
