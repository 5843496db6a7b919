"""OpenAIAssistant against a server on a real socket: what it is asked, says, and keeps to itself."""

import asyncio
import logging
import time
import traceback
from contextlib import aclosing

import pytest

from domain.assistant import (
    Details,
    Finished,
    NeedsInfo,
    Prompt,
    Suggestions,
    Text,
)
from domain.events import Usage
from domain.session import Turn
from tests.support.hearing import KEY, hear
from tests.support.openai_server import (
    DONE,
    Answer,
    cut,
    delta,
    event,
    reports,
    says,
    stall,
    status,
    stream,
    usage,
)
from tests.support.waiting import until

# --- the words


async def test_it_streams_the_words_then_says_what_it_found_and_ends(server, assistant):
    server.replies = [says("Hello ", "Ann, ", "fine.", tokens=(20, 3))]
    server.reports = [
        reports(
            {
                "details": {"name": "Ann", "email": None},
                "needs_info": True,
                "suggestions": ["What does it cost?", "Who are you?"],
                "session_complete": False,
            }
        )
    ]

    heard = await hear(assistant, "I'm Ann. A quote, please")

    assert heard.said == [
        Text("Hello "),
        Text("Ann, "),
        Text("fine."),
        Details({"name": "Ann"}),
        NeedsInfo(True),
        Suggestions(("What does it cost?", "Who are you?")),
        Finished("stop", Usage(20, 3)),
    ]


async def test_its_name_says_whose_words_they_are(assistant):
    assert assistant.name == "openai:tiny"


async def test_a_word_is_heard_before_the_next_one_is_sent(server, assistant):
    go_on = asyncio.Event()
    server.replies = [stream(delta("One "), go_on, delta("two."), delta(finish_reason="stop"), DONE)]

    async with aclosing(assistant.answer(Prompt("Count"))) as answer:
        first = await anext(answer)
        go_on.set()
        second = await anext(answer)

    assert (first, second) == (Text("One "), Text("two."))


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_a_reply_that_was_cut_says_why(server, assistant, reason):
    server.replies = [says("And so on", finish_reason=reason)]

    heard = await hear(assistant)

    assert heard.said[-1] == Finished(reason, Usage(12, 3))


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "eos_token", "end_turn", "whatever"])
async def test_every_other_end_is_a_stop(server, assistant, reason):
    server.replies = [says("That's it.", finish_reason=reason, tokens=None)]

    heard = await hear(assistant)

    assert heard.said[-1] == Finished("stop", None)


async def test_events_may_be_split_anywhere_and_come_in_any_of_the_usual_dresses(server, assistant):
    body = b": ping\r\n\r\nevent: message\r\nid: 1\r\nretry: 5\r\n" + delta("Grüße, ").replace(b"\n", b"\r\n")
    body += b"data:" + delta("你好 ").removeprefix(b"data: ") + b"data: \n\n"
    body += event({"choices": None}) + event({"choices": [{"delta": None, "finish_reason": ""}]})
    body += delta("👋", finish_reason="stop") + b"data: [DONE]"
    server.replies = [stream(*(body[i : i + 7] for i in range(0, len(body), 7)))]

    heard = await hear(assistant)

    assert (heard.text, heard.reason) == ("Grüße, 你好 👋", None)


async def test_a_character_may_be_split_over_two_events(server, assistant):
    texts = rb"Hi \ud83d|\ude00 the|re \uD83D|and|\ude00| \ud83d\ude00|\ud83d".split(b"|")
    halves = [b'data: {"choices": [{"delta": {"content": "%b"}}]}' % text + b"\n\n" for text in texts]
    server.replies = [stream(*halves, delta(finish_reason="stop"), DONE)]

    heard = await hear(assistant)

    assert heard.pieces == ["Hi ", "😀 the", "re ", "�and", "�", " 😀"]
    assert heard.reason is None


