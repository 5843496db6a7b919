"""The widget in a real browser, on a page of another origin, against the real service."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Route, expect

from tests.support.browser import Chat, Site, attributes, visit
from tests.support.line import line_to
from tests.support.puppet import Puppet
from tests.support.service import Service, Visitor, served
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws:; img-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types lit-html dompurify"
)
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

IS_AT_END = "log => log.scrollHeight - log.scrollTop - log.clientHeight < 2"

Opener = Callable[..., Awaitable[Chat]]
Serve = Callable[..., AbstractAsyncContextManager[Service]]


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


async def hang(_: Route) -> None:
    """Answer nothing."""


async def visitor_of(chat: Chat, service: Service) -> Visitor:
    """Whom the widget chats for."""
    [session] = await chat.property("chat.client.sessions.map(each => ({...each}))")
    return Visitor(service, session["session_id"], session["visitor_id"])


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


async def test_what_is_said_while_the_line_is_cut_is_sent_when_it_is_mended(
    chat_on: Opener, service: Service
) -> None:
    async with line_to(service.port) as line:
        chat = await chat_on(mode="inline", service=line.url)
        await chat.say("before")
        await expect(chat.replies.last).to_have_text("before ")
        line.cut()
        await expect(chat.log.page.get_by_text("No connection. Trying again.")).to_be_visible()
        await chat.say("meanwhile")
        await expect(chat.log).to_contain_text("Will be sent when the connection is back")
        await chat.has_no_barriers()

        await chat.page.reload()
        await expect(chat.log).to_contain_text("meanwhile")
        line.mend()
        await chat.page.evaluate("dispatchEvent(new Event('online'))")
        await expect(chat.replies.last).to_have_text("meanwhile ")
        await expect(chat.said).to_have_text(["before", "meanwhile"])
        assert await (await visitor_of(chat, service)).spoken() == ["before ", "meanwhile "]


async def test_first_messages_wait_for_the_connection_as_well(chat_on: Opener, service: Service) -> None:
    async with line_to(service.port) as line:
        chat = await chat_on(mode="inline", service=line.url)
        line.cut()
        await chat.say("can you hear me")
        await chat.say("and now")
        await expect(chat.log).to_contain_text("Will be sent when the connection is back")
        await expect(chat.element.get_by_text("No connection. Trying again.")).to_be_visible()
        await chat.has_no_barriers()
        told, log = await chat.connection.bounding_box(), await chat.log.bounding_box()
        assert told
        assert log
        assert told["y"] + told["height"] <= log["y"], "it stands over no message"

        await chat.page.reload()
        await expect(chat.said).to_have_text(["can you hear me", "and now"])
        line.mend()
        await chat.page.evaluate("dispatchEvent(new Event('online'))")
        await expect(chat.replies.last).to_have_text("and now ")
        await expect(chat.said).to_have_text(["can you hear me", "and now"])
        await expect(chat.element.get_by_text("No connection. Trying again.")).to_have_count(0)
        assert await (await visitor_of(chat, service)).spoken() == ["can you hear me ", "and now "]


async def test_an_answer_over_http_that_does_not_come_holds_up_no_words(
    chat_on: Opener, context: BrowserContext
) -> None:
    chat = await chat_on(mode="inline")
    await chat.say("before")
    await expect(chat.replies.last).to_have_text("before ")

    await context.route(re.compile(r"/api/chats/(sessions/.+|persona)/$"), hang)
    await chat.page.reload()
    await expect(chat.said).to_have_text("before")
    await chat.say("after")
    await expect(chat.replies.last).to_have_text("after ")


async def test_what_could_not_be_fetched_is_fetched_when_the_network_is_back(
    chat_on: Opener, context: BrowserContext
) -> None:
    fetched = re.compile(r"/api/chats/persona/$|-markdown\.js")
    await context.route(fetched, lambda route: route.abort())
    chat = await chat_on(mode="inline", markdown="")
    await chat.say("**bold**")
    await expect(chat.replies.last).to_have_text("**bold** ")
    await expect(chat.element.get_by_role("heading")).to_have_text("Chat")

    await context.unroute(fetched)
    await chat.page.evaluate("dispatchEvent(new Event('online'))")
    await expect(chat.element.get_by_role("heading")).to_have_text("Alex")
    await chat.property("chat.client.reconnect()")
    await expect(chat.replies.last.locator("strong")).to_have_text("bold")


async def test_what_came_too_late_can_be_said_in_a_new_conversation(
    chat_on: Opener, service: Service
) -> None:
    async with line_to(service.port) as line:
        chat = await chat_on(mode="inline", service=line.url)
        await chat.say("in time")
        await expect(chat.replies.last).to_have_text("in time ")
        visitor = await visitor_of(chat, service)
        line.cut()
        await expect(chat.element.get_by_text("No connection. Trying again.")).to_be_visible()
        for text in ("too late", "as well"):
            await chat.say(text)
        async with service.http() as http:
            assert (await http.delete(f"{visitor.path}/", headers=visitor.headers)).is_success

        line.mend()
        await chat.page.evaluate("dispatchEvent(new Event('online'))")
        await expect(chat.element.get_by_text("Not sent. This conversation has ended.")).to_have_count(2)
        await expect(chat.alert).to_have_text("This conversation has ended.")
        await chat.has_no_barriers()
        await chat.button("Send in a new conversation").first.click()
        await expect(chat.replies.last).to_have_text("too late ")
        await expect(chat.said).to_have_text(["too late", "as well"])
        await expect(chat.log).to_contain_text("Not sent. The conversation before this one has ended.")
        await expect(chat.alert).to_have_text("")
        await chat.button("Try again").click()
        await expect(chat.replies.last).to_have_text("as well ")
        assert await (await visitor_of(chat, service)).spoken() == ["too late ", "as well "]


async def test_a_quiet_visitor_is_warned_sees_the_end_and_starts_again(chat_on: Opener, serve: Serve) -> None:
    async with serve(VERBATIM_IDLE_WARNING_SECONDS="1", VERBATIM_IDLE_END_SECONDS="5") as service:
        chat = await chat_on(mode="inline", service=service.url)
        await chat.say("and now nothing")
        await expect(chat.notices.first).to_contain_text("Are you still there?")
        await expect(chat.notices.first).to_contain_text(re.compile(r"ends soon.* · \d+:\d\d"))
        await expect(chat.notices.last).to_contain_text("I'll end this session for now")
        await expect(chat.field).to_be_disabled()
        await expect(chat.log).to_be_focused()
        await expect(chat.button("Start a new conversation")).to_be_visible()
        await chat.has_no_barriers()
        first = await visitor_of(chat, service)

        await chat.page.reload()
        await expect(chat.notices).to_have_count(2)
        await expect(chat.log).to_contain_text("because nothing was said for a while")
        await chat.button("Start a new conversation").click()
        await expect(chat.notices).to_have_count(0)
        await expect(chat.field).to_be_focused()
        await chat.say("here I am")
        await expect(chat.replies.last).to_have_text("here I am ")
        second = await visitor_of(chat, service)
        assert second.session_id != first.session_id
        assert second.visitor_id == first.visitor_id


async def test_the_last_reply_may_end_the_conversation(chat_on: Opener) -> None:
    chat = await chat_on(mode="inline")
    await chat.say("see you bye")
    await expect(chat.log).to_contain_text("This conversation is complete.")
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


async def test_it_runs_under_a_strict_policy_with_trusted_types(
    context: BrowserContext, service: Service
) -> None:
    """The policy is the browser's own; the page stands in for one that the service's host could have."""
    page = (
        "<!doctype html><html lang='en'><head><title>Strict</title></head><body><main><h1>Strict</h1>"
        "<verbatim-chat mode='inline' markdown></verbatim-chat></main>"
        "<script src='/static/verbatim-chat.js' async></script></body></html>"
    )
    headers = {
        "content-security-policy": STRICT,
        "permissions-policy": "clipboard-write=()",
        "content-type": "text/html",
    }
    await context.route("**/strict.html", lambda route: route.fulfill(body=page, headers=headers))
    await context.add_init_script(
        "window.violations = [];"
        "addEventListener('securitypolicyviolation', event => violations.push(event.violatedDirective))"
    )
    chat = await visit(context, f"{service.url}/strict.html")
    await chat.say(
        "# Title\n\n**bold** [link](https://elsewhere.example/) [bad](javascript:fail()) "
        "![picture](https://elsewhere.example/pixel.png) <style>*{display:none}</style> <iframe></iframe> "
        "<script>fail()</script> <details/open/ontoggle/onclick> <form><button>Pay</button></form>\n\n"
        "- [ ] open\n- [x] done"
    )
    reply = chat.replies.last
    await expect(reply.get_by_role("listitem")).to_have_text(["☐ open", "☑ done"])
    await expect(chat.news).to_have_text(re.compile(r"^Title bold link bad picture <style>.* ☐ open ☑ done$"))
    await chat.button("Copy").click()
    await expect(chat.alert).to_have_text("This browser doesn't let the reply be copied.")
    await expect(reply.locator("strong")).to_have_text(["Title", "bold"])
    await expect(reply.get_by_role("link")).to_have_attribute("rel", "noopener noreferrer nofollow")
    await expect(reply.locator("a", has_text="bad")).not_to_have_attribute("href", re.compile(""))
    harmful = reply.locator("h1, img, script, style, iframe, form, button, details, [onclick], [style]")
    await expect(harmful).to_have_count(0)
    await expect(reply).to_contain_text("picture <style>*{display:none}</style>")
    assert chat.origins() == {service.url}
    await expect(reply).to_have_css("border-top-left-radius", "18px")
    assert await chat.page.evaluate("violations") == []
    assert [fault for fault in chat.faults if "Clipboard API" not in fault] == []
    await chat.has_no_barriers()


async def test_the_policy_of_its_readme_is_all_that_it_needs(
    context: BrowserContext, service: Service, site: Site
) -> None:
    readme = (Path(__file__).parents[2] / "web/widget/README.md").read_text()
    policy = readme.split("## Content Security Policy")[1].split("```")[1].replace("\n", " ")
    for scheme in ("http", "ws"):
        policy = policy.replace(f"{scheme}s://chat.example", service.url.replace("http", scheme))
    tag = f'<script src="{service.url}/static/verbatim-chat.js"></script><verbatim-chat></verbatim-chat>'
    page = f"<!doctype html><html lang='en'><title>Strict</title><body>{tag}</body></html>"
    headers = {"content-security-policy": f"default-src 'none'; {policy}", "content-type": "text/html"}
    await context.route("**/readme.html", lambda route: route.fulfill(body=page, headers=headers))
    chat = await visit(context, f"{site.origin}/readme.html")
    await chat.open()
    await chat.say("Am I let in?")
    await expect(chat.replies.last).to_have_text("Am I let in? ")
    await expect(chat.replies.last).to_have_css("border-top-left-radius", "18px")
    assert chat.faults == []


async def test_it_turns_around_from_right_to_left(chat_on: Opener) -> None:
    chat = await chat_on(html='lang="ar" dir="rtl"', texts="{&quot;composer.label&quot;: &quot;رسالتك&quot;}")
    box = await chat.launcher.bounding_box()
    assert box
    assert box["x"] < 100, "the launcher is at the left"
    await chat.launcher.click()
    field = chat.element.get_by_role("textbox", name="رسالتك")
    await field.fill("ما هو؟")
    await field.press("Enter")
    await expect(chat.button("Copy")).to_be_visible()
    said, log = await chat.said.bounding_box(), await chat.log.bounding_box()
    assert said
    assert log
    assert said["x"] - log["x"] < 30, "what the visitor says is at the left"
    await chat.has_no_barriers()


async def test_on_a_phone_it_fills_the_screen_in_the_dark_as_well(
    browser: Browser, service: Service, site: Site
) -> None:
    async with await browser.new_context(**PHONE, color_scheme="dark", reduced_motion="reduce") as context:  # type: ignore[arg-type]
        source = f"{service.url}/static/verbatim-chat.js"
        tag = f'<script src="{source}" data-launcher data-heading="Ask us"></script>'
        chat = await visit(context, site.add(tag))
        await chat.launcher.tap()
        panel = chat.element.get_by_role("dialog", name="Ask us")
        assert await panel.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
        await expect(panel).to_have_attribute("aria-modal", "true")
        await expect(chat.launcher).to_be_hidden()
        await chat.button("Close the chat").focus()
        await chat.page.keyboard.press("Shift+Tab")
        await expect(chat.button("Send")).to_be_focused()
        await chat.page.keyboard.press("Tab")
        await expect(chat.button("Close the chat")).to_be_focused()
        await chat.say("Hello ?There")
        await chat.button("There").tap()
        await expect(chat.said).to_have_count(2)
        await expect(chat.button("Copy")).to_have_count(2)
        sizes = await chat.property(
            """[...chat.shadowRoot.querySelectorAll("button")].map(each => each.getBoundingClientRect())
              .filter(box => box.width).map(box => Math.min(box.width, box.height))"""
        )
        assert min(sizes) >= 24
        assert await chat.field.evaluate("field => parseFloat(getComputedStyle(field).fontSize)") >= 16
        await chat.has_no_barriers()


async def test_a_page_can_drive_it_and_is_told_what_happens(
    context: BrowserContext, service: Service, site: Site
) -> None:
    """The texts are set before the widget is there, the rest afterwards."""
    page = f"""<verbatim-chat></verbatim-chat>
        <script>
          document.querySelector("verbatim-chat").texts = {{ "composer.placeholder": "Frag uns" }};
          window.told = [];
          const names = ["open", "message", "session", "frame", "state"];
          for (const name of names)
            document.addEventListener(`verbatim-${{name}}`, event => told.push({{ name, ...event.detail }}));
        </script>
        <script src="{service.url}/static/verbatim-chat.js"></script>"""
    chat = await visit(context, site.add(page))
    await chat.property("{ chat.open(); chat.send('hello') }")
    await expect(chat.field).to_have_attribute("placeholder", "Frag uns")
    await expect(chat.replies.last).to_have_text("hello ")
    await chat.property("chat.close()")
    await expect(chat.field).to_be_hidden()

    told = await chat.page.evaluate("told")
    assert [each["isOpen"] for each in told if each["name"] == "open"] == [True, False]
    assert [(each["who"], each["text"]) for each in told if each["name"] == "message"] == [
        ("visitor", "hello"),
        ("assistant", "hello "),
    ]
    [session] = [each["session_id"] for each in told if each["name"] == "session"]
    assert session == (await chat.property("chat.client.sessions.at(-1).session_id"))
    assert {each["type"] for each in told if each["name"] == "frame"} >= {"message", "chunk", "complete"}
    assert [each["state"] for each in told if each["name"] == "state"][-1] == "open"

    append = """service => {
      const another = document.createElement("verbatim-chat");
      document.body.append(another);
      Object.assign(another, { mode: "inline", service });
    }"""
    async with chat.page.expect_request(f"{site.origin}/another/api/chats/persona/"):
        await chat.page.evaluate(append, f"{site.origin}/another")


async def test_a_page_makes_it_look_like_its_own(
    context: BrowserContext, service: Service, site: Site
) -> None:
    page = f"""<style>
          verbatim-chat {{ --verbatim-accent: rgb(1, 2, 3) }}
          verbatim-chat::part(launcher) {{ border-radius: 3px }}
          button, section {{ display: none; color: red }}
          * {{ color: #555; font: 30px/2.2 Georgia; letter-spacing: 9px; text-align: center; cursor: wait }}
        </style>
        <verbatim-chat theme="dark"></verbatim-chat>
        <script src="{service.url}/static/verbatim-chat.js"></script>"""
    chat = await visit(context, site.add(page))
    await expect(chat.launcher).to_have_css("background-color", "rgb(1, 2, 3)")
    await expect(chat.launcher).to_have_css("border-radius", "3px")
    await expect(chat.launcher).to_have_css("color-scheme", "dark")
    await chat.property("chat.theme = 'light'")
    await expect(chat.launcher).to_have_css("color-scheme", "light")
    await chat.open()
    heading = chat.element.get_by_role("heading")
    await expect(heading).to_have_css("color", "rgb(24, 33, 31)")
    await expect(heading).to_have_css("font-family", re.compile("^system-ui"))
    await expect(heading).to_have_css("letter-spacing", "normal")
    await expect(chat.element.locator("header")).to_have_css("line-height", "24px")
    await chat.property("chat.style.visibility = 'hidden'")
    await expect(heading).to_be_hidden()


@pytest.mark.parametrize("style", ["height: 300px", "--verbatim-height: 300px"])
async def test_in_the_page_it_is_as_high_as_the_page_has_it(chat_on: Opener, style: str) -> None:
    chat = await chat_on(mode="inline", style=style)
    await expect(chat.element).to_have_css("height", "300px")
    await expect(chat.element.locator(".panel")).to_have_css("height", "300px")


async def test_a_mistake_in_an_attribute_is_told_and_costs_nothing(
    context: BrowserContext, service: Service, site: Site
) -> None:
    tag = '<verbatim-chat mode="inline" service="127.0.0.1:8123" session-id="nope"></verbatim-chat>'
    script = f'<script src="{service.url}/static/verbatim-chat.js"></script>'
    chat = await visit(context, site.add(script + tag))
    await chat.say("Here all the same")
    await expect(chat.replies.last).to_have_text("Here all the same ")
    named = [re.findall(r'[\w-]+=".*?"', fault) for fault in chat.faults]
    assert named == [['service="127.0.0.1:8123"'], ['session-id="nope"'], ['visitor-id=""']]


async def test_a_page_that_is_not_let_in_is_told_so_and_whoever_made_it_what_to_do(
    context: BrowserContext, serve: Serve, site: Site
) -> None:
    async with serve(VERBATIM_ALLOWED_ORIGINS="https://other.example") as service:
        script = f'<script src="{service.url}/static/verbatim-chat.js"></script>'
        chat = await visit(context, site.add(f'{script}<verbatim-chat mode="inline"></verbatim-chat>'))
        await expect(chat.connection).to_have_text("The chat isn't allowed on this website.")
        await chat.has_no_barriers()
        [fault] = chat.faults
        assert "VERBATIM_ALLOWED_ORIGINS" in fault
        assert site.origin in fault


async def test_a_page_that_was_opened_as_a_file_is_told_that_it_has_no_origin(
    context: BrowserContext, service: Service, tmp_path: Path
) -> None:
    script = f'<script src="{service.url}/static/verbatim-chat.js"></script>'
    page = tmp_path / "shop.html"
    page.write_text(f'<!doctype html>{script}<verbatim-chat mode="inline"></verbatim-chat>')
    chat = await visit(context, page.as_uri())
    await expect(chat.connection).to_have_text("The chat isn't allowed on this website.")
    [fault] = chat.faults
    assert "open it over HTTP" in fault
    assert "VERBATIM_ALLOWED_ORIGINS" not in fault, "there is nothing to be named"


async def test_a_reply_that_comes_while_it_is_closed_is_counted_on_the_launcher(
    chat_on: Opener, puppet: Puppet
) -> None:
    chat = await chat_on()
    await chat.open()
    await chat.say("|closed news")
    await expect(chat.typing).to_be_visible()
    await chat.button("Close the chat").click()
    puppet.go_on("closed")
    await expect(chat.button("Open the chat: 1 new")).to_be_visible()
    await chat.has_no_barriers()
    await chat.launcher.click()
    await expect(chat.replies.last).to_be_in_viewport()


async def test_on_the_next_page_it_is_as_it_was_left(chat_on: Opener) -> None:
    chat = await chat_on()
    await chat.open()
    await chat.field.fill("half a thou")
    await chat.page.reload()
    await expect(chat.field).to_have_value("half a thou")
    await expect(chat.field).not_to_be_focused()
    await chat.button("Close the chat").click()
    await expect(chat.launcher).to_be_focused()
    await chat.page.reload()
    await expect(chat.launcher).to_be_visible()
    await expect(chat.field).to_be_hidden()


async def test_all_of_a_conversation_is_printed_on_white(chat_on: Opener) -> None:
    chat = await chat_on(mode="inline", theme="dark")
    await chat.say("word*400")
    await expect(chat.button("Copy")).to_be_visible()
    hidden = "log => log.scrollHeight - log.clientHeight"
    assert await chat.log.evaluate(hidden) > 100
    await chat.page.emulate_media(media="print")
    assert await chat.log.evaluate(hidden) < 2
    await expect(chat.said).to_have_css("color", "rgb(24, 33, 31)")


async def test_a_message_that_is_too_long_is_not_sent(chat_on: Opener) -> None:
    chat = await chat_on(mode="inline")
    await chat.field.fill("x" * 4003)
    await chat.field.press("Enter")
    await expect(chat.element.get_by_text("3 characters too many")).to_be_visible()
    await expect(chat.said).to_have_count(0)
    await chat.has_no_barriers()


async def test_a_reply_that_breaks_off_says_so_at_its_place(chat_on: Opener) -> None:
    chat = await chat_on(mode="inline")
    await chat.say("so far !")
    await expect(chat.log).to_contain_text("The reply broke off. Please ask again.")
    await expect(chat.replies.last).to_have_text("so far ")
    await expect(chat.alert).to_have_text("The reply broke off. Please ask again.")
    await chat.has_no_barriers()


async def test_a_visitor_who_was_erased_is_told_and_may_start_again(
    chat_on: Opener, service: Service, data_dir: Path
) -> None:
    chat = await chat_on(mode="inline")
    await chat.say("forget me")
    await expect(chat.button("Copy")).to_be_visible()
    visitor = await visitor_of(chat, service)
    async with service.http() as http:
        token = (data_dir / "operator.token").read_text().strip()
        path = f"/api/audit/visitors/{visitor.visitor_id}/"
        assert (await http.delete(path, headers={"Authorization": f"Bearer {token}"})).is_success
    await expect(chat.log).to_contain_text("This conversation was ended.")
    await expect(chat.element.get_by_text("No connection")).to_have_count(0)
    await chat.has_no_barriers()
    await chat.button("Start a new conversation").click()
    await expect(chat.said).to_have_count(0)
    await expect(chat.connection).to_have_count(0)
    await chat.say("Hello again")
    await expect(chat.replies.last).to_have_text("Hello again ")


async def is_refused(chat: Chat) -> None:
    """Wait until the session that the page has named is refused: what is said before is offered again."""

    async def is_forgotten() -> bool:
        return not await chat.property("chat.client.sessions.length")

    await until(is_forgotten, "the session to be refused")


async def test_a_session_that_is_not_there_any_more_is_forgotten_without_a_word(
    chat_on: Opener, service: Service
) -> None:
    ids = {"session-id": str(uuid4()), "visitor-id": str(uuid4())}
    chat = await chat_on(mode="inline", **ids)
    await is_refused(chat)
    await chat.say("Is anybody there")
    await expect(chat.replies.last).to_have_text("Is anybody there ")
    await expect(chat.said).to_have_count(1)
    assert str((await visitor_of(chat, service)).session_id) != ids["session-id"]


async def test_a_session_that_the_page_has_already_is_taken_up_however_its_ids_are_written(
    chat_on: Opener, service: Service
) -> None:
    visitor = await service.start_session()
    ids = {"session-id": visitor.session_id.hex.upper(), "visitor-id": visitor.visitor_id.hex}
    chat = await chat_on(mode="inline", **ids)
    await chat.say("Is it this one?")
    await expect(chat.replies.last).to_have_text("Is it this one? ")
    assert await visitor.spoken() == ["Is it this one? "]


async def test_a_session_of_somebody_else_is_no_place_to_speak_in(chat_on: Opener, service: Service) -> None:
    somebody = await service.start_session()
    ids = {"session-id": str(somebody.session_id), "visitor-id": str(uuid4())}
    chat = await chat_on(mode="inline", **ids)
    await is_refused(chat)
    await chat.say("Is this mine")
    await expect(chat.replies.last).to_have_text("Is this mine ")
    assert (await visitor_of(chat, service)).session_id != somebody.session_id
    assert await somebody.spoken() == []


async def test_a_session_that_has_expired_says_so_and_a_new_one_is_a_click_away(
    chat_on: Opener, serve: Serve
) -> None:
    async with serve(VERBATIM_SESSION_TTL_SECONDS="2") as service:
        chat = await chat_on(mode="inline", service=service.url)
        await chat.say("quickly")
        await expect(chat.replies.last).to_have_text("quickly ")
        await expect(chat.log).to_contain_text("This conversation has expired.")
        await expect(chat.field).to_be_disabled()
        await chat.has_no_barriers()
        await chat.button("Start a new conversation").click()
        await expect(chat.said).to_have_count(0)
        await expect(chat.field).to_be_focused()


async def test_nothing_at_all_cant_be_sent(chat_on: Opener) -> None:
    chat = await chat_on(mode="inline")
    await expect(chat.button("Send")).to_be_disabled()
    await chat.say("  \n ")
    await expect(chat.button("Send")).to_be_disabled()
    await chat.property("chat.send(' ')")
    await chat.property("chat.updateComplete")
    await expect(chat.said).to_have_count(0)
    assert not [request for request in chat.requests if "sessions" in request]


async def test_whoever_says_too_much_at_once_is_told_that_it_goes_on(chat_on: Opener, serve: Serve) -> None:
    async with serve(VERBATIM_MESSAGES_PER_MINUTE="1") as service:
        chat = await chat_on(mode="inline", service=service.url)
        await chat.say("one")
        await expect(chat.replies.last).to_have_text("one ")
        await chat.say("two")
        await expect(chat.alert).to_have_text("That was a lot at once. It goes on in a moment.")
        await expect(chat.said.last).to_have_text("two")
        await chat.has_no_barriers()
        await chat.button("Dismiss").click()
        await expect(chat.button("Dismiss")).to_have_count(0)
        await expect(chat.field).to_be_focused()


async def test_whoever_finds_no_place_is_told_and_let_in_when_there_is_one(
    chat_on: Opener, serve: Serve
) -> None:
    async with serve(VERBATIM_SOCKETS_PER_SESSION="1") as service:
        visitor = await service.start_session()
        ids = {"session-id": str(visitor.session_id), "visitor-id": str(visitor.visitor_id)}
        async with visitor.socket():
            chat = await chat_on(mode="inline", service=service.url, **ids)
            await expect(chat.alert).to_have_text("That was a lot at once. It goes on in a moment.")
        await chat.page.evaluate("dispatchEvent(new Event('online'))")
        await expect(chat.alert).to_have_text("")
        await chat.say("at last")
        await expect(chat.replies.last).to_have_text("at last ")


async def test_whoever_is_hung_up_on_for_good_is_told_why_and_may_try_again(
    chat_on: Opener, serve: Serve
) -> None:
    async with serve(VERBATIM_FRAMES_PER_SECOND="1") as service:
        chat = await chat_on(mode="inline", service=service.url)
        await chat.say("hello")
        await expect(chat.replies.last).to_have_text("hello ")
        await chat.property("{ for (let stop = 0; stop < 5; stop++) chat.client.stop().catch(() => null) }")
        await expect(chat.connection).to_contain_text("That was a lot at once.")
        await chat.has_no_barriers()
        await chat.button("Try again").click()
        await expect(chat.button("Try again")).to_have_count(0)
        await expect(chat.field).to_be_focused()
        assert await chat.property("chat.client.state") in ("connecting", "resuming", "open")


async def test_a_conversation_that_was_deleted_elsewhere_ends_here(chat_on: Opener, service: Service) -> None:
    chat = await chat_on(mode="inline")
    await chat.say("delete me")
    await expect(chat.button("Copy")).to_be_visible()
    visitor = await visitor_of(chat, service)
    async with service.http() as http:
        assert (await http.delete(f"{visitor.path}/", headers=visitor.headers)).is_success
    await expect(chat.log).to_contain_text("This conversation was ended.")
    await expect(chat.button("Start a new conversation")).to_be_visible()
