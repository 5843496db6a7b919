"""A page whose site may not chat, in a real browser: it is told so, and doesn't go on trying."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from tests.support.browser import Site, visit
from tests.support.puppet import Puppet
from tests.support.service import Service, served

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, data_dir: Path, puppet: Puppet) -> AsyncIterator[Service]:
    async with served(conninfo, data_dir, puppet) as service:
        yield service


async def test_a_visitor_of_a_site_that_may_not_chat_is_told_so(
    context: BrowserContext, service: Service, site: Site
) -> None:
    script = f'<script src="{service.url}/static/verbatim-chat.js"></script>'
    chat = await visit(context, site.add(f'<verbatim-chat mode="inline"></verbatim-chat>{script}'))

    await chat.say("Is anybody there?")

    await expect(chat.element).to_contain_text("The chat isn't allowed on this website.")
    await expect(chat.element.get_by_text("No connection")).to_have_count(0)


async def test_its_page_can_read_why_and_nothing_else(
    context: BrowserContext, service: Service, site: Site
) -> None:
    page = await context.new_page()
    await page.goto(site.add(""))
    somebody = await service.start_session()

    async def told(path: str, headers: dict[str, str]) -> object:
        return await page.evaluate(
            "([url, headers]) => fetch(url, { headers }).then(answer => answer.json(), error => error.name)",
            [service.url + path, headers],
        )

    refusal = await told(somebody.path + "/", somebody.headers)
    assert isinstance(refusal, dict)
    assert refusal["code"] == "origin_not_allowed"
    assert "VERBATIM_ALLOWED_ORIGINS" in refusal["detail"]
    for path, headers in (("/health/live", {}), ("/api/chats/nowhere/", {}), ("/api/audit/sessions/", {})):
        assert await told(path, headers) == "TypeError", "a browser tells its page nothing"
