"""The guide answers from what is written, word for word, and never invents."""

import asyncio
import tomllib
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.assistant import Details, NeedsInfo, Prompt, Said, SessionComplete, Suggestions, Text
from domain.knowledge import Entry, Knowledge
from domain.session import Turn
from infrastructure.assistants import intents
from infrastructure.assistants.guide import GuideAssistant, Reply
from infrastructure.personas import load_persona

ALEX, KNOWLEDGE = load_persona(
    Path(__file__).parents[2] / "infrastructure/assistants/personas/alex/persona.toml"
)
GUIDE = GuideAssistant(ALEX, KNOWLEDGE, words_per_second=0)
ENTRIES = {entry.id: entry for entry in KNOWLEDGE.entries}
QUESTIONS = {entry.question for entry in KNOWLEDGE.entries}
MEASURED = tomllib.loads((Path(__file__).parent / "guide_questions.toml").read_text(encoding="utf-8"))

ASK_BOTH = ALEX.texts.quote_ask.replace("{missing}", "your name and your email address")
ASK_NAME = ALEX.texts.quote_ask.replace("{missing}", "your name")
ASK_EMAIL = ALEX.texts.quote_ask.replace("{missing}", "your email address")
READY_SAM = ALEX.texts.quote_ready.replace("{name}", "Sam")


def answer_of(entry_id: str) -> str:
    return ENTRIES[entry_id].answer


def reply(text: str) -> Reply:
    return GUIDE.reply(Prompt(text))


class Chat:
    """A conversation with the guide, which remembers what a session would."""

    def __init__(self) -> None:
        self.turns: tuple[Turn, ...] = ()
        self.details: dict[str, str] = {}
        self.asked_for = False

    def say(self, text: str) -> Reply:
        reply = GUIDE.reply(Prompt(text, self.turns, self.details, self.asked_for))
        self.turns += (Turn("visitor", text, 1), Turn("assistant", "\n\n".join(reply.texts), 2))
        self.details |= reply.details
        self.asked_for = bool(reply.needs_info)
        return reply


# --- answering


@pytest.mark.parametrize("entry", KNOWLEDGE.entries, ids=lambda entry: entry.id)
def test_the_text_of_a_question_gets_its_answer_however_it_is_punctuated(entry: Entry) -> None:
    for text in (entry.question, f"  {entry.question.upper().replace('?', '')} !"):
        assert reply(text).texts == (entry.answer,)


async def test_an_answer_is_spoken_word_for_word() -> None:
    said = [part async for part in GUIDE.answer(Prompt("What is a novated lease?"))]

    assert "".join(part.text for part in said if isinstance(part, Text)) == answer_of(
        "what-is-a-novated-lease"
    )
    assert all(len(part.text.split()) == 1 for part in said if isinstance(part, Text))


def test_an_answer_offers_the_questions_that_follow_it() -> None:
    entry = ENTRIES["kilometres"]

    assert reply(entry.question).suggestions == tuple(ENTRIES[following].question for following in entry.next)


def test_what_was_answered_before_is_not_offered_again() -> None:
    # Given a conversation in which the first question that follows has been answered
    chat = Chat()
    chat.say(ENTRIES["running-cost-budget"].question)

    # When the question it follows is answered
    suggestions = chat.say(ENTRIES["kilometres"].question).suggestions

    # Then the others are offered
    assert ENTRIES["running-cost-budget"].question not in suggestions
    assert len(suggestions) == 2


def test_what_it_does_not_know_it_says_and_offers_what_comes_closest() -> None:
    got = reply("can my employer pay for a submarine")

    assert got.texts == (ALEX.texts.unknown,)
    assert len(got.suggestions) == 3


def test_a_follow_up_that_asks_nothing_gets_no_answer_but_what_may_come_next() -> None:
    # Given an answer
    chat = Chat()
    chat.say("Is there a kilometre limit?")

    # When the visitor refers to it without a question of their own
    got = chat.say("and what about that?")

    # Then nothing is made up, and the questions that follow the answer are offered
    assert got.texts == (ALEX.texts.unknown,)
    assert got.suggestions[0] == ENTRIES[ENTRIES["kilometres"].next[0]].question


