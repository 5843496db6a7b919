"""The examples of `web/examples` in a real browser, on another website's port, against the real service."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.support.browser import Site, faults_of, has_no_barriers
from tests.support.line import line_to
from tests.support.nginx import free_port
from tests.support.puppet import Puppet
from tests.support.service import Service, Visitor, served
from tests.support.web import WEB, build, developing

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES = ["vanilla", "react", "vue"]


class Example:
    """An example's page, as a person meets it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.field = page.get_by_role("textbox", name="Your message")
        self.said = page.locator(".visitor")
        self.replies = page.locator(".assistant")
        self.queued = page.locator(".queued")
        self.notices = page.locator(".notice")
        self.state = page.get_by_role("status")
        self.alert = page.get_by_role("alert")
        self.faults = faults_of(page)
        self.sockets: list[str] = []
        page.on("websocket", lambda socket: self.sockets.append(socket.url))

    async def say(self, text: str) -> None:
        await self.field.fill(text)
        await self.field.press("Enter")
        await expect(self.field).to_have_value("")

    async def visitor(self, service: Service) -> Visitor:
        """Whom the page chats for."""
        kept = "Object.keys(sessionStorage).find(key => key.includes('session'))"
        session = await self.page.evaluate(f"JSON.parse(sessionStorage.getItem({kept}))")
        return Visitor(service, session["session_id"], session["visitor_id"])


Opener = Callable[..., Awaitable[Example]]


@pytest.fixture(scope="module")
def built() -> Path:
    return build("examples")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, data_dir: Path, puppet: Puppet, site: Site) -> AsyncIterator[Service]:
    settings = {
        "VERBATIM_ALLOWED_ORIGINS": site.origin,
        "VERBATIM_MESSAGES_PER_MINUTE": "10000",
    }
    async with served(conninfo, data_dir, puppet, settings) as service:
        yield service


@pytest.fixture(params=EXAMPLES)
def opened(
    request: pytest.FixtureRequest, built: Path, context: BrowserContext, service: Service, site: Site
) -> Iterator[Opener]:
    """Opens an example's page. None may complain of anything."""
    examples: list[Example] = []

    async def opened(address: str = service.url) -> Example:
        site.publish(built, address)
        site.publish(WEB / "examples/vanilla", address)
        path = "/index.html" if request.param == "vanilla" else f"/{request.param}/index.html"
        examples.append(Example(await context.new_page()))
        await examples[-1].page.goto(site.origin + path)
        return examples[-1]

    yield opened
    assert [fault for example in examples for fault in example.faults] == []


async def test_a_first_conversation_shows_each_reply_whole_and_once(
    opened: Opener, puppet: Puppet, service: Service, request: pytest.FixtureRequest
) -> None:
    wait = request.node.name  # the puppet remembers what it was told
    chat = await opened()
    await chat.say(f"Good |{wait} morning ?Really?")
    await expect(chat.replies).to_have_text("Good")
    await expect(chat.replies).to_have_attribute("aria-busy", "true")
    puppet.go_on(wait)
    await expect(chat.replies).to_have_text("Good morning")
    await expect(chat.replies).to_have_attribute("aria-busy", "false")
    await has_no_barriers(chat.page)

    await chat.page.get_by_role("button", name="Really?", exact=True).click()
    await expect(chat.said.last).to_have_text("Really?")
    await expect(chat.page.get_by_role("button")).to_have_text(["Send"])
    await expect(chat.replies).to_have_text(["Good morning", "Really?"])
    shown = await chat.replies.all_text_contents()
    assert [text.strip() for text in shown] == [
        text.strip() for text in await (await chat.visitor(service)).spoken()
    ]


async def test_one_socket_is_opened_and_stays_open(opened: Opener) -> None:
    chat = await opened()
    await expect(chat.state).to_have_text("open")
    await chat.say("hello")
    await expect(chat.replies).to_have_text("hello")
    await expect(chat.state).to_have_text("open")
    assert len(chat.sockets) == 1


async def test_a_reload_in_mid_reply_shows_all_of_it_once(
    opened: Opener, puppet: Puppet, service: Service, request: pytest.FixtureRequest
) -> None:
    wait = request.node.name
    chat = await opened()
    await chat.say("an earlier one")
    await expect(chat.replies).to_have_text("an earlier one")
    await chat.say(f"before |{wait} after")
    await expect(chat.replies.last).to_have_text("before")

    await chat.page.reload()
    await expect(chat.replies).to_have_text(["an earlier one", "before"])
    puppet.go_on(wait)
    await expect(chat.replies).to_have_text(["an earlier one", "before after"])
    await expect(chat.replies.last).to_have_attribute("aria-busy", "false")
    await expect(chat.said).to_have_text(["an earlier one", f"before |{wait} after"])
    assert await (await chat.visitor(service)).spoken() == ["an earlier one ", "before after "]


