"""Speech: all that an assistant says is recorded, the first words at once and the rest by windows."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from domain.assistant import (
    Assistant,
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
from domain.errors import CorruptLog, ReplyClosed
from domain.events import Usage
from domain.session import Findings
from domain.speech import MAX_PENDING_WORDS, Speech
from domain.words import WordCutter
from tests.support.assistants import Scripted
from tests.support.time_by_hand import START, TimeByHand

WINDOW = 0.125
"""Seconds; like all the times here a sum of powers of two, so that nothing is rounded."""


class Batch(Struct):
    """Words as they were put on the record, at a time in seconds, with their offsets in ms."""

    at: float
    words: list[str]
    offsets: list[int]


class Desk:
    """Where words are put on the record. It can be made to wait, and to refuse."""

    def __init__(self, time: TimeByHand, *, since: float = 0.0) -> None:
        self.time = time
        self.batches: list[Batch] = []
        self.open = asyncio.Event()
        self.open.set()
        self.refusal: Exception | None = None
        self.speech = Speech(START - timedelta(seconds=since), time, WINDOW, self._record)

    async def _record(self, words: Sequence[str], delays: Sequence[int]) -> None:
        if self.refusal:
            raise self.refusal
        self.batches.append(Batch(self.time.elapsed, list(words), list(accumulate(delays))))
        await self.open.wait()

    def speak(self, assistant: Assistant) -> "asyncio.Task[None]":
        return asyncio.create_task(self.speech.speak(assistant, Prompt("hello")))

    @property
    def words(self) -> list[str]:
        return [word for batch in self.batches for word in batch.words]


@pytest.fixture
async def time_by_hand() -> TimeByHand:
    return TimeByHand()


async def test_the_first_words_are_recorded_at_once(time_by_hand: TimeByHand) -> None:
    desk = Desk(time_by_hand)

    speaking = desk.speak(Scripted("Hello ", asyncio.Event()))
    await time_by_hand.pass_by()

    assert desk.batches == [Batch(0.0, ["Hello "], [0])]
    speaking.cancel()


async def test_later_words_are_recorded_once_their_window_is_over(time_by_hand: TimeByHand) -> None:
    desk = Desk(time_by_hand)
    pauses = [asyncio.Event() for _ in range(3)]
    desk.speak(Scripted("Hello ", pauses[0], "there, ", pauses[1], "how ", pauses[2], "are you?"))

    await time_by_hand.pass_by()
    pauses[0].set()
    await time_by_hand.pass_by(WINDOW / 4)
    pauses[1].set()
    await time_by_hand.pass_by(WINDOW / 4)
    before = desk.words
    await time_by_hand.pass_by(WINDOW / 2)

    assert before == ["Hello "]
    assert desk.batches[1:] == [Batch(WINDOW, ["there, ", "how "], [31, 62])]
    pauses[2].set()
    await time_by_hand.pass_by()


async def test_words_after_a_silence_are_recorded_at_once(time_by_hand: TimeByHand) -> None:
    desk = Desk(time_by_hand)
    silence, end = asyncio.Event(), asyncio.Event()
    desk.speak(Scripted("Well ", silence, "yes ", end))

    await time_by_hand.pass_by()
    silence.set()
    await time_by_hand.pass_by(4 * WINDOW)

    assert desk.batches[1:] == [Batch(4 * WINDOW, ["yes "], [500])]
    end.set()
    await time_by_hand.pass_by()


async def test_the_end_waits_for_no_window(time_by_hand: TimeByHand) -> None:
    desk = Desk(time_by_hand)
    pause = asyncio.Event()
    speaking = desk.speak(Scripted("One ", pause, "two ", "three"))

    await time_by_hand.pass_by()
    pause.set()
    await time_by_hand.pass_by()

    assert speaking.done()
    assert desk.batches == [Batch(0.0, ["One "], [0]), Batch(0.0, ["two ", "three"], [0, 0])]


async def test_offsets_count_from_the_start_of_the_reply(time_by_hand: TimeByHand) -> None:
    desk = Desk(time_by_hand, since=0.25)
    pause = asyncio.Event()
    desk.speak(Scripted("One ", pause, "two"))

    await time_by_hand.pass_by()
    pause.set()
    await time_by_hand.pass_by(1.0)

    assert [batch.offsets for batch in desk.batches] == [[250], [1250]]


async def test_words_that_come_while_others_are_being_recorded_are_recorded_next(
    time_by_hand: TimeByHand,
) -> None:
    desk = Desk(time_by_hand)
    desk.open.clear()
    pause, end = asyncio.Event(), asyncio.Event()
    desk.speak(Scripted("One ", pause, "two ", "three ", end))
    await time_by_hand.pass_by()

    pause.set()
    await time_by_hand.pass_by(4 * WINDOW)
    meanwhile = desk.words
    desk.open.set()
    await time_by_hand.pass_by()

    assert meanwhile == ["One "]
    assert desk.batches[1:] == [Batch(4 * WINDOW, ["two ", "three "], [500, 500])]
    end.set()
    await time_by_hand.pass_by()


async def test_the_end_waits_for_no_window_even_if_it_comes_while_words_are_being_recorded(
    time_by_hand: TimeByHand,
) -> None:
    desk = Desk(time_by_hand)
    desk.open.clear()
    pause = asyncio.Event()
    speaking = desk.speak(Scripted("One ", pause, "two ", "three"))
    await time_by_hand.pass_by()

    pause.set()
    await time_by_hand.pass_by()
    desk.open.set()
    await time_by_hand.pass_by()

    assert speaking.done()
    assert desk.batches[1:] == [Batch(0.0, ["two ", "three"], [0, 0])]


async def test_a_reply_without_words_records_none(time_by_hand: TimeByHand) -> None:
    desk = Desk(time_by_hand)

    await desk.speak(Scripted(NeedsInfo(True), ""))

    assert desk.batches == []
    assert desk.speech.findings == Findings(needs_info=True)


async def test_a_reply_that_doesn_t_end_is_cut_off_and_says_so(
    time_by_hand: TimeByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.speech.MAX_REPLY_CHARS", 10)
    desk = Desk(time_by_hand)
    assistant = Scripted(*["word "] * 100)

    await desk.speak(assistant)

    assert desk.words == ["word ", "word "]
    assert desk.speech.findings == Findings(finish_reason="length")
    assert assistant.closed == 1


async def test_what_is_found_beside_the_words_is_kept(time_by_hand: TimeByHand) -> None:
    desk = Desk(time_by_hand)
    script: list[Said | str] = [
        Details({"name": "Ann", "city": "Perth"}),
        "Hello ",
        Suggestions(("One",)),
        Details({"city": "Sydney"}),
        NeedsInfo(True),
        Suggestions(("Two", "Three")),
        SessionComplete(),
        Finished("length", Usage(7, 2)),
    ]

    await desk.speak(Scripted(*script))

    assert desk.speech.findings == Findings(
        details={"name": "Ann", "city": "Sydney"},
        suggestions=("Two", "Three"),
        needs_info=True,
        ends_session=True,
        finish_reason="length",
        usage=Usage(7, 2),
    )


async def test_a_failure_keeps_what_was_said_and_found(time_by_hand: TimeByHand) -> None:
    desk = Desk(time_by_hand)
    assistant = Scripted("One ", "two ", Details({"name": "Ann"}), "thr", AssistantFailed("timeout"))

    with pytest.raises(AssistantFailed) as failure:
        await desk.speak(assistant)

    assert failure.value.reason == "timeout"
    assert desk.words == ["One ", "two ", "thr"]
    assert desk.speech.findings.details == {"name": "Ann"}
    assert assistant.closed == 1


class Broken:
    """Says something, and breaks with a text that nobody should read."""

    name = "broken"

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Said, None]:
        yield Text("One ")
        raise ZeroDivisionError(f"the visitor said {prompt.text}")


async def test_an_assistant_that_breaks_has_failed_and_the_log_repeats_no_word_of_it(
    time_by_hand: TimeByHand, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    desk = Desk(time_by_hand)

    with pytest.raises(AssistantFailed) as failure:
        await desk.speak(Broken())

    assert failure.value.reason == "internal_error"
    assert desk.words == ["One "]
    assert "ZeroDivisionError" in caplog.text
    assert "hello" not in caplog.text


@pytest.mark.parametrize("refusal", [ReplyClosed(), CorruptLog("version 3 is missing")], ids=repr)
async def test_where_words_can_t_be_recorded_the_assistant_is_stopped_at_its_next_word(
    time_by_hand: TimeByHand, refusal: Exception
) -> None:
    desk = Desk(time_by_hand)
    pause, never = asyncio.Event(), asyncio.Event()
    assistant = Scripted("One ", pause, "two ", never, "three ")
    speaking = desk.speak(assistant)
    await time_by_hand.pass_by()

    desk.refusal = refusal
    pause.set()
    await time_by_hand.pass_by(WINDOW)

    with pytest.raises(type(refusal)):
        await speaking
    assert assistant.closed == 1
    assert desk.words == ["One "]


async def test_a_reply_that_is_closed_before_its_last_word_is_closed_and_not_failed(
    time_by_hand: TimeByHand,
) -> None:
    desk = Desk(time_by_hand)
    desk.refusal = ReplyClosed()

    with pytest.raises(ReplyClosed):
        await desk.speak(Scripted("One ", AssistantFailed("timeout")))


async def test_breaking_off_stops_the_assistant_and_leaves_nothing_behind(time_by_hand: TimeByHand) -> None:
    desk = Desk(time_by_hand)
    pause, never = asyncio.Event(), asyncio.Event()
    assistant = Scripted("One ", pause, "two ", never)
    speaking = desk.speak(assistant)
    await time_by_hand.pass_by()
    pause.set()
    await time_by_hand.pass_by()

    speaking.cancel()
    await time_by_hand.pass_by(4 * WINDOW)

    assert speaking.cancelled()
    assert assistant.closed == 1
    assert desk.words == ["One "]


class Talkative:
    """Says words without end, and counts them."""

    name = "talkative"

    def __init__(self, words: int) -> None:
        self.words = words
        self.said = 0

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Said, None]:
        while self.said < self.words:
            self.said += 1
            yield Text(f"{self.said} ")


async def test_an_assistant_waits_while_too_many_of_its_words_wait_to_be_recorded(
    time_by_hand: TimeByHand,
) -> None:
    desk = Desk(time_by_hand)
    desk.open.clear()
    assistant = Talkative(3 * MAX_PENDING_WORDS)

    speaking = desk.speak(assistant)
    await time_by_hand.pass_by(4 * WINDOW)
    said = assistant.said
    await time_by_hand.pass_by(4 * WINDOW)

    assert MAX_PENDING_WORDS < said <= 2 * (MAX_PENDING_WORDS + 1), "those being recorded, and those waiting"
    assert assistant.said == said

    desk.open.set()
    while not speaking.done():
        await time_by_hand.pass_by(WINDOW)
    assert desk.words == [f"{number} " for number in range(1, assistant.words + 1)]
    assert max(len(batch.words) for batch in desk.batches) <= MAX_PENDING_WORDS + 1


class Paced:
    """Says each text after its pause, in seconds."""

    name = "paced"

    def __init__(self, script: list[tuple[float, str]]) -> None:
        self.script = script

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Said, None]:
        for pause, text in self.script:
            await asyncio.sleep(pause)
            yield Text(text)


pauses = st.sampled_from([0.0, 0.0, WINDOW / 8, WINDOW / 2, WINDOW, 3 * WINDOW])
pieces = st.text(st.sampled_from("ab \n中"), max_size=6)


@given(st.lists(st.tuples(pauses, pieces), max_size=25))
def test_every_word_is_recorded_with_the_time_at_which_it_was_known(script: list[tuple[float, str]]) -> None:
    async def speak() -> Desk:
        time = TimeByHand()
        desk = Desk(time)
        speaking = desk.speak(Paced(script))
        await time.pass_by()
        while not speaking.done():
            await time.pass_by(WINDOW / 8)
        return desk

    desk = asyncio.run(speak())

    cutter = WordCutter()
    arrivals = accumulate(pause for pause, _ in script)
    known = [
        (word, int(at * 1000))
        for at, (_, text) in zip(arrivals, script, strict=True)
        for word in cutter.feed(text)
    ]
    end = int(sum(pause for pause, _ in script) * 1000)
    known += [(word, end) for word in cutter.flush()]
    assert [
        (word, offset)
        for batch in desk.batches
        for word, offset in zip(batch.words, batch.offsets, strict=True)
    ] == known
    assert all(later.at - batch.at >= WINDOW for batch, later in pairwise(desk.batches[:-1]))
    assert all(offset <= int(batch.at * 1000) for batch in desk.batches for offset in batch.offsets)
