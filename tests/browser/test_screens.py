"""What it looks like: pictures of the widget and of the page at `/`, in each look, for people to look at.

They are put into `artefacts/screens/`. What can be told of them without eyes is told here: that nothing hangs
out of the screen, and that axe finds every text readable, also in the dark.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.support.browser import Chat, Site, visit
from tests.support.service import Service, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCREENS = Path(__file__).parents[2] / "artefacts" / "screens"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LOOKS = [
    pytest.param(scheme, device, id=f"{scheme}-{name}")
    for scheme in ("light", "dark")
    for name, device in (("desktop", DESKTOP), ("phone", PHONE))
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, data_dir: Path, site: Site) -> AsyncIterator[Service]:
    quick = {"VERBATIM_WORDS_PER_SECOND": "400", "VERBATIM_ALLOWED_ORIGINS": site.origin}
    async with served(conninfo, data_dir, environment=quick) as service:
        yield service


async def converse(chat: Chat) -> None:
    await chat.say("What is a novated lease?")
    await expect(chat.button("Good reply")).to_be_visible()
    await chat.button("Good reply").click()
    await chat.say("Who owns the car?")
    await expect(chat.button("Good reply")).to_have_count(2)


async def is_fit_to_be_seen(chat: Chat, name: str) -> None:
    SCREENS.mkdir(parents=True, exist_ok=True)
    await chat.page.screenshot(path=SCREENS / f"{name}.png")
    assert await chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await chat.has_no_barriers()
    assert chat.faults == []


@pytest.mark.parametrize(("scheme", "device"), LOOKS)
async def test_the_widget_on_somebodys_page(
    browser: Browser, service: Service, site: Site, scheme: Any, device: dict[str, Any], request: Any
) -> None:
    url = site.add(
        f'<script src="{service.url}/static/verbatim-chat.js"></script><verbatim-chat></verbatim-chat>'
    )
    async with await browser.new_context(color_scheme=scheme, reduced_motion="reduce", **device) as context:
        chat = await visit(context, url)
        await chat.open()
        await converse(chat)

        await is_fit_to_be_seen(chat, f"widget-{request.node.callspec.id}")


@pytest.mark.parametrize(("scheme", "device"), LOOKS)
async def test_the_page_of_the_service(
    browser: Browser, service: Service, scheme: Any, device: dict[str, Any], request: Any
) -> None:
    async with await browser.new_context(color_scheme=scheme, reduced_motion="reduce", **device) as context:
        chat = await visit(context, service.url)
        await converse(chat)
        await expect(chat.page.locator("#events .title", has_text="Reply complete")).to_have_count(2)

        await is_fit_to_be_seen(chat, f"page-{request.node.callspec.id}")
