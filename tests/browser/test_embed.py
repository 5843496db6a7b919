"""The page that tells how to put the chat on a website, one click from `/`: what it says to paste works."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from tests.support.browser import Chat, Site, faults_of, has_no_barriers
from tests.support.service import Service, served

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, data_dir: Path, site: Site) -> AsyncIterator[Service]:
    environment = {"VERBATIM_ALLOWED_ORIGINS": site.origin, "VERBATIM_WORDS_PER_SECOND": "0"}
    async with served(conninfo, data_dir, environment=environment) as service:
        yield service


@pytest_asyncio.fixture(loop_scope="module")
async def page(context: BrowserContext, service: Service) -> AsyncIterator[Page]:
    page = await context.new_page()
    faults = faults_of(page)
    await page.goto(service.url)
    await page.get_by_role("link", name="On your website").click()
    await expect(page.get_by_role("heading", name="On your website")).to_be_visible()
    yield page
    await has_no_barriers(page)
    assert faults == []


async def shop(page: Page, site: Site, snippet: str) -> Page:
    """Somebody's page that has nothing but a snippet in it."""
    site.pages["/shop.html"] = await page.get_by_label(snippet, exact=True).inner_text()
    shop = await page.context.new_page()
    await shop.goto(f"{site.origin}/shop.html")
    return shop


async def test_the_widget_can_be_pasted(page: Page, site: Site) -> None:
    chat = Chat(await shop(page, site, "The widget"))
    await chat.open()
    await chat.say("Who owns the car?")
    await expect(chat.replies.last).to_contain_text("The financier buys the car")


async def test_the_client_can_be_pasted(page: Page, site: Site) -> None:
    chat = await shop(page, site, "The client")
    await expect(chat.locator("body")).to_contain_text("A novated lease is a way to pay for a car")


async def test_the_setting_has_the_name_that_the_service_knows(page: Page) -> None:
    setting = await page.get_by_label("The setting", exact=True).inner_text()
    assert setting.startswith("VERBATIM_ALLOWED_ORIGINS=")
