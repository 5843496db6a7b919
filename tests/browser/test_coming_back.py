"""What a visitor sees in a real browser when the service dies in mid-reply, and what in a second tab."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from tests.support.browser import Site, visit, visitor_of
from tests.support.nginx import free_port
from tests.support.puppet import Puppet
from tests.support.service import Service, ServiceProcess, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "What is a novated lease?"


async def test_a_service_that_is_killed_and_started_again_in_mid_reply_says_the_whole_reply_once(
    context: BrowserContext, new_conninfo: str, data_dir: Path, tmp_path: Path
) -> None:
    settings = {
        "DATABASE_URL": new_conninfo,
        "VERBATIM_DATA_DIR": str(data_dir),
        "VERBATIM_WORDS_PER_SECOND": "40",
    }
    process = ServiceProcess(settings, tmp_path / "log", port=free_port())
    service = await process.start()
    chat = await visit(context, service.url)
    page = chat.page
    await chat.say(QUESTION)
    await expect(chat.replies.last).to_contain_text("A novated lease is a way")

    await process.kill()
    shown = (await chat.replies.last.inner_text()).strip()
    await process.start()

    await expect(page.locator("#events .title", has_text="Reply complete")).to_be_visible(timeout=30_000)
    _greeting, *replies = [" ".join(text.split()) for text in await chat.replies.all_inner_texts()]
    transcript = await (await visitor_of(chat, service)).transcript()
    asked, *said = transcript["entries"]
    assert replies == [" ".join(entry["text"].split()) for entry in said]
    assert (asked["text"], [entry["outcome"] for entry in said]) == (QUESTION, ["failed", "completed"])
    assert replies[0].startswith(shown), "what was shown is on the record, and still there"
    assert replies[1].startswith(replies[0])
    assert replies[1].endswith("come back to you.")
    await expect(chat.said).to_have_text(QUESTION)
    assert [await page.locator(f"#{faults}").inner_text() for faults in ("lost", "doubled")] == ["0", "0"]
    assert chat.faults == []
    assert await process.stop() == 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, data_dir: Path, puppet: Puppet, site: Site) -> AsyncIterator[Service]:
    environment = {"VERBATIM_ALLOWED_ORIGINS": site.origin}
    async with served(conninfo, data_dir, puppet, environment) as service:
        yield service


async def test_a_tab_that_joins_in_mid_reply_and_the_one_before_show_all_that_is_said_in_either(
    context: BrowserContext, service: Service, puppet: Puppet, site: Site
) -> None:
    script = f'<script src="{service.url}/static/verbatim-chat.js"></script>'
    first = await visit(context, site.add(f'{script}<verbatim-chat mode="inline"></verbatim-chat>'))
    await first.say("one |join two |leave three")
    await expect(first.replies.last).to_have_text("one ")
    visitor = await visitor_of(first, service)
    ids = f'session-id="{visitor.session_id}" visitor-id="{visitor.visitor_id}"'

    second = await visit(context, site.add(f'{script}<verbatim-chat mode="inline" {ids}></verbatim-chat>'))
    await expect(second.replies.last).to_have_text("one ")
    puppet.go_on("join")
    for tab in (first, second):
        await expect(tab.replies.last).to_have_text("one two ")
    puppet.go_on("leave")
    for tab in (first, second):
        await expect(tab.replies.last).to_have_text("one two three ")

    await second.say("and four")
    await expect(first.said.last).to_have_text("and four")
    await first.say("and five")
    for tab in (first, second):
        await expect(tab.replies.last).to_have_text("and five ")
        await expect(tab.said).to_have_text(["one |join two |leave three", "and four", "and five"])
        _greeting, *replies = await tab.replies.all_text_contents()
        assert replies == await visitor.spoken()
        assert tab.faults == []
