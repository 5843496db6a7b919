"""What OpenAIAssistant finds out beside its words, from a server on a real socket, and what is believed."""

import asyncio

import pytest

from domain.assistant import (
    Details,
    Finished,
    NeedsInfo,
    Prompt,
    SessionComplete,
    Suggestions,
    Text,
)
from domain.events import Usage
from domain.session import Turn
from tests.support.hearing import finding_out, hear
from tests.support.openai_server import (
    DONE,
    Answer,
    cut,
    delta,
    reports,
    stall,
    status,
    stream,
)
from tests.support.waiting import until


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
