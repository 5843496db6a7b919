"""The widget in a real browser, on a page of another origin, against the real service."""

import re

import pytest
from playwright.async_api import BrowserContext, expect

from tests.support.browser import Opener, Site, visitor_of
from tests.support.puppet import Puppet
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")

IS_AT_END = "log => log.scrollHeight - log.scrollTop - log.clientHeight < 2"


async def test_one_script_tag_from_another_origin_is_enough(
    chat_on: Opener, context: BrowserContext, service: Service, site: Site
) -> None:
    chat = await chat_on()
    await chat.has_no_barriers()
    await chat.open()
    await expect(chat.field).to_be_focused()
    await chat.has_no_barriers()
    assert not [request for request in chat.requests if "sessions" in request], "looking costs no session"

    await chat.say("Good morning")
    await expect(chat.said).to_have_text("Good morning")
    await expect(chat.replies.last).to_have_text("Good morning ")
    await expect(chat.field).to_have_value("")
    await chat.has_no_barriers()

    assert await (await visitor_of(chat, service)).spoken() == ["Good morning "]
    assert chat.origins() == {site.origin, service.url}, "nothing is asked of anybody else"
    assert await context.cookies() == []
    assert (
        await chat.page.evaluate(
            "document.querySelector('verbatim-chat').shadowRoot.querySelectorAll('[style]').length"
        )
        == 0
    )


async def test_whoever_answers_is_introduced_by_the_service(chat_on: Opener, service: Service) -> None:
    async with service.http() as http:
        persona = (await http.get("/api/chats/persona/")).json()

    chat = await chat_on(mode="inline")
    await expect(chat.element.get_by_role("heading")).to_have_text(persona["name"])
    await expect(chat.replies.first).to_have_text(persona["greeting"])
    await chat.button(persona["suggestions"][0]).click()
    await expect(chat.said).to_have_text(persona["suggestions"][0])


async def test_a_reload_in_mid_reply_goes_on_with_it(chat_on: Opener, puppet: Puppet) -> None:
    chat = await chat_on(mode="inline")
    await chat.say("an earlier one")
    await expect(chat.button("Copy")).to_be_visible()
    await chat.say("before |reload after")
    await expect(chat.replies.last).to_have_text("before ")

    await chat.page.reload()
    await expect(chat.replies.last).to_have_text("before ")
    await expect(chat.said).to_have_text(["an earlier one", "before |reload after"])
    await expect(chat.news).to_have_text("")
    puppet.go_on("reload")
    await expect(chat.replies.last).to_have_text("before after ")
    await expect(chat.button("Good reply").last).to_be_visible()
    await expect(chat.news).to_have_text("before after ")
    assert len([request for request in chat.requests if request.startswith("POST")]) == 1


async def test_a_suggestion_is_said_by_a_click(chat_on: Opener) -> None:
    chat = await chat_on(mode="inline")
    await chat.say("some ?This")
    await expect(chat.button("This")).to_be_visible()
    await chat.has_no_barriers()

    await chat.button("Or this?").click()
    await expect(chat.said.last).to_have_text("Or this?")
    await expect(chat.button("This")).to_have_count(0)
    await expect(chat.field).to_be_focused()


async def test_words_are_shown_as_they_come_and_can_be_stopped(chat_on: Opener, puppet: Puppet) -> None:
    chat = await chat_on(mode="inline")
    await chat.say("|first one two |second three |never four")
    await expect(chat.typing).to_be_visible()
    await chat.has_no_barriers()
    puppet.go_on("first")
    await expect(chat.replies.last).to_have_text("one two ")
    await expect(chat.log).to_have_attribute("aria-busy", "true")
    await chat.has_no_barriers()

    words = "[...bubble.childNodes].find(node => node.nodeType === Node.TEXT_NODE && node.data)"
    await chat.replies.last.evaluate(f"bubble => window.drawn = {words}")
    puppet.go_on("second")
    await expect(chat.replies.last).to_have_text("one two three ")
    is_same = await chat.replies.last.evaluate(f"bubble => window.drawn === {words}")
    assert is_same, "what is read isn't drawn anew"

    await chat.button("Stop the reply").click()
    await expect(chat.log).to_contain_text("Stopped")
    await expect(chat.log).to_have_attribute("aria-busy", "false")
    await expect(chat.field).to_be_focused()
    await chat.has_no_barriers()


