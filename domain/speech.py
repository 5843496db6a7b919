"""Speaks one reply: listens to the assistant, cuts its text into words, and records them.

The first words are recorded at once, later ones in batches, one a window. Nobody is told anything
here: whoever follows the session learns of the words because they have been recorded.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from itertools import pairwise

from msgspec.structs import replace

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
    Unanswered,
)
from domain.ports import Clock
from domain.session import Findings
from domain.words import WordCutter

logger = logging.getLogger(__name__)

MAX_PENDING_WORDS = 2000
"""Words that may wait to be recorded before the assistant is made to wait."""

MAX_REPLY_CHARS = 200_000
"""A reply that has come to this is cut off: an assistant that never ends must not fill the log."""

RecordWords = Callable[[Sequence[str], Sequence[int]], Awaitable[None]]


class Speech:
    """One reply while it is being spoken.

    `record` puts words on the record, given with their delays (see `ReplyChunksRecorded`); `window` is
    the least time between two batches, in seconds.
    """

    def __init__(self, started_at: datetime, clock: Clock, window: float, record: RecordWords) -> None:
        # Asked of the loop, not of the clock: cheap enough to be asked for every word.
        self._loop = asyncio.get_running_loop()
        self._origin = self._loop.time() - (clock.now() - started_at).total_seconds()
        self._window = window
        self._record = record
        self._words: list[str] = []
        self._offsets: list[int] = []
        self._due = asyncio.Event()
        self._drained = asyncio.Event()
        self._ended = False
        self._next_batch = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.findings = Findings()

    async def speak(self, assistant: Assistant, prompt: Prompt) -> None:
        """Record all that the assistant says.

        Raises AssistantFailed, once what was said before is recorded, and at once whatever `record` raises:
        ReplyClosed, where somebody has closed the reply.
        """
        failure: Exception | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._record_batches())
                failure = await self._listen(assistant, prompt)
                self._ended = True
                self._due.set()
        except* Exception as broken:
            failure = broken.exceptions[0]  # there is one task that can raise any
        if failure:
            raise failure

    async def _listen(self, assistant: Assistant, prompt: Prompt) -> AssistantFailed | None:
        cutter = WordCutter()
        failure = None
        chars = 0
        try:
            async with aclosing(assistant.answer(prompt)) as stream:
                async for said in stream:
                    if isinstance(said, Text):
                        self._take(cutter.feed(said.text))
                        chars += len(said.text)
                        if chars >= MAX_REPLY_CHARS:
                            self.findings = replace(self.findings, finish_reason="length")
                            break
                        if len(self._words) > MAX_PENDING_WORDS:
                            await self._catch_up()
                    else:
                        self.findings = _with(self.findings, said)
        except AssistantFailed as error:
            failure = error
        except Exception as error:
            # Its text may hold the visitor's words: the log gets the kind and the place alone.
            logger.warning("assistant %s broke: %s", assistant.name, type(error).__qualname__)
            logger.debug("assistant %s broke", assistant.name, exc_info=error)
            failure = AssistantFailed("internal_error")
        self._take(cutter.flush())
        return failure

    def _take(self, words: list[str]) -> None:
        if not words:
            return
        offset = max(0, int((self._loop.time() - self._origin) * 1000))
        for word in words:
            self._words.append(word)
            self._offsets.append(offset)
        self._ask_for_batch()

    async def _catch_up(self) -> None:
        while len(self._words) > MAX_PENDING_WORDS:
            self._drained.clear()
            await self._drained.wait()

    def _ask_for_batch(self) -> None:
        if self._loop.time() >= self._next_batch:
            self._due.set()
        elif self._timer is None:
            self._timer = self._loop.call_at(self._next_batch, self._window_over)

    def _window_over(self) -> None:
        self._timer = None
        self._due.set()

    async def _record_batches(self) -> None:
        try:
            while not (self._ended and not self._words):
                await self._due.wait()
                self._due.clear()
                words, self._words = self._words, []
                offsets, self._offsets = self._offsets, []
                self._next_batch = self._loop.time() + self._window
                if words:
                    await self._record(words, _delays(offsets))
                self._drained.set()
                if self._words:
                    self._due.set() if self._ended else self._ask_for_batch()
        finally:
            if self._timer is not None:
                self._timer.cancel()


def _delays(offsets: Sequence[int]) -> list[int]:
    return [offsets[0], *(after - before for before, after in pairwise(offsets))]


def _with(findings: Findings, said: Said) -> Findings:
    match said:
        case Details(values=values):
            return replace(findings, details={**findings.details, **values})
        case NeedsInfo(needs_info=needs_info):
            return replace(findings, needs_info=needs_info)
        case Suggestions(suggestions=suggestions):
            return replace(findings, suggestions=suggestions)
        case Unanswered():
            return replace(findings, unanswered=True)
        case SessionComplete():
            return replace(findings, ends_session=True)
        case Finished(reason=reason, usage=usage):
            return replace(findings, finish_reason=reason, usage=usage)
        case Text():
            return findings