async def test_of_content_in_parts_the_text_is_said(server, assistant):
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "A greeting."}]}
    parts = [thought, {"type": "text", "text": "Hi "}, {"type": "text", "text": "there."}]
    chunks = [event({"choices": [{"delta": {"content": content}}]}) for content in ([thought], parts, [])]
    server.replies = [stream(*chunks, delta(finish_reason="stop"), DONE)]

    heard = await hear(assistant)

    assert (heard.pieces, heard.reason) == (["Hi there."], None)


async def test_events_of_other_kinds_may_come_between(server, assistant):
    ping = b"event: ping\ndata: ping\n\nevent: tick\r\ndata: 12:30\r\n\r\n"
    named = b"event: completion\n" + delta("there.")
    server.replies = [stream(ping, delta("Hi "), ping, named, delta(finish_reason="stop"), DONE)]

    heard = await hear(assistant)

    assert (heard.text, heard.reason, len(server.streamed)) == ("Hi there.", None, 1)


async def test_blank_lines_before_the_first_word_are_left_out(server, assistant):
    server.replies = [says("\n", "\n ", " Hello", " \n", "there")]

    heard = await hear(assistant)

    assert heard.pieces == ["Hello", " \n", "there"]


async def test_a_stream_may_end_with_a_finish_reason_alone_or_with_done_alone(server, assistant):
    server.replies = [stream(delta("One", "stop")), stream(delta("Two"), DONE)]

    first, second = await hear(assistant), await hear(assistant)

    assert [first.text, first.reason, second.text, second.reason] == ["One", None, "Two", None]


async def test_once_the_words_are_whole_a_broken_connection_is_no_failure(server, assistant):
    server.replies = [stream(delta("Whole."), delta(finish_reason="stop"), cut)]

    heard = await hear(assistant)

    assert (heard.text, heard.said[-1]) == ("Whole.", Finished("stop", None))


async def test_a_server_that_never_hangs_up_after_the_end_is_left_alone(server, make_assistant):
    server.replies = [stream(delta("Whole."), delta(finish_reason="stop"), usage(1, 2), DONE, stall)]

    started = time.monotonic()
    heard = await hear(make_assistant(insight_seconds=60))

    assert heard.said[-1] == Finished("stop", Usage(1, 2))
    assert time.monotonic() - started < 30


async def test_a_usage_that_cannot_be_read_is_no_usage(server, assistant):
    broken = event({"choices": [], "usage": {"prompt_tokens": "many"}})
    server.replies = [stream(delta("Hi"), delta(finish_reason="stop"), broken, DONE)]

    heard = await hear(assistant)

    assert heard.said[-1] == Finished("stop", None)


async def test_connections_are_used_again(server, assistant):
    for _ in range(3):
        await hear(assistant)

    assert len({id(request.writer) for request in server.requests}) <= 2


# --- what is asked


async def test_the_request_carries_instructions_known_details_history_and_message(server, assistant):
    turns = (Turn("visitor", "Hi", 2), Turn("assistant", "Hello!", 5))

    await hear(assistant, Prompt("And now?", turns, details={"name": "Ann"}))

    request = server.streamed[0]
    system, *others = request.body["messages"]
    assert system["role"] == "system"
    assert "You are Alex." in system["content"]
    assert "name: Ann" in system["content"]
    assert others == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "And now?"},
    ]
    assert request.body["model"] == "tiny"
    assert request.body["stream_options"] == {"include_usage": True}
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_the_history_is_bounded_and_begins_with_the_visitor(server, make_assistant):
    turns = tuple(
        Turn(role, f"{role} {number}", number) for number in range(50) for role in ("visitor", "assistant")
    )

    await hear(make_assistant(history_turns=3), Prompt("Now", turns))

    said = [message["content"] for message in server.streamed[0].body["messages"][1:]]
    assert said == ["visitor 49", "assistant 49", "Now"]


async def test_without_history_only_the_message_is_sent(server, make_assistant):
    await hear(make_assistant(history_turns=0), Prompt("Now", (Turn("visitor", "Before", 1),)))

    assert [message["content"] for message in server.streamed[0].body["messages"][1:]] == ["Now"]


