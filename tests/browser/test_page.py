"""The page at `/` in a real browser: a newcomer chats, and sees the record of it as it is made."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Route, expect

from tests.support.browser import Chat, visit
from tests.support.service import Service, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "What is a novated lease?"
PHONE = {"width": 390, "height": 844}
ZOOMED_IN = {"width": 320, "height": 640}
EVENTS = re.compile(r"/events/\?")
TRANSCRIPT = re.compile(r"/transcript/")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, data_dir: Path) -> AsyncIterator[Service]:
    async with served(conninfo, data_dir, environment={"VERBATIM_WORDS_PER_SECOND": "40"}) as service:
        yield service


@pytest_asyncio.fixture(loop_scope="module")
async def chat(context: BrowserContext, service: Service) -> AsyncIterator[Chat]:
    chat = await visit(context, service.url)
    yield chat
    assert chat.faults == []


async def count(chat: Chat, name: str) -> int:
    return int(await chat.page.locator(f"#{name}").inner_text())


async def is_on_record(chat: Chat) -> None:
    await expect(chat.page.locator("#events .title").first).to_have_text(re.compile("Reply complete"))


async def test_a_newcomer_sees_every_event_of_the_conversation_and_no_word_lost_when_the_line_is_dropped(
    chat: Chat, service: Service
) -> None:
    page = chat.page
    await expect(page.get_by_text("Nothing is on record yet.")).to_be_visible()
    await chat.has_no_barriers()
    await chat.say(QUESTION)
    await expect(chat.replies.last).to_contain_text("novated lease is")
    await expect(page.get_by_text("Nothing is on record yet.")).to_be_hidden()

    for drops in (1, 2, 3):
        await page.get_by_role("button", name="Drop the connection").click()
        await expect(page.locator("#drops")).to_have_text(str(drops))
        await expect(chat.element.get_by_text("No connection")).to_have_count(0)

    await is_on_record(chat)
    titles = [title.strip() for title in await page.locator("#events .title").all_inner_texts()]
    assert titles[-3:] == ["Reply begun", "You said", "Session started"]
    assert titles.count("Words") > 5
    versions = [int(version) for version in await page.locator("#events .version").all_inner_texts()]
    assert versions == list(range(len(versions), 0, -1))
    assert (await count(chat, "lost"), await count(chat, "doubled")) == (0, 0)
    assert await count(chat, "shown") > 50
    await chat.has_no_barriers()


async def test_a_reload_counts_no_word_twice_and_the_record_is_asked_for_seldom(chat: Chat) -> None:
    await chat.say(QUESTION)
    await is_on_record(chat)
    shown = await count(chat, "shown")
    asked = sum(bool(EVENTS.search(request)) for request in chat.requests)
    assert asked < await chat.page.locator("#events .title", has_text="Words").count()

    await chat.page.reload()

    await expect(chat.page.locator("#shown")).to_have_text(str(shown))
    assert (await count(chat, "lost"), await count(chat, "doubled")) == (0, 0)


@pytest.mark.parametrize("size", [PHONE, ZOOMED_IN], ids=["phone", "zoomed in"])
async def test_on_a_phone_the_button_and_the_count_are_where_the_word_is_and_where_its_line_is(
    chat: Chat, size: Any
) -> None:
    await chat.page.set_viewport_size(size)
    await chat.say(QUESTION)
    # Until then, lines that come in above push the first one out of sight.
    await is_on_record(chat)
    for seen in (chat.replies.last, chat.page.locator("#events li").first):
        await seen.scroll_into_view_if_needed()
        await expect(seen).to_be_in_viewport()
        await expect(chat.page.get_by_role("button", name="Drop the connection")).to_be_in_viewport(ratio=1)
        await expect(chat.page.locator("#shown")).to_be_in_viewport(ratio=1)


async def test_whoever_starts_again_has_an_empty_record_and_count(chat: Chat, service: Service) -> None:
    await chat.say("Who owns the car?")
    await is_on_record(chat)
    await chat.page.get_by_role("button", name="Drop the connection").click()
    await expect(chat.page.locator("#drops")).to_have_text("1")
    [session] = await chat.property("chat.client.sessions")
    async with service.http() as http:
        headers = {"X-Visitor-Id": session["visitor_id"]}
        assert (
            await http.delete(f"/api/chats/sessions/{session['session_id']}/", headers=headers)
        ).is_success

    await chat.button("Start a new conversation").click()

    await expect(chat.page.get_by_text("Nothing is on record yet.")).to_be_visible()
    await expect(chat.page.locator("#events li")).to_have_count(0)
    for counted in ("shown", "drops"):
        await expect(chat.page.locator(f"#{counted}")).to_have_text("0")
    await expect(chat.page.get_by_text("press it in the middle of a word")).to_be_visible()
    await expect(chat.page.get_by_role("button", name="Read the transcript")).to_be_disabled()
    await chat.say("Who owns the car?")
    await is_on_record(chat)
    await expect(chat.page.locator("#lost")).to_have_text("0")


async def test_a_record_that_is_refused_for_now_is_read_a_little_later(chat: Chat) -> None:
    refused: list[str] = []

    async def refuse_once(route: Route) -> None:
        if refused:
            await route.fallback()
        else:
            refused.append(route.request.url)
            await route.fulfill(status=429, json={"code": "rate_limited"})

    await chat.page.route(EVENTS, refuse_once)
    await chat.say("Who owns the car?")

    await is_on_record(chat)
    assert refused


async def test_the_transcript_is_one_click_away_and_can_be_reloaded_an_hour_later(chat: Chat) -> None:
    await chat.page.clock.install()
    await chat.say(QUESTION)
    await is_on_record(chat)

    async with chat.page.expect_popup() as opened:
        await chat.page.get_by_role("button", name="Read the transcript").click()
    transcript = await opened.value
    await expect(transcript.get_by_text(QUESTION)).to_be_visible()

    await chat.page.clock.fast_forward("01:00:00")
    await transcript.reload()
    await expect(transcript.get_by_text(QUESTION)).to_be_visible()


async def test_a_transcript_that_cant_be_read_leaves_no_empty_tab_but_says_so(chat: Chat) -> None:
    await chat.say("Who owns the car?")
    await is_on_record(chat)

    for failure in (lambda route: route.fulfill(status=503, body="{}"), lambda route: route.abort()):
        await chat.page.route(TRANSCRIPT, failure)
        async with chat.page.expect_popup() as opened:
            await chat.page.get_by_role("button", name="Read the transcript").click()
        tab = await opened.value
        if not tab.is_closed():
            await tab.wait_for_event("close")
        await expect(chat.page.get_by_text("The transcript can't be read right now.")).to_be_visible()
        await chat.page.unroute(TRANSCRIPT)
