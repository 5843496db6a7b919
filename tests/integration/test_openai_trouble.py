"""OpenAIAssistant and a server, on a real socket, that is late, fails or talks nonsense."""

import asyncio
import socket
import time
from contextlib import aclosing

import pytest

from domain.assistant import (
    Prompt,
    Text,
)
from tests.support.hearing import hear
from tests.support.openai_server import (
    DONE,
    cut,
    delta,
    event,
    says,
    stall,
    status,
    stream,
)

# --- limits


async def test_a_first_word_that_does_not_come_in_time_is_a_failure(server, make_assistant):
    server.replies = [stream(stall)]

    heard = await hear(make_assistant(first_word_seconds=0.1))

    assert (heard.text, heard.reason) == ("", "timeout_first_word")
    await server.hung_up(server.streamed[0])


async def test_headers_that_do_not_come_in_time_are_a_failure(make_assistant):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"

        heard = await hear(make_assistant(url, first_word_seconds=0.1))

    assert heard.reason == "timeout_first_word"


async def test_keep_alives_and_empty_deltas_are_no_words(server, make_assistant):
    server.replies = [stream(*[b": ping\n\n", delta(), 0.02] * 100)]

    heard = await hear(make_assistant(first_word_seconds=0.15))

    assert heard.reason == "timeout_first_word"


async def test_a_pause_between_words_that_is_too_long_is_a_failure_after_the_words(server, make_assistant):
    server.replies = [stream(delta("Let "), delta("me "), stall)]

    heard = await hear(make_assistant(between_words_seconds=0.1))

    assert (heard.text, heard.reason) == ("Let me ", "timeout_between_words")
    await server.hung_up(server.streamed[0])


async def test_a_reply_that_never_ends_is_ended(server, make_assistant):
    server.replies = [stream(*[delta("on "), 0.01] * 500)]

    heard = await hear(make_assistant(total_seconds=0.2))

    assert heard.text.startswith("on on ")
    assert heard.reason == "timeout_total"
    await server.hung_up(server.streamed[0])


async def test_a_slow_reply_within_its_limits_is_whole(server, make_assistant):
    server.replies = [stream(*[delta("slow "), 0.1] * 6, delta(finish_reason="stop"), DONE)]

    heard = await hear(make_assistant(between_words_seconds=0.5))

    assert (heard.text, heard.reason) == ("slow " * 6, None)


async def test_the_time_that_a_listener_takes_is_not_the_servers(server, make_assistant):
    assistant = make_assistant(between_words_seconds=0.4)
    go_on = asyncio.Event()
    server.replies = [stream(delta("One "), go_on, delta("two."), delta(finish_reason="stop"), DONE)]

    said = []
    async with aclosing(assistant.answer(Prompt("Count"))) as answer:
        said.append(await anext(answer))
        await asyncio.sleep(0.5)
        go_on.set()
        said += [each async for each in answer if isinstance(each, Text)]

    assert said == [Text("One "), Text("two.")]


# --- retries


@pytest.mark.parametrize("code", [408, 409, 429, 500, 503])
async def test_a_failure_that_may_pass_is_tried_again(server, assistant, code):
    server.replies = [status(code, retry_after="0.01"), says("Back again.")]

    heard = await hear(assistant)

    assert (heard.text, heard.reason, len(server.streamed)) == ("Back again.", None, 2)


async def test_the_pause_is_as_long_as_retry_after_asks_for(server, assistant):
    server.replies = [status(429, retry_after="0.4"), says("Thanks for waiting.")]

    started = time.monotonic()
    heard = await hear(assistant)

    assert heard.text == "Thanks for waiting."
    assert time.monotonic() - started >= 0.4


async def test_a_retry_after_may_be_a_date(server, assistant):
    server.replies = [
        status(503, retry_after="Wed, 21 Oct 2026 07:28:01 GMT", date="Wed, 21 Oct 2026 07:28:00 GMT"),
        says("Thanks for waiting."),
    ]

    started = time.monotonic()
    heard = await hear(assistant)

    assert heard.text == "Thanks for waiting."
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize("retry_after", ["60", "inf"])
async def test_a_retry_after_past_the_limit_is_not_sat_out(server, assistant, retry_after):
    server.replies = [status(429, retry_after=retry_after)]

    started = time.monotonic()
    heard = await hear(assistant)

    assert (heard.reason, len(server.streamed)) == ("rate_limited", 1)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("retry_after", ["soon", "nan", "-5", "Wed, 21 Oct 2026 07:28:01 GMT"])
async def test_a_retry_after_that_makes_no_sense_is_as_none(server, assistant, retry_after):
    server.replies = [status(429, retry_after=retry_after), says("Still here.")]

    heard = await hear(assistant)

    assert heard.text == "Still here."