async def test_a_reply_is_rated_and_copied(
    chat_on: Opener, context: BrowserContext, service: Service
) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat = await chat_on(mode="inline")
    await chat.say("worth a thumb")
    await chat.button("Good reply").click()
    await expect(chat.button("Good reply")).to_have_attribute("aria-pressed", "true")
    await expect(chat.button("Bad reply")).to_have_attribute("aria-pressed", "false")
    await chat.button("Copy").click()
    await expect(chat.button("Copied")).to_be_visible()
    assert await chat.page.evaluate("navigator.clipboard.readText()") == "worth a thumb "

    visitor = await visitor_of(chat, service)
    events = await visitor.get("/events/")
    assert "feedback_given" in events.text
    await chat.page.reload()
    await expect(chat.button("Good reply")).to_have_attribute("aria-pressed", "true")


async def test_the_last_reply_may_end_the_conversation(chat_on: Opener) -> None:
    chat = await chat_on(mode="inline")
    await chat.say("see you bye")
    await expect(chat.log).to_contain_text("This conversation is complete.")
    await expect(chat.element.get_by_role("status").first).to_have_text("This conversation is complete.")
    await expect(chat.field).to_be_disabled()
    await expect(chat.log).to_be_focused()
    await expect(chat.button("Start a new conversation")).to_be_visible()
    await chat.has_no_barriers()


async def test_a_keyboard_is_enough(chat_on: Opener) -> None:
    chat = await chat_on()
    press = chat.page.keyboard.press
    await press("Tab")
    await expect(chat.launcher).to_be_focused()
    await press("Enter")
    await expect(chat.field).to_be_focused()
    await chat.page.keyboard.type("first line")
    await press("Shift+Enter")
    await chat.page.keyboard.type("second ?Next")
    await press("Enter")
    await expect(chat.said).to_have_text("first line\nsecond ?Next")
    await expect(chat.button("Next")).to_be_visible()
    for name in ("Or this?", "Next", "Bad reply", "Good reply", "Copy"):
        await press("Shift+Tab")
        await expect(chat.button(name)).to_be_focused()
    await press("Shift+Tab")
    await expect(chat.log).to_be_focused()
    await press("Escape")
    await expect(chat.launcher).to_be_focused()
    await expect(chat.field).to_be_hidden()


async def test_what_is_typed_is_no_shortcut_of_the_page(chat_on: Opener) -> None:
    chat = await chat_on()
    await chat.page.evaluate(
        """for (const name of ["keydown", "keypress", "keyup"]) document.addEventListener(name, event => {
          if (!event.target.matches("textarea")) event.preventDefault();
        })"""
    )
    await chat.open()
    await chat.page.keyboard.type("/search")
    await expect(chat.field).to_have_value("/search")
    await chat.page.keyboard.press("Escape")
    await expect(chat.field).to_be_hidden()


async def test_the_escape_that_ends_composing_a_character_closes_nothing(chat_on: Opener) -> None:
    chat = await chat_on()
    await chat.open()
    await chat.field.dispatch_event("keydown", {"key": "Escape", "keyCode": 229})  # as WebKit tells it
    assert await chat.property("chat.isOpen")
    await chat.field.press("Escape")
    await expect(chat.field).to_be_hidden()


async def test_the_enter_that_ends_composing_a_character_sends_nothing(
    chat_on: Opener, context: BrowserContext
) -> None:
    chat = await chat_on(mode="inline")
    await chat.field.focus()
    browser = await context.new_cdp_session(chat.page)
    await browser.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    for kind in ("rawKeyDown", "keyUp"):
        await browser.send("Input.dispatchKeyEvent", {"type": kind, **enter})
    await browser.send("Input.insertText", {"text": "日本"})
    await expect(chat.field).to_have_value("日本")
    await expect(chat.said).to_have_count(0)
    await chat.field.press("Enter")
    await expect(chat.said).to_have_text("日本")


