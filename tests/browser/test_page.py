"""The page at `/` in a real browser: a newcomer chats, and sees the record of it as it is made."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.support.browser import Chat, browsing, visit
from tests.support.service import Service, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "What is a novated lease?"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, data_dir: Path) -> AsyncIterator[Service]:
    async with served(conninfo, data_dir, environment={"VERBATIM_WORDS_PER_SECOND": "40"}) as service:
        yield service


@pytest_asyncio.fixture(loop_scope="module")
async def chat(service: Service) -> AsyncIterator[Chat]:
    async with browsing() as browser, await browser.new_context(reduced_motion="reduce") as context:
        chat = await visit(context, service.url)
        yield chat
        assert chat.faults == []


async def count(chat: Chat, name: str) -> int:
    return int(await chat.page.locator(f"#{name}").inner_text())


async def test_a_newcomer_sees_every_event_of_the_conversation_and_no_word_lost_when_the_line_is_dropped(
    chat: Chat, service: Service
) -> None:
    page = chat.page
    await chat.say(QUESTION)
    await expect(chat.replies.last).to_contain_text("novated lease is")

    for drops in (1, 2, 3):
        await page.get_by_role("button", name="Drop the connection").click()
        await expect(page.locator("#drops")).to_have_text(str(drops))
        await expect(chat.element.get_by_text("No connection")).to_have_count(0)

    await expect(page.locator("#events .title").first).to_have_text(re.compile("Reply complete"))
    titles = [title.strip() for title in await page.locator("#events .title").all_inner_texts()]
    assert titles[-3:] == ["Reply begun", "You said", "Session started"]
    assert titles.count("Words") > 5
    versions = [int(version) for version in await page.locator("#events .version").all_inner_texts()]
    assert versions == list(range(len(versions), 0, -1))
    assert (await count(chat, "lost"), await count(chat, "doubled")) == (0, 0)
    assert await count(chat, "shown") > 50
    await chat.has_no_barriers()


async def test_a_reload_counts_no_word_twice(chat: Chat) -> None:
    await chat.say(QUESTION)
    await expect(chat.page.locator("#events .title").first).to_have_text(re.compile("Reply complete"))
    shown = await count(chat, "shown")

    await chat.page.reload()

    await expect(chat.page.locator("#shown")).to_have_text(str(shown))
    assert (await count(chat, "lost"), await count(chat, "doubled")) == (0, 0)


async def test_the_transcript_is_one_click_away(chat: Chat) -> None:
    await chat.say(QUESTION)
    await expect(chat.page.locator("#events .title").first).to_have_text(re.compile("Reply complete"))

    async with chat.page.expect_popup() as opened:
        await chat.page.get_by_role("button", name="Read the transcript").click()
    transcript = await opened.value

    await expect(transcript.get_by_text(QUESTION)).to_be_visible()
