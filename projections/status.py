"""How far projections have come, and what they have set aside; and what can be asked of whoever drives them.

Commands and services ask by writing a row: the one process that leads does the work.
"""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Any, LiteralString, Protocol
from uuid import UUID

from msgspec import Struct

BUILDS = """
    SELECT build, name, version, state, notification_id,
        (SELECT coalesce(max(notification_id), 0) FROM stored_events),
        (SELECT count(*) FROM projection_faults AS fault WHERE fault.build = projections.build)
    FROM projections JOIN notification_tracking ON application_name = build
    WHERE state <> 'retired' ORDER BY name, state DESC, build
"""

FAULTS = """
    SELECT name, session_id, fault.version, position, topic, error, at
    FROM projection_faults AS fault JOIN projections USING (build)
    WHERE state <> 'retired' ORDER BY name, position
"""

ASK_RETRY = """
    UPDATE projection_faults SET retry = true
    WHERE build IN (SELECT build FROM projections WHERE $1::text IS NULL OR name = $1)
"""

ASKED = "SELECT count(*) FROM projection_faults WHERE retry"

BEHIND = """
    SELECT count(*) FROM projections JOIN notification_tracking ON application_name = build
    WHERE state = 'live' AND notification_id < $1
"""


class Fetch(Protocol):
    """Runs a query with `$1`-style parameters."""

    def __call__(self, query: LiteralString | bytes, params: Sequence[Any] = ()) -> Awaitable[list[Any]]:
        """All its rows, as tuples."""
        ...


class BuildStatus(Struct, frozen=True):
    """A build, and how far it has come: up to `position` of `head`, with `set_aside` sessions left out."""

    build: str
    name: str
    version: int
    state: str
    position: int
    head: int
    set_aside: int


class Fault(Struct, frozen=True):
    """An event that a projection couldn't digest."""

    name: str
    session_id: UUID
    version: int
    position: int
    topic: str
    error: str
    at: datetime


async def builds(fetch: Fetch) -> Sequence[BuildStatus]:
    """All builds, those that are live first."""
    return [BuildStatus(*row) for row in await fetch(BUILDS)]


async def faults(fetch: Fetch) -> Sequence[Fault]:
    """All that was set aside."""
    return [Fault(*row) for row in await fetch(FAULTS)]


async def ask_for_retry(fetch: Fetch, name: str | None) -> None:
    """Have what a projection set aside, or all of them, be tried again."""
    await fetch(ASK_RETRY, (name,))


async def is_retried(fetch: Fetch) -> bool:
    """Whether all that was asked for has been tried again."""
    return (await fetch(ASKED))[0][0] == 0


async def have_passed(fetch: Fetch, position: int) -> bool:
    """Whether all that is live goes up to a position."""
    return (await fetch(BEHIND, (position,)))[0][0] == 0
