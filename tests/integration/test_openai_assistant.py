"""OpenAIAssistant against a server on a real socket: what is said and found out, and all that goes wrong."""

import asyncio
import logging
import socket
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest
from msgspec.structs import replace

from domain.assistant import (
    AssistantFailed,
    Details,
    Finished,
    NeedsInfo,
    Prompt,
    Said,
    SessionComplete,
    Suggestions,
    Text,
)
from domain.events import Usage
from domain.persona import Detail, Persona, Texts
from domain.session import Turn
from infrastructure.assistants.openai import OpenAIAssistant
from infrastructure.assistants.patience import Limits
from tests.support.openai_server import (
    DONE,
    Answer,
    OpenAIServer,
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

KEY = "sk-a-key-that-nobody-may-see"
PERSONA = Persona(
    name="Alex",
    role="A guide",
    greeting="Hi!",
    instructions="You are Alex.",
    texts=Texts(**dict.fromkeys(Texts.__struct_fields__, "...")),
    details=(
        Detail("name", "your name"),
        Detail("email", "your email address"),
        Detail("phone", "a phone number", required=False),
    ),
)
LIMITS = Limits(first_word_seconds=5, between_words_seconds=5, total_seconds=10, insight_seconds=2)

MakeAssistant = Callable[..., OpenAIAssistant]


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def make_assistant(server: OpenAIServer) -> AsyncIterator[MakeAssistant]:
    made: list[OpenAIAssistant] = []

    def make(base_url: str | None = None, **limits: float) -> OpenAIAssistant:
        assistant = OpenAIAssistant(
            base_url=base_url or server.base_url,
            api_key=KEY,
            model="tiny",
            persona=PERSONA,
            limits=replace(LIMITS, **limits),
        )
        made.append(assistant)
        return assistant

    yield make
    for assistant in made:
        await assistant.close()


@pytest.fixture
def assistant(make_assistant: MakeAssistant) -> OpenAIAssistant:
    return make_assistant()


class Heard:
    """All that an assistant said to a message, and how it failed."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.failure: AssistantFailed | None = None

    @property
    def pieces(self) -> list[str]:
        return [said.text for said in self.said if isinstance(said, Text)]

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def reason(self) -> str | None:
        return self.failure.reason if self.failure else None

    def found(self, kind: type[Said]) -> list[Said]:
        return [said for said in self.said if isinstance(said, kind)]


async def hear(assistant: OpenAIAssistant, prompt: Prompt | str = "Hello") -> Heard:
    heard = Heard()
    prompt = Prompt(prompt) if isinstance(prompt, str) else prompt
    try:
        async with aclosing(assistant.answer(prompt)) as stream:
            async for said in stream:
                heard.said.append(said)
    except AssistantFailed as failure:
        heard.failure = failure
    return heard


def finding_out() -> bool:
    """Whether an assistant is busy beside its words."""
    return any("_insight" in repr(task.get_coro()) for task in asyncio.all_tasks())


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


@pytest.mark.parametrize("reason", ["stop", "tool_calls"])
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
    heard = await hear(make_assistant(insight_seconds=4))

    assert heard.said[-1] == Finished("stop", Usage(1, 2))
    assert time.monotonic() - started < 2


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


# --- what is found out beside the words


async def test_the_report_is_asked_for_from_the_start_with_a_strict_schema(server, assistant):
    hold = asyncio.Event()
    server.replies = [stream(hold, delta("Hello", "stop"), DONE)]

    hearing = asyncio.create_task(hear(assistant, Prompt("Me again", (Turn("visitor", "I'm Ann", 1),))))
    await until(lambda: bool(server.asides), "the report is asked for while no word has come")
    hold.set()
    await hearing

    body = server.asides[0].body
    schema = body["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["required"] == ["details", "needs_info", "suggestions", "session_complete"]
    assert schema["schema"]["properties"]["details"]["properties"] == {
        "name": {"type": ["string", "null"]},
        "email": {"type": ["string", "null"]},
        "phone": {"type": ["string", "null"]},
    }
    assert "I'm Ann" in body["messages"][-1]["content"]
    assert "Me again" in body["messages"][-1]["content"]


async def test_only_known_keys_and_sensible_values_are_kept(server, assistant):
    long = "x" * 300
    server.reports = [
        reports(
            {
                "details": {"name": f" Ann{long} ", "email": "ann@example.com ", "age": "33", "phone": 5},
                "needs_info": "yes",
                "suggestions": ["", "  One  ", None, "One", long, "Two", 3, "Three", "Four"],
                "session_complete": 1,
            }
        )
    ]

    heard = await hear(assistant, f"I'm Ann{long}, 33, Ann@example.com")

    assert heard.found(Details) == [Details({"email": "ann@example.com"})]
    assert heard.found(NeedsInfo) == [NeedsInfo(False)]
    assert heard.found(Suggestions) == [Suggestions(("One", "Two", "Three"))]
    assert heard.found(SessionComplete) == []


async def test_facts_that_the_visitor_never_stated_are_not_kept(server, assistant):
    server.reports = [reports({"details": {"name": "Bob Smith", "email": "john.doe@example.com"}})]
    turns = (Turn("visitor", "i am bob  smith", 1), Turn("assistant", "Is it john.doe@example.com?", 2))

    heard = await hear(assistant, Prompt("Guess my address", turns))

    assert heard.found(Details) == [Details({"name": "Bob Smith"})]


@pytest.mark.parametrize(
    ("said", "reported"),
    [
        ("I can not say", {"name": "Ann"}),
        ("I have a lease", {"email": "a"}),
        ("It's an example, com it is", {"email": "an@example.com"}),
        ("jo.ann@example.com.au", {"email": "ann@example.com"}),
        ("ann@example.com is the manager's address, mine is private", {"email": "example.com"}),
        ("I drive 15,000 km", {"phone": "15000"}),
        ("My licence number is 0298765432", {"phone": "0298765432"}),
        ("Don't call me on 0412 345 678", {"phone": "0412 345 678"}),
        ("My boss's email is boss@example.com", {"email": "boss@example.com"}),
    ],
)
async def test_parts_of_words_and_what_is_no_address_or_number_of_theirs_are_not_kept(
    server, assistant, said, reported
):
    server.reports = [reports({"details": reported})]

    heard = await hear(assistant, said)

    assert heard.found(Details) == []


async def test_what_is_kept_may_be_written_otherwise_than_it_was_said(server, assistant):
    server.reports = [
        reports(
            {"details": {"name": "ann-marie o'neill", "email": "ANN@example.com", "phone": "+61412345678"}}
        )
    ]

    heard = await hear(assistant, "Ann Marie ONeill here. ann@Example.com or (0412) 345-678")

    assert heard.found(Details) == [
        Details({"name": "ann-marie o'neill", "email": "ANN@example.com", "phone": "+61412345678"})
    ]


async def test_a_goodbye_completes_the_session(server, assistant):
    server.reports = [reports({"session_complete": True})]

    heard = await hear(assistant, "Bye!")

    assert heard.said[-2:] == [SessionComplete(), Finished("stop", Usage(12, 3))]


async def test_a_session_is_not_complete_while_details_are_waited_for(server, assistant):
    server.reports = [reports({"session_complete": True, "needs_info": True})]

    heard = await hear(assistant)

    assert heard.found(SessionComplete) == []


@pytest.mark.parametrize(
    "report",
    [
        status(500),
        status(429),
        reports("I'd rather not."),
        reports("[1, 2]"),
        reports('{"details": {"name": "An'),
        Answer([b"<html>"], headers=(("content-type", "text/html"),)),
        Answer([b'{"choices": []}'], headers=(("content-type", "application/json"),)),
        stream(cut),
    ],
    ids=["500", "429", "prose", "list", "half", "html", "no choice", "cut"],
)
async def test_a_report_that_fails_fails_softly(server, assistant, report):
    server.reports = [report]

    heard = await hear(assistant)

    assert heard.said == [Text("Hello "), Text("there."), Finished("stop", Usage(12, 3))]


async def test_a_late_report_is_waited_for_only_briefly(server, make_assistant):
    server.reports = [reports({"needs_info": True}, stall)]

    heard = await hear(make_assistant(insight_seconds=0.1))

    assert heard.said == [Text("Hello "), Text("there."), Finished("stop", Usage(12, 3))]
    await server.hung_up(server.asides[0])


async def test_what_was_found_out_is_kept_even_if_the_words_break_off(server, assistant):
    found_out = asyncio.Event()
    server.replies = [stream(delta("Well, "), found_out, cut)]
    server.reports = [reports({"details": {"name": "Ann"}})]

    hearing = asyncio.create_task(hear(assistant, "I'm Ann"))
    await until(lambda: bool(server.asides), "the report is asked for")
    await until(lambda: not finding_out(), "the report is read")
    found_out.set()
    heard = await hearing

    assert (heard.text, heard.reason) == ("Well, ", "upstream_error")
    assert heard.found(Details) == [Details({"name": "Ann"})]


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
    assert time.monotonic() - started < 2


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
        b"data: [1, 2]\n\n",
        b'data: {"choices": "many"}\n\n',
        b'data: {"choices": [{"delta": {"content": 5}}]}\n\n',
        b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n',
        b"<html>Bad gateway</html>",
        b"\x00\xff\x13\x37" * 300_000,
    ],
    ids=["no json", "no object", "no choices", "no text", "no utf-8", "html", "binary"],
)
async def test_garbage_is_a_failure_after_the_words_before_it(server, assistant, garbage):
    server.replies = [stream(delta("Well, ") + garbage, delta("never"), delta(finish_reason="stop"), DONE)]

    heard = await hear(assistant)

    assert (heard.text, heard.reason) == ("Well, ", "garbage")


@pytest.mark.parametrize(
    "error", [event({"error": {"message": "boom", "code": 500}}), b'error: {"code":500}\n']
)
async def test_an_error_within_the_stream_is_an_upstream_error(server, assistant, error):
    server.replies = [stream(error), stream(delta("Well, "), error)]

    heard = await hear(assistant)

    assert (heard.text, heard.reason, len(server.streamed)) == ("Well, ", "upstream_error", 2)


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