@pytest.mark.parametrize(("code", "reason"), [(429, "rate_limited"), (500, "upstream_error")])
async def test_retries_are_bounded(server, assistant, code, reason):
    server.replies = [status(code, retry_after="0")]

    heard = await hear(assistant)

    assert (heard.reason, len(server.streamed)) == (reason, 3)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status(401), "upstream_rejected"),
        (status(403), "upstream_rejected"),
        (status(404), "upstream_rejected"),
        (status(429, {"error": {"message": "pay", "code": "insufficient_quota"}}), "rate_limited"),
        (status(500, x_should_retry="false"), "upstream_error"),
    ],
    ids=["401", "403", "404", "no credit", "told not to"],
)
async def test_what_no_retry_can_mend_is_not_tried_again(server, assistant, answer, reason):
    server.replies = [answer]

    heard = await hear(assistant)

    assert (heard.reason, len(server.streamed)) == (reason, 1)


async def test_a_stream_that_breaks_before_the_first_word_is_tried_again(server, assistant):
    server.replies = [stream(delta(), cut), says("Second time lucky.")]

    heard = await hear(assistant)

    assert (heard.text, heard.reason, len(server.streamed)) == ("Second time lucky.", None, 2)


async def test_a_stream_that_breaks_after_the_first_word_is_not_tried_again(server, assistant):
    server.replies = [stream(delta("I was "), delta("just "), cut)]

    heard = await hear(assistant)

    assert (heard.text, heard.reason) == ("I was just ", "upstream_error")
    assert len(server.streamed) == 1


async def test_an_end_without_a_finish_is_a_cut_off_too(server, assistant):
    server.replies = [stream(delta("I was "), chunked=False)]

    heard = await hear(assistant)

    assert (heard.text, heard.reason) == ("I was ", "upstream_error")


@pytest.mark.parametrize(
    "rest",
    [delta("never")[:30], delta("“never”")[:111], b"data: [DO", b"da"],
    ids=["an event", "a character", "the end", "a name"],
)
async def test_an_end_in_the_middle_of_a_line_is_a_cut_off_too(server, assistant, rest):
    server.replies = [stream(rest), stream(delta("I was "), rest)]

    heard = await hear(assistant)

    assert (heard.text, heard.reason, len(server.streamed)) == ("I was ", "upstream_error", 2)


@pytest.mark.parametrize("reason", ["error", "abort", "cancelled", "network_error", "ERROR"])
async def test_a_reply_that_the_server_gave_up_is_a_cut_off_too(server, assistant, reason):
    server.replies = [
        stream(delta(finish_reason=reason), DONE),
        stream(delta("Half "), delta("an ans", reason), DONE),
    ]

    heard = await hear(assistant)

    assert (heard.text, heard.reason, len(server.streamed)) == ("Half an ans", "upstream_error", 2)


async def test_a_body_with_nothing_in_it_is_tried_again(server, assistant):
    server.replies = [stream(), says("Something.")]

    heard = await hear(assistant)

    assert (heard.text, len(server.streamed)) == ("Something.", 2)


async def test_a_refused_connection_is_an_upstream_error(make_assistant):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"

    heard = await hear(make_assistant(url, max_retries=1))

    assert heard.reason == "upstream_error"


# --- nonsense


async def test_a_model_that_says_nothing_is_a_failure(server, assistant):
    server.replies = [says(), says(" ", "\n")]

    first, second = await hear(assistant), await hear(assistant)

    assert (first.reason, second.reason) == ("empty", "empty")
    assert len(server.streamed) == 2


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: {not json}\n\n",
        b"event: ping\n\ndata: ping\n\n",
        b"data: [1, 2]\n\n",
        b'data: {"choices": "many"}\n\n',
        b'data: {"choices": [{"delta": {"content": 5}}]}\n\n',
        b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n',
        b"<html>Bad gateway</html>",
        b"\x00\xff\x13\x37" * 300_000,
    ],
    ids=["no json", "no name", "no object", "no choices", "no text", "no utf-8", "html", "binary"],
)
async def test_garbage_is_a_failure_after_the_words_before_it(server, assistant, garbage):
    server.replies = [stream(delta("Well, ") + garbage, delta("never"), delta(finish_reason="stop"), DONE)]

    heard = await hear(assistant)

    assert (heard.text, heard.reason) == ("Well, ", "garbage")


async def test_garbage_before_the_first_word_is_tried_again(server, assistant):
    server.replies = [stream(b"<html>Starting up</html>\n"), says("Now I'm here.")]

    heard = await hear(assistant)

    assert (heard.text, heard.reason, len(server.streamed)) == ("Now I'm here.", None, 2)


async def test_garbage_is_tried_again_no_more_often_than_anything_else(server, make_assistant):
    server.replies = [stream(b"data: {not json}\n\n")]

    heard = await hear(make_assistant(max_retries=1))

    assert (heard.reason, len(server.streamed)) == ("garbage", 2)


@pytest.mark.parametrize(
    "error",
    [
        event({"error": {"message": "boom", "code": 500}}),
        b'error: {"code":500}\n',
        b"event: error\ndata: boom\n\n",
    ],
    ids=["in the data", "as a field", "as a name"],
)
async def test_an_error_within_the_stream_is_an_upstream_error(server, assistant, error):
    server.replies = [stream(error), stream(delta("Well, "), error)]

    heard = await hear(assistant)

    assert (heard.text, heard.reason, len(server.streamed)) == ("Well, ", "upstream_error", 2)