def test_the_benefits_of_what_was_just_explained_are_known() -> None:
    chat = Chat()
    chat.say("what is a novated lease")

    assert chat.say("What are its benefits?").texts == (answer_of("is-it-worth-it"),)


def answered_right(known: dict[str, list[str]]) -> int:
    return sum(reply(text).texts in {(answer_of(entry),) for entry in ids} for text, ids in known.items())


@pytest.mark.parametrize(
    ("part", "least_right", "least_honest"), [("tuned", 0.94, 0.95), ("unseen", 0.8, 0.9)]
)
def test_of_what_visitors_ask_it_answers_most_and_of_other_things_hardly_any(
    part: str, least_right: float, least_honest: float, record_property: Callable[[str, object], None]
) -> None:
    known, unknown = MEASURED[part]["known"], MEASURED[part]["unknown"]

    right = answered_right(known) / len(known)
    honest = sum(reply(text).texts == (ALEX.texts.unknown,) for text in unknown) / len(unknown)

    record_property("answered right", f"{right:.1%} of {len(known)}")
    record_property("left unanswered", f"{honest:.1%} of {len(unknown)}")
    assert right >= least_right
    assert honest >= least_honest


def test_on_the_whole_more_than_nine_in_ten_questions_are_answered_right() -> None:
    known = MEASURED["tuned"]["known"] | MEASURED["unseen"]["known"]

    assert answered_right(known) >= 0.9 * len(known)


# --- manners


@pytest.mark.parametrize(
    "text", ["hi", "G'day mate!", "Hello, Alex AI!", "good morning", "hey, how are you?"]
)
def test_a_greeting_is_returned(text: str) -> None:
    got = reply(text)

    assert got.texts == (ALEX.texts.greeting_reply,)
    assert got.suggestions == tuple(ENTRIES[opener].question for opener in ALEX.suggestions)


@pytest.mark.parametrize(
    "text", ["thanks!", "cheers mate, that helps", "ok got it", "Thank you so much", "👍"]
)
def test_thanks_are_accepted(text: str) -> None:
    assert reply(text).texts == (ALEX.texts.thanks_reply,)


@pytest.mark.parametrize("text", ["who are you?", "what can you help me with", "are you a robot?", "help"])
def test_it_says_who_it_is(text: str) -> None:
    assert reply(text).texts == (ALEX.greeting,)


@pytest.mark.parametrize(
    "text", ["bye", "Goodbye!", "that's all, thanks", "see ya", "no thanks, that's it", "Thanks Alex. Bye!"]
)
def test_a_goodbye_ends_the_session_and_offers_nothing(text: str) -> None:
    got = reply(text)

    assert got.texts == (ALEX.texts.goodbye,)
    assert got.ends_session
    assert got.suggestions == ()


@pytest.mark.parametrize(
    "text",
    [
        "what happens if I say bye to my employer?",
        "bye the way, is there a km limit",
        "is that all?",
        "Bye bye petrol: are electric cars exempt from FBT?",
        "thanks, that's all clear. What about stamp duty?",
        "",
        "???",
    ],
)
def test_what_is_more_than_a_goodbye_ends_nothing(text: str) -> None:
    assert not reply(text).ends_session


def test_having_nothing_to_add_is_a_goodbye() -> None:
    chat = Chat()
    chat.say("thanks")  # answered by asking whether there is anything else

    assert chat.say("no").ends_session


def test_a_goodbye_after_a_remark_is_one_but_a_question_comes_first() -> None:
    assert reply("Thanks! I'll talk to my wife about it. Bye!").ends_session
    assert reply("ok bye. oh wait, is there a credit check?").texts == (answer_of("credit-check"),)


# --- details and quotes


