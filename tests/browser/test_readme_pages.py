"""What the README has for pages, as it stands there: on a plain page from another port, in a real browser."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page, expect

from tests.support.browser import Chat, Site, browsing
from tests.support.service import Service, served

README = (Path(__file__).parents[2] / "README.md").read_text()


def snippet(containing: str, service: Service) -> str:
    """The one block that holds this, with the service's own address in it."""
    blocks = re.findall(r"```html\n(.*?)```", README, re.DOTALL)
    (block,) = [block for block in blocks if containing in block]
    return block.replace("127.0.0.1:8000", f"127.0.0.1:{service.port}")


@asynccontextmanager
async def shop(containing: str, conninfo: str, data_dir: Path) -> AsyncIterator[Page]:
    """A page that has nothing but the snippet in it."""
    async with Site().open() as site:
        allowed = {"VERBATIM_ALLOWED_ORIGINS": site.origin, "VERBATIM_WORDS_PER_SECOND": "0"}
        async with served(conninfo, data_dir, environment=allowed) as service, browsing() as browser:
            site.pages["/shop.html"] = snippet(containing, service)
            page = await browser.new_page()
            await page.goto(f"{site.origin}/shop.html")
            yield page


async def test_the_two_lines_of_the_widget_are_enough_to_chat(new_conninfo: str, data_dir: Path) -> None:
    async with shop("<verbatim-chat>", new_conninfo, data_dir) as page:
        chat = Chat(page)
        await chat.open()
        await chat.say("Who owns the car?")
        await expect(chat.replies.last).to_contain_text("The financier buys the car")


async def test_the_lines_of_the_client_show_a_reply(new_conninfo: str, data_dir: Path) -> None:
    async with shop("createSession", new_conninfo, data_dir) as page:
        await expect(page.locator("body")).to_contain_text("A novated lease is a way to pay for a car")
