"""The widget and the page that it stands on: its policy, its looks, its script, its other pages."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from tests.support.browser import Opener, Serve, Site, visit
from tests.support.puppet import Puppet
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws:; img-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types lit-html dompurify"
)

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


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


async def test_where_its_policy_lets_nobody_draw_markdown_a_text_stays_a_text(
    context: BrowserContext, service: Service
) -> None:
    tag = "<verbatim-chat mode='inline' markdown></verbatim-chat>"
    script = "<script src='/static/verbatim-chat.js'></script>"
    page = f"<!doctype html><html lang='en'><title>Strict</title><body>{tag}{script}</body></html>"
    policy = STRICT.replace(" dompurify", "")
    headers = {"content-security-policy": policy, "content-type": "text/html"}
    await context.route("**/strict.html", lambda route: route.fulfill(body=page, headers=headers))
    chat = await visit(context, f"{service.url}/strict.html")
    await chat.say("**one**")
    await expect(chat.replies.last).to_have_text("**one** ")
    await expect(chat.news).to_have_text("**one** ")
    found_out = len(chat.faults)
    await chat.property("chat.client.reconnect()")
    await chat.say("**two**")
    await expect(chat.replies.last).to_have_text("**two** ")
    assert len(chat.faults) == found_out, "it is found out once"


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


async def test_of_several_replies_each_is_counted_and_read_out_once(chat_on: Opener, puppet: Puppet) -> None:
    chat = await chat_on()
    await chat.open()
    await chat.say("|several one")
    await chat.say("two")
    await expect(chat.said).to_have_count(2)
    await chat.button("Close the chat").click()
    puppet.go_on("several")
    await expect(chat.button("Open the chat: 2 new")).to_be_visible()
    await expect(chat.news.locator("> *")).to_have_text(["one ", "two "])
    await expect(chat.news).to_have_attribute("aria-atomic", "false")


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


async def test_where_a_page_opens_it_as_it_loads_it_is_open_however_it_was_left(
    context: BrowserContext, service: Service, site: Site
) -> None:
    script = f'<script src="{service.url}/static/verbatim-chat.js"></script><verbatim-chat></verbatim-chat>'
    chat = await visit(context, site.add(script))
    await chat.open()
    await chat.button("Close the chat").click()
    await expect(chat.field).to_be_hidden()

    opening = "<script>document.querySelector('verbatim-chat').open()</script>"
    await chat.page.goto(site.add(script + opening))
    await expect(chat.field).to_be_visible()
    await chat.page.goto(site.add(script))
    await expect(chat.field).to_be_visible()


async def test_all_of_a_conversation_is_printed_on_white(chat_on: Opener) -> None:
    chat = await chat_on(mode="inline", theme="dark")
    await chat.say("word*400")
    await expect(chat.button("Copy")).to_be_visible()
    hidden = "log => log.scrollHeight - log.clientHeight"
    assert await chat.log.evaluate(hidden) > 100
    await chat.page.emulate_media(media="print")
    assert await chat.log.evaluate(hidden) < 2
    await expect(chat.said).to_have_css("color", "rgb(24, 33, 31)")
