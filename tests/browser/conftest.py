"""What tests in a browser share: the browser, a website of somebody else's, an assistant on strings."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, expect

from tests.support.browser import Site, browsing
from tests.support.puppet import Puppet
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