def test_a_quote_is_prepared_step_by_step() -> None:
    # Given a visitor who wants a quote
    chat = Chat()
    asked = chat.say("Hi, can I get a quote for a new car?")
    assert (asked.texts, asked.needs_info, asked.suggestions) == ((ASK_BOTH,), True, ())

    # When they give their name alone, only the address is missing
    named = chat.say("sam smith")
    assert (named.texts, named.details, named.needs_info) == ((ASK_EMAIL,), {"name": "Sam Smith"}, True)

    # When they give that too, all is ready
    given = chat.say("sam@example.com")
    assert (given.texts, given.details) == ((READY_SAM,), {"email": "sam@example.com"})
    assert given.needs_info is False


@pytest.mark.parametrize(
    "text",
    [
        "quote",
        "I'd like a quote please",
        "how much would it cost me?",
        "call me",
        "can someone call me back",
        "sign me up",
        "I want to talk to a real person",
        "can I speak with a consultant?",
        "how do i get a quote",
        "how much would i pay per fortnight",
        "I'm interested",
    ],
)
def test_whoever_wants_a_quote_is_asked_for_what_is_missing(text: str) -> None:
    got = reply(text)

    assert got.texts == (ASK_BOTH,)
    assert got.needs_info is True


@pytest.mark.parametrize(
    "text",
    [
        "What do I need for a quote?",
        "what should a quote show",
        "how do I sign up",
        "do they call my employer",
    ],
)
def test_a_question_about_quotes_or_calls_is_no_wish_for_one(text: str) -> None:
    assert reply(text).needs_info is None


def test_a_quote_is_ready_at_once_where_everything_is_known() -> None:
    known = {"name": "Sam Smith", "email": "sam@example.com"}

    got = GUIDE.reply(Prompt("sign me up", details=known))

    assert got.texts == (READY_SAM,)
    assert got.needs_info is False


def test_an_offer_of_a_quote_can_be_accepted_with_a_yes() -> None:
    chat = Chat()
    chat.say("What do I need for a quote?")

    assert chat.say("yes please").texts == (ASK_BOTH,)


def test_a_question_is_answered_and_the_details_beside_it_noted() -> None:
    got = reply("Hi, my name is Sam. What happens if I change jobs? My email is sam@example.com")

    assert got.texts == (answer_of("changing-jobs"),)
    assert got.details == {"name": "Sam", "email": "sam@example.com"}
    assert got.needs_info is None


def test_a_question_while_details_are_awaited_is_answered_without_asking_again() -> None:
    # Given a visitor who was asked for details
    chat = Chat()
    chat.say("I want a quote")

    # When they ask something first, it is answered and the details are still awaited
    asked = chat.say("is there a credit check?")
    assert (asked.texts, asked.needs_info) == ((answer_of("credit-check"),), True)

    # When they then give them, the quote goes on
    assert chat.say("I'm Sam, sam@example.com").texts == (READY_SAM,)


def test_details_given_with_a_question_are_taken_and_it_is_answered_too() -> None:
    chat = Chat()
    chat.say("I want a quote")

    got = chat.say("its sam, sam@example.com. is there a credit check?")

    assert got.texts == (answer_of("credit-check"), READY_SAM)


@pytest.mark.parametrize(
    "refusal", ["no thanks", "not now", "I'd rather not give my email", "maybe later", "i changed my mind"]
)
def test_a_refusal_is_accepted_and_nothing_asked_again(refusal: str) -> None:
    # Given a visitor who was asked for details
    chat = Chat()
    chat.say("I want a quote")

    # When they refuse, that is accepted
    refused = chat.say(refusal)
    assert (refused.texts, refused.needs_info) == ((ALEX.texts.thanks_reply,), False)

    # Then nothing more is asked
    assert chat.say("is there a km limit?").needs_info is None


def test_an_address_that_is_none_is_asked_for_again() -> None:
    chat = Chat()
    chat.say("I want a quote")
    chat.say("Sam")

    assert chat.say("sam@example").texts == (ASK_EMAIL,)


