"""What tests in a browser share: it, another website with the widget on it, an assistant on strings."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, expect

from tests.support.browser import Chat, Opener, Serve, Site, attributes, browsing, visit
from tests.support.puppet import Puppet
from tests.support.service import Service, served
from tests.support.waiting import DEADLINE


@pytest.fixture(scope="session", autouse=True)
def patience() -> None:
    """As long as elsewhere, for what is expected."""
    expect.set_options(timeout=DEADLINE * 1000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with browsing() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A visitor's browser, in which nothing moves."""
    async with await browser.new_context(reduced_motion="reduce") as context:
        yield context


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Site]:
    async with Site().open() as site:
        yield site


@pytest.fixture(scope="module")
def puppet() -> Puppet:
    return Puppet()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, data_dir: Path, puppet: Puppet, site: Site) -> AsyncIterator[Service]:
    allowed = {"VERBATIM_ALLOWED_ORIGINS": site.origin, "VERBATIM_MESSAGES_PER_MINUTE": "10000"}
    async with served(conninfo, data_dir, puppet, allowed) as service:
        yield service


@pytest.fixture
def chat_on(context: BrowserContext, service: Service, site: Site) -> Iterator[Opener]:
    """Opens a page of the other website with the widget on it. No such page may complain of anything."""
    chats: list[Chat] = []

    async def opened(html: str = 'lang="en"', **given: str) -> Chat:
        script = f'<script src="{service.url}/static/verbatim-chat.js" async></script>'
        body = f"{script}<verbatim-chat {attributes(given)}></verbatim-chat>"
        chats.append(await visit(context, site.add(body, html=html)))
        return chats[-1]

    yield opened
    assert [fault for chat in chats for fault in chat.faults] == []


@pytest.fixture
def serve(new_conninfo: str, tmp_path: Path, site: Site) -> Serve:
    """Runs a service of the test's own, with these settings, for the other website."""
    return lambda **settings: served(
        new_conninfo, tmp_path, Puppet(), {"VERBATIM_ALLOWED_ORIGINS": site.origin, **settings}
    )
