"""Many conversations at once on the record: those of the demo, and those that chance makes up."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from random import Random
from uuid import UUID

from api.app import ALEX
from domain.session import ChatSession
from infrastructure.demo.story import Plan, Story, record, stories
from infrastructure.demo.visit import Cast
from infrastructure.event_store import SessionStore
from infrastructure.personas import load_persona
from tests.support.stories import Story as MadeUp
from tests.support.stories import story

UNTIL = date(2026, 10, 31)


@cache
def cast() -> Cast:
    """Alex, and what Alex knows."""
    return Cast.of(*load_persona(ALEX))


def plan(sessions: int, seed: int = 1, days: int = 30) -> Plan:
    return Plan(sessions, days, UNTIL, seed)


async def demo(store: SessionStore, sessions: int, seed: int = 1) -> Sequence[Story]:
    """Record conversations of the demo."""
    told = list(stories(plan(sessions, seed), cast()))
    await record(store, told, lambda: None)
    return told


async def made_up(store: SessionStore, sessions: int, seed: int = 1) -> Sequence[UUID]:
    """Record conversations in which everything happens that can, and some of which go on."""
    random = Random(seed)
    ids = []
    for _ in range(sessions):
        told = story(random, 40)
        await tell(store, told)
        ids.append(told.session_id)
    return ids


async def tell(store: SessionStore, told: MadeUp) -> ChatSession:
    """Record a story, step by step; the session as it is then."""
    version, session = 0, None
    for events, at in told.steps:
        session = await store.append(told.session_id, version, events, at)
        version = session.version
    assert session is not None, "a story begins with something"
    return session