async def test_a_finished_reply_is_announced_once_and_its_words_are_not(chat_on: Opener) -> None:
    chat = await chat_on(mode="inline")
    await chat.property(
        """{
          window.heard = [];
          const spoken = new Map();
          const hear = () => chat.shadowRoot.querySelectorAll("[role=status], [role=alert]").forEach(each => {
            const text = each.textContent.trim();
            if (text && text !== spoken.get(each)) heard.push(text);
            spoken.set(each, text);
          });
          const all = { subtree: true, childList: true, characterData: true };
          new MutationObserver(hear).observe(chat.shadowRoot, all);
        }"""
    )
    await chat.say("word*30")
    await expect(chat.button("Copy")).to_be_visible()
    await chat.say("word*30 ?or")
    await expect(chat.button("Copy")).to_have_count(2)
    heard = [text for text in await chat.page.evaluate("heard") if text != "Connecting"]
    assert heard == [" ".join(f"word{number}" for number in range(30))] * 2
    await expect(chat.log).to_have_attribute("aria-live", "off")


async def test_the_scroll_stays_where_the_reader_is(chat_on: Opener, puppet: Puppet) -> None:
    chat = await chat_on(mode="inline")
    await chat.say("word*400 |read more*400 |read2 end*200")
    await expect(chat.replies.last).to_contain_text("word399")
    assert await chat.log.evaluate(IS_AT_END), "whoever looks at the end goes on seeing it"

    await chat.log.hover()
    await chat.page.mouse.wheel(0, -300)
    latest = chat.button("Go to the latest message")
    await expect(latest).to_be_visible()
    top = await chat.log.evaluate("log => log.scrollTop")
    puppet.go_on("read")
    await expect(chat.replies.last).to_contain_text("more399")
    assert await chat.log.evaluate("log => log.scrollTop") == top

    await latest.click()
    await expect(latest).to_have_count(0)
    puppet.go_on("read2")
    await expect(chat.replies.last).to_contain_text("end199")
    await expect(chat.button("Copy")).to_be_visible()
    assert await chat.log.evaluate(IS_AT_END)


async def test_whoever_says_a_lot_sees_the_reply_to_it(chat_on: Opener) -> None:
    chat = await chat_on(mode="inline")
    await chat.say("\n".join(f"line {number}" for number in range(30)))
    await expect(chat.button("Copy")).to_be_visible()
    await expect(chat.button("Copy")).to_be_in_viewport(ratio=1)
    await expect(chat.button("Go to the latest message")).to_have_count(0)
    assert await chat.log.evaluate(IS_AT_END)


async def test_a_long_thread_shows_its_end_and_what_was_earlier_when_asked(
    chat_on: Opener, service: Service
) -> None:
    visitor = await service.start_session()
    async with visitor.socket() as socket:
        for number in range(130):
            await socket.send(visitor.message(f"number {number}"))
            await socket.receive_until("complete")
    ids = {"session-id": str(visitor.session_id), "visitor-id": str(visitor.visitor_id)}
    chat = await chat_on(mode="inline", **ids)
    await expect(chat.said.last).to_have_text("number 129")
    await expect(chat.said).to_have_count(100)

    await chat.log.evaluate("log => { log.scrollTop = 0 }")
    first = chat.said.filter(has_text=re.compile(r"^number 30$"))
    await expect(first).to_be_in_viewport()
    before = await first.bounding_box()
    await chat.button("Show earlier messages").focus()
    before = await first.bounding_box()
    await chat.page.keyboard.press("Enter")
    await expect(chat.said).to_have_count(130)
    await expect(chat.log).to_be_focused()
    after = await first.bounding_box()
    assert before
    assert after
    assert abs(after["y"] - before["y"]) < 2, "what is read stays where it is"
    await chat.has_no_barriers()