async def test_two_turns_of_one_side_are_sent_as_one(server, assistant):
    await hear(assistant, Prompt("Hello?", (Turn("visitor", "Hi", 1), Turn("visitor", "Anyone?", 2))))

    assert server.streamed[0].body["messages"][1:] == [{"role": "user", "content": "Hi\n\nAnyone?\n\nHello?"}]


@pytest.mark.parametrize("code", [400, 422])
async def test_a_server_that_rejects_the_options_is_asked_without_them_from_then_on(server, assistant, code):
    server.replies = [status(code), says("Plain.", tokens=None)]
    server.reports = [status(code), reports('Sure!\n```json\n{"needs_info": true}\n```')]

    first, second = await hear(assistant), await hear(assistant)

    assert [first.text, second.text] == ["Plain.", "Plain."]
    assert NeedsInfo(True) in first.said
    assert ["stream_options" in request.body for request in server.streamed] == [True, False, False]
    assert ["response_format" in request.body for request in server.asides] == [True, False, False]


async def test_options_that_were_not_to_blame_are_sent_again(server, assistant):
    server.replies = [status(400), status(400), says("Better.")]

    first, second = await hear(assistant), await hear(assistant)

    assert [first.reason, second.text] == ["upstream_rejected", "Better."]
    assert ["stream_options" in request.body for request in server.streamed] == [True, False, True]


# --- cancelling


async def test_closing_the_answer_closes_both_upstream_connections_at_once(server, assistant):
    server.replies = [stream(delta("One "), delta("two "), stall)]
    server.reports = [Answer([stall])]

    answer = assistant.answer(Prompt("Go on"))
    assert await anext(answer) == Text("One ")
    await until(lambda: len(server.requests) == 2, "both requests have come in")
    await answer.aclose()

    await server.hung_up(server.streamed[0])
    await server.hung_up(server.asides[0])


@pytest.mark.parametrize("reply", [stream(stall), stream(delta("One "), stall)], ids=["before", "between"])
async def test_cancelling_the_listener_closes_both_upstream_connections_at_once(server, assistant, reply):
    server.replies = [reply]
    server.reports = [Answer([stall])]

    listening = asyncio.create_task(hear(assistant))
    await until(lambda: len(server.requests) == 2, "both requests have come in")
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening

    await server.hung_up(server.streamed[0])
    await server.hung_up(server.asides[0])


async def test_cancelling_while_a_retry_is_waited_for_asks_nothing_more(server, assistant):
    server.replies = [status(429, retry_after="4")]

    listening = asyncio.create_task(hear(assistant))
    await until(lambda: bool(server.streamed and server.streamed[0].sent), "the server has refused")
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening

    assert len(server.streamed) == 1


# --- secrets


@pytest.mark.parametrize(
    "answer",
    [
        status(401, {"error": {"message": f"secret upstream text: {KEY} is wrong"}}),
        stream(event({"error": {"message": "secret upstream text"}})),
        stream(delta("Well, "), b"secret upstream text\n"),
        stream(delta("Well, "), cut),
    ],
    ids=["status", "error event", "garbage", "cut"],
)
async def test_no_upstream_text_key_or_message_leaves_with_a_failure(server, assistant, answer, caplog):
    caplog.set_level(logging.DEBUG, logger="infrastructure")
    caplog.set_level(logging.DEBUG, logger="openai")
    server.replies = [answer]
    server.reports = [status(500, {"error": {"message": "secret upstream text"}})]

    heard = await hear(assistant, "the visitor's own words")

    assert heard.failure is not None
    assert (heard.failure.__cause__, heard.failure.__context__) == (None, None)
    told = "".join(traceback.format_exception(heard.failure)) + caplog.text
    for secret in ("secret upstream", KEY, "own words"):
        assert secret not in told


async def test_the_log_has_the_codes(server, assistant, caplog):
    caplog.set_level(logging.INFO, logger="infrastructure")
    server.replies = [says("Hello."), status(401)]
    server.reports = [status(500)]

    await hear(assistant)
    await hear(assistant)

    assert "openai:tiny failed: upstream_rejected" in caplog.text
    assert "openai:tiny found nothing out: InternalServerError" in caplog.text
