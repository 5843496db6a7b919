"""The widget when something is wrong, or over: nothing that was said is lost, and there is a way on."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.support.browser import Chat, Opener, Serve, visitor_of
from tests.support.line import line_to
from tests.support.service import Service
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def hang(_: Route) -> None:
    """Answer nothing."""


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


async def test_one_that_was_taken_off_its_page_asks_for_nothing_until_it_is_put_back(
    chat_on: Opener, context: BrowserContext
) -> None:
    chat = await chat_on(mode="inline")
    await expect(chat.element.get_by_role("heading")).to_have_text("Alex")
    asked = len(chat.requests)
    # What it has begun goes on: it is drawn once more.
    await chat.page.evaluate(
        """async () => {
          const chat = window.taken = document.querySelector("verbatim-chat");
          chat.remove();
          chat.markdown = true;
          await chat.updateComplete;
        }"""
    )
    assert chat.requests[asked:] == []
    async with chat.page.expect_request(re.compile("-markdown.js$")), chat.page.expect_request("**/persona/"):
        await chat.page.evaluate("document.body.append(taken)")


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
        for text in ("too late", "as well", "never mind"):
            await chat.say(text)
        async with service.http() as http:
            assert (await http.delete(f"{visitor.path}/", headers=visitor.headers)).is_success

        line.mend()
        await chat.page.evaluate("dispatchEvent(new Event('online'))")
        await expect(chat.element.get_by_text("Not sent. This conversation has ended.")).to_have_count(3)
        await expect(chat.alert).to_have_text("This conversation has ended.")
        await chat.has_no_barriers()
        await chat.button("Send in a new conversation").first.click()
        await expect(chat.replies.last).to_have_text("too late ")
        await expect(chat.log).to_contain_text("Not sent. The conversation before this one has ended.")
        await expect(chat.alert).to_have_text("")
        await chat.page.reload()
        await expect(chat.said).to_have_text(["too late", "as well", "never mind"])
        await chat.has_no_barriers()
        await chat.button("Dismiss").last.click()
        await expect(chat.said).to_have_text(["too late", "as well"])
        await expect(chat.field).to_be_focused()
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


async def test_a_message_that_is_too_long_is_not_sent(chat_on: Opener) -> None:
    chat = await chat_on(mode="inline")
    await chat.field.fill("x" * 4003)
    await chat.field.press("Enter")
    await expect(chat.element.get_by_text("3 characters too many")).to_be_visible()
    await expect(chat.alert).to_have_text("This message is too long. Please shorten it.")
    await expect(chat.said).to_have_count(0)
    await chat.has_no_barriers()
    await chat.say("x" * 4000)
    await expect(chat.said).to_have_count(1)
    await expect(chat.alert).to_have_text("")


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


async def test_a_first_message_that_must_wait_its_turn_is_told_so_and_not_that_there_is_no_connection(
    chat_on: Opener, serve: Serve
) -> None:
    async with serve(VERBATIM_SESSIONS_PER_MINUTE="1") as service:
        await service.start_session()
        chat = await chat_on(mode="inline", service=service.url)
        await chat.say("my turn?")
        await expect(chat.alert).to_have_text("That was a lot at once. It goes on in a moment.")
        await expect(chat.log).to_contain_text("Sending")
        await expect(chat.element.get_by_text("No connection")).to_have_count(0)


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
    await expect(chat.element.get_by_role("status").first).to_have_text("This conversation was ended.")