@pytest.mark.parametrize(
    "text",
    [
        *("ok cool", "fuel card", "sounds good", "too expensive", "it's expensive", "what?"),
        *("pizza", "Mazda", "Toyota Corolla", "perth", "I'm in Perth", "it's a mazda"),
    ],
)
def test_not_every_short_reply_to_a_question_for_the_name_is_one(text: str) -> None:
    chat = Chat()
    chat.say("I want a quote")

    assert chat.say(text).details == {}


def test_a_few_words_are_a_name_only_directly_after_it_was_asked_for() -> None:
    chat = Chat()
    chat.say("I want a quote")
    chat.say("is there a credit check?")

    assert chat.say("blue suede shoes").details == {}


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("Hi, my name is Sam", {"name": "Sam"}),
        ("sam@example.com", {"email": "sam@example.com"}),
        (
            "My name is José García and my email is jose@example.com",
            {"name": "José García", "email": "jose@example.com"},
        ),
    ],
)
def test_details_given_unasked_are_noted_and_promise_nothing(text: str, noted: dict[str, str]) -> None:
    got = reply(text)

    assert (got.texts, got.details, got.needs_info) == ((ALEX.texts.greeting_reply,), noted, None)


def test_a_wish_for_a_quote_makes_who_somebody_is_a_name() -> None:
    assert reply("I'm Sam. I want a quote").texts == (ASK_EMAIL,)

    got = reply("I want a quote. I'm Ann Lee, ann@example.com")
    assert got.details == {"name": "Ann Lee", "email": "ann@example.com"}
    assert got.texts == (ALEX.texts.quote_ready.replace("{name}", "Ann"),)


def test_without_one_what_somebody_is_stays_off_the_record() -> None:
    assert reply("Hi, I'm Muslim").details == {}
    assert reply("I'm Vegan, can I still lease?").details == {}


@pytest.mark.parametrize(
    "text", ["Do not call me on 0412 345 678", "don't email me at bob@x.com", "Please don't contact me."]
)
@pytest.mark.parametrize("asked_for", [False, True], ids=["unasked", "asked"])
def test_whoever_refuses_to_be_contacted_is_left_alone(text: str, asked_for: bool) -> None:
    got = GUIDE.reply(Prompt(text, asked_for=asked_for))

    assert (got.texts, got.details) == ((ALEX.texts.thanks_reply,), {})
    assert not got.needs_info


def test_details_that_end_the_visit_are_taken_before_the_goodbye() -> None:
    chat = Chat()
    chat.say("I want a quote")

    got = chat.say("Sam, sam@example.com, thanks, bye")

    assert got.texts == (READY_SAM, ALEX.texts.goodbye)
    assert got.ends_session


def test_only_what_the_persona_collects_is_collected() -> None:
    # Given a persona that collects nothing
    guide = GuideAssistant(replace(ALEX, details=()), KNOWLEDGE, words_per_second=0)

    # When a visitor gives everything and wants a quote
    got = guide.reply(Prompt("I'm Sam, sam@example.com, I want a quote"))

    # Then nothing is noted, promised or asked for
    assert got.details == {}
    assert got.needs_info is None
    assert "quote" not in " ".join(got.texts)


# --- the stream


async def test_everything_that_is_found_out_comes_in_the_stream() -> None:
    said = [part async for part in GUIDE.answer(Prompt("Name: Sam, sam@example.com. I want a quote. Bye"))]

    assert said[0] == Details({"name": "Sam", "email": "sam@example.com"})
    assert "".join(part.text for part in said if isinstance(part, Text)) == READY_SAM
    assert NeedsInfo(False) in said
    assert any(isinstance(part, Suggestions) for part in said)


async def test_a_goodbye_completes_the_session_at_the_end_of_the_stream() -> None:
    said: list[Said] = [part async for part in GUIDE.answer(Prompt("bye"))]

    assert said[-1] == SessionComplete()


