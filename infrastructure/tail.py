"""The tail of a session: its latest events, for those who follow or watch it in this process.

What is recorded is handed to it after the commit, and it wakes who waits. Who is further behind than it
remembers reads the log: once for all who want the same of it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from msgspec import Struct

from domain.ports import Recorded
from domain.session import ChatSession

Page = TypeVar("Page")

TAIL_EVENTS = 256
"""Events that a tail remembers at most. A follower that is further behind reads the log."""


class _Read(Struct, Generic[Page], eq=False):
    """A read of the log, and how many wait for it."""

    task: asyncio.Task[Page]
    waiting: int = 0


class Tail(Generic[Page]):
    """The latest events of a session that somebody follows or watches here."""

    __slots__ = ("_events", "_reading", "_version", "_waiting", "followers", "users", "watchers")

    def __init__(self) -> None:
        self.users = 0
        self.followers = 0
        self.watchers: list[Callable[[ChatSession], None]] = []
        self._events: list[Recorded] = []
        self._version = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._reading: dict[int, _Read[Page]] = {}

    async def shared(self, start: int, reading: Coroutine[Any, Any, Page]) -> Page:
        """A page of the log after a version: one read for all who want it now.

        Only among those who share this tail: it was there before the read began, and so is told of all that
        the read doesn't find.
        """
        read = self._reading.get(start)
        if read is None:
            read = self._reading[start] = _Read(asyncio.create_task(reading))
            read.task.add_done_callback(lambda _: self._has_read(start, read))
        else:
            reading.close()
        read.waiting += 1
        try:
            return await asyncio.shield(read.task)
        finally:
            read.waiting -= 1
            if not read.waiting and not read.task.done():
                # Whoever comes now must not wait for what was given up.
                del self._reading[start]
                read.task.cancel()

    def _has_read(self, start: int, read: _Read[Page]) -> None:
        if self._reading.get(start) is read:
            del self._reading[start]
        if not read.task.cancelled():
            read.task.exception()  # those who wait are told of it; and nobody may wait any more

    def since(self, after: int) -> Sequence[Recorded] | None:
        """The events after a version, or None where only the log can tell."""
        if not self._events or after + 1 < self._events[0].version:
            return () if self._version and after >= self._version else None
        return self._events[max(0, after + 1 - self._events[0].version) :]

    def grow(self, news: Sequence[Recorded]) -> None:
        news = [recorded for recorded in news if recorded.version > self._version]
        if not news:
            return
        if news[0].version != self._version + 1:
            self._events.clear()
        if news[-1].session.erased_at:
            # Whoever is behind reads the log, which says no more what was said.
            self._events.clear()
            self._events += _end_without_words(news)
        else:
            self._events += news
        del self._events[:-TAIL_EVENTS]
        self._version = news[-1].version
        self.wake()
        for told in tuple(self.watchers):
            told(news[-1].session)

    def begin_anew(self) -> None:
        """Forget all of it: the log isn't what it was."""
        self._events.clear()
        self._version = 0

    def wake(self) -> None:
        """Have all look who wait for more."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def changed(self, after: int) -> None:
        """Return once there may be something after a version."""
        if self._version > after:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if len(self._waiting) == self.followers and not self.watchers:
            # All have had all of it, and nothing is being said: an idle session need keep nothing.
            self._events.clear()
        try:
            await future
        except asyncio.CancelledError:
            with suppress(ValueError):
                self._waiting.remove(future)
            raise


def _end_without_words(news: Sequence[Recorded]) -> Sequence[Recorded]:
    """What comes after the last event that says something personal."""
    return news[1 + max((at for at, recorded in enumerate(news) if recorded.event.personal), default=-1) :]
