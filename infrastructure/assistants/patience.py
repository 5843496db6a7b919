"""How long an answer may take, and each part of it."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from msgspec import Struct

from domain.assistant import AssistantFailed

DRAIN_SECONDS = 0.1
"""How long a stream that has said `[DONE]` may take to end: its connection can then be used again."""

T = TypeVar("T")


class Limits(Struct, frozen=True):
    """How long, how much and how often. `insight_seconds` count from the end of the words."""

    first_word_seconds: float = 20
    between_words_seconds: float = 15
    total_seconds: float = 120
    insight_seconds: float = 2
    history_turns: int = 20
    max_retries: int = 2


USUAL_LIMITS = Limits()


class Patience:
    """Until when what comes next is waited for, and which limit it is that would be passed.

    Keep-alives don't count: only words put the limit off, from the moment they have been taken.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._time = asyncio.get_running_loop().time
        self._end = self._time() + limits.total_seconds
        self._ended = False
        self._drain_until = self._end
        self.spoken = False
        self._allow(limits.first_word_seconds, "timeout_first_word")

    @property
    def left(self) -> float:
        return max(0.0, self._until - self._time())

    def heard(self) -> None:
        self.spoken = True
        self._allow(self._limits.between_words_seconds, "timeout_between_words")

    def words_ended(self) -> None:
        """From now on only the usage and the insight are waited for, together."""
        if not self._ended:
            self._ended = True
            self._allow(self._limits.insight_seconds, "timeout_after_words")

    def all_read(self) -> None:
        self._drain_until = min(self._drain_until, self._time() + DRAIN_SECONDS)

    async def wait_for(self, awaited: Awaitable[T]) -> T:
        """Raises AssistantFailed when it takes too long."""
        try:
            async with asyncio.timeout_at(min(self._until, self._drain_until)):
                return await awaited
        except TimeoutError:
            raise AssistantFailed(self._reason) from None

    def _allow(self, seconds: float, reason: str) -> None:
        self._until, self._reason = min((self._time() + seconds, reason), (self._end, "timeout_total"))