async def test_it_speaks_at_a_readable_pace_from_the_first_word_on() -> None:
    # Given a guide that speaks a word each 2 ms
    guide = GuideAssistant(ALEX, KNOWLEDGE, words_per_second=500)

    # When it speaks
    begun = perf_counter()
    times = [perf_counter() - begun async for part in guide.answer(Prompt("bye")) if isinstance(part, Text)]

    # Then the first word comes at once, and none faster than that
    assert len(times) == len(ALEX.texts.goodbye.split())
    assert times[-1] >= (len(times) - 1) / 500
    assert times[0] < times[-1]


async def test_it_stops_as_soon_as_nobody_listens() -> None:
    guide = GuideAssistant(ALEX, KNOWLEDGE, words_per_second=0.001)
    stream = guide.answer(Prompt("bye"))
    await anext(stream)

    async with asyncio.timeout(20):
        await stream.aclose()


# --- whatever is said to it

FRAGMENTS = st.sampled_from(
    [
        "I want a quote",
        "my name is Sam",
        "sam@example.com",
        "0412 345 678",
        "bye",
        "no thanks",
        "yes",
        "hi",
        "is there a km limit?",
        "residual",
        "électrique",
        "@",
        "don't call me",
        "I'm",
        "call me",
    ]
)
ANYTHING = st.text(st.characters(), max_size=200) | st.lists(FRAGMENTS | st.text(max_size=5), max_size=8).map(
    " ".join
)
WRITTEN = {entry.answer for entry in KNOWLEDGE.entries} | {
    ALEX.greeting,
    ALEX.texts.greeting_reply,
    ALEX.texts.thanks_reply,
    ALEX.texts.goodbye,
    ALEX.texts.unknown,
    ASK_BOTH,
    ASK_NAME,
    ASK_EMAIL,
}


@given(
    messages=st.lists(ANYTHING, min_size=1, max_size=4),
    details=st.dictionaries(st.sampled_from(["name", "email"]), st.just("Sam")),
    asked_for=st.booleans(),
)
def test_whatever_is_said_it_says_only_what_is_written(
    messages: list[str], details: dict[str, str], asked_for: bool
) -> None:
    chat = Chat()
    chat.details, chat.asked_for = details, asked_for
    for message in messages:
        got = chat.say(message)

        name = chat.details.get("name", "")
        ready = {ALEX.texts.quote_ready.replace("{name}", called) for called in (name, *name.split())}
        assert got.texts
        assert set(got.texts) <= WRITTEN | ready
        assert len(got.suggestions) <= 3
        assert set(got.suggestions) <= QUESTIONS
        assert got.details.keys() <= {"name", "email", "phone"}
        assert not (got.ends_session and (got.suggestions or got.needs_info))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 4000,
        "a@" * 2000,
        "0412345678 " * 360,
        "1 " * 2000,
        "bye, " * 800,
        "I'm Aaa " * 500,
        "my name is " * 360,
        "get a b c quot " * 260,
        "is there a km limit? " * 190,
        "kilomtres insurence electirc residul " * 108,
        "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 4000,
        "👍" * 4000,
        "\ud800" * 4000,
        "a\u0301" * 2000,
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_a_hostile_message_is_answered_soon(text: str) -> None:
    begun = process_time()
    reply(text)

    assert process_time() - begun < 0.5


def test_a_guide_that_knows_nothing_still_has_manners() -> None:
    guide = GuideAssistant(replace(ALEX, suggestions=()), Knowledge(), words_per_second=0)

    assert guide.reply(Prompt("what is a lease?")).texts == (ALEX.texts.unknown,)
    assert guide.reply(Prompt("hi")).texts == (ALEX.texts.greeting_reply,)


@given(ANYTHING)
def test_no_text_breaks_the_recognition_of_intents(text: str) -> None:
    intents.small_talk(text, {"alex"})
    intents.wants_quote(text)
    intents.declines(text)