async def test_a_socket_that_is_dropped_in_mid_reply_loses_no_word_and_repeats_none(
    opened: Opener, puppet: Puppet, service: Service, request: pytest.FixtureRequest
) -> None:
    wait = request.node.name
    async with line_to(service.port) as line:
        chat = await opened(line.url)
        await chat.say(f"one two |{wait} three four")
        await expect(chat.replies).to_have_text("one two")
        line.cut()
        await expect(chat.state).to_have_text("offline")
        puppet.go_on(wait)

        line.mend()
        await chat.page.evaluate("dispatchEvent(new Event('online'))")
        await expect(chat.replies).to_have_text("one two three four")
        await expect(chat.replies).to_have_attribute("aria-busy", "false")
        assert await (await chat.visitor(service)).spoken() == ["one two three four "]
        assert len(chat.sockets) > 1, "it was dropped"


async def test_what_is_said_without_a_connection_waits_over_a_reload_and_is_said_once(
    opened: Opener, service: Service
) -> None:
    async with line_to(service.port) as line:
        chat = await opened(line.url)
        await chat.say("before")
        await expect(chat.replies).to_have_text("before")
        line.cut()
        await expect(chat.state).to_have_text("offline")
        await chat.say("meanwhile")
        await expect(chat.queued).to_have_text("meanwhile")
        await has_no_barriers(chat.page)

        line.mend()
        await chat.page.reload()
        await expect(chat.replies).to_have_text(["before", "meanwhile"])
        await expect(chat.said).to_have_text(["before", "meanwhile"])
        await expect(chat.queued).to_have_count(0)
        assert await (await chat.visitor(service)).spoken() == ["before ", "meanwhile "]


async def test_a_first_message_that_can_t_start_a_session_stays_in_the_field(
    opened: Opener, service: Service
) -> None:
    async with line_to(service.port) as line:
        chat = await opened(line.url)
        await expect(chat.state).to_have_text("open")
        line.cut()
        await expect(chat.alert).to_have_text("The connection has failed")
        await chat.field.fill("hello")
        await chat.field.press("Enter")
        await expect(chat.alert).to_contain_text("can't be reached")
        await expect(chat.field).to_have_value("hello")

        line.mend()
        await chat.page.evaluate("dispatchEvent(new Event('online'))")
        await expect(chat.state).to_have_text("open")
        await chat.field.press("Enter")
        await expect(chat.replies).to_have_text("hello")


async def test_what_is_typed_while_the_session_is_being_started_stays(
    opened: Opener, context: BrowserContext
) -> None:
    is_answered = asyncio.Event()

    async def slowly(route: Route) -> None:
        await is_answered.wait()
        await route.continue_()

    await context.route("**/api/chats/sessions/", slowly)
    chat = await opened()
    await chat.say("hello")
    await expect(chat.queued).to_have_text("hello")
    await chat.field.fill("half a thou")
    is_answered.set()
    await expect(chat.replies).to_have_text("hello")
    await expect(chat.said).to_have_text("hello")
    await expect(chat.field).to_have_value("half a thou")


async def test_after_the_end_of_a_session_the_next_message_starts_another_one(
    opened: Opener, service: Service
) -> None:
    chat = await opened()
    await chat.say("well then bye")
    await expect(chat.replies).to_have_text("well then bye")
    first = await chat.visitor(service)
    await chat.say("one more thing")
    await expect(chat.replies).to_have_text(["well then bye", "one more thing"])
    assert (await chat.visitor(service)).session_id != first.session_id


async def test_a_visitor_who_was_erased_goes_on_as_somebody_new(
    opened: Opener, service: Service, data_dir: Path
) -> None:
    chat = await opened()
    await chat.say("forget me")
    await expect(chat.replies).to_have_text("forget me")
    first = await chat.visitor(service)
    async with service.http() as http:
        token = (data_dir / "operator.token").read_text().strip()
        path = f"/api/audit/visitors/{first.visitor_id}/"
        assert (await http.delete(path, headers={"Authorization": f"Bearer {token}"})).is_success
    await expect(chat.state).to_have_text("failed")

    await chat.say("hello again")
    await expect(chat.replies.last).to_have_text("hello again")
    assert (await chat.visitor(service)).visitor_id != first.visitor_id


async def test_a_developer_is_served_all_of_them(context: BrowserContext) -> None:
    page = await context.new_page()
    faults = faults_of(page)
    async with developing("examples", free_port()) as url:
        for name in EXAMPLES[1:]:  # the first takes its client from a service, at its usual address
            await page.goto(f"{url}/{name}/")
            await expect(page.get_by_role("textbox", name="Your message")).to_be_visible()
            await expect(page.get_by_role("status")).not_to_have_text("idle")
    assert faults == []
