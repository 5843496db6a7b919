"""All conversations of some days, one after another, and how they come to be on the record."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from uuid import UUID

from msgspec import Struct

from domain.errors import Conflict, KeyDestroyed
from domain.events import Event
from infrastructure.demo.calendar import starts
from infrastructure.demo.visit import Cast, Visit
from infrastructure.demo.visitors import Visitor, newcomer
from infrastructure.event_store import SessionStore

RETURNING = 0.22
AT_ONCE = 64
"""Conversations that are recorded together."""


class Plan(Struct, frozen=True):
    """What is to be made: `until` is the last of the days, in UTC."""

    sessions: int
    days: int
    until: date
    seed: int


class Story(Struct, frozen=True):
    """One conversation, from its start to its end."""

    session_id: UUID
    history: Sequence[tuple[Event, datetime]]


def stories(plan: Plan, cast: Cast) -> Iterator[Story]:
    """The conversations of a plan, in the order in which they start: with any other plan, others."""
    random = Random(f"{plan.seed}/{plan.sessions}/{plan.days}/{plan.until}")  # noqa: S311 - nothing is secret
    end = datetime.combine(plan.until, time(), UTC) + timedelta(days=1)
    been: list[tuple[Visitor, datetime]] = []
    for at in starts(random, plan.sessions, plan.days, plan.until):
        visitor = _visitor(random, been, at)
        visit = Visit(random, cast, visitor, at, end)
        visit.go_on_to_the_end()
        been.append((visitor, visit.history[-1][1]))
        yield Story(visit.session_id, visit.history)


def _visitor(random: Random, been: Sequence[tuple[Visitor, datetime]], at: datetime) -> Visitor:
    """Somebody new, or somebody who has been there and whose conversation is over."""
    if been and random.random() < RETURNING:
        visitor, left_at = random.choice(been)
        if left_at < at:
            return visitor
    return newcomer(random)


async def record(store: SessionStore, told: Iterable[Story], recorded: Callable[[], None]) -> int:
    """Record stories, and call `recorded` after each; how many weren't there yet. Raises Unavailable."""
    new = 0
    left = iter(told)

    async def some() -> None:
        nonlocal new
        for story in left:
            try:
                await store.bring_in(story.session_id, story.history)
                new += 1
            except (Conflict, KeyDestroyed):
                pass  # an earlier run has made it; and its visitor may have been erased since
            recorded()

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return new
