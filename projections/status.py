"""How far projections have come, and what they have set aside; and what can be asked of whoever drives them.

Commands and services ask by writing a row: the one process that leads does the work. Where the tables are
newer than the code, as after a return to an older release, perhaps none does: who would wait asks first.
"""

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString, Protocol
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from projections.builds import lock_of
from projections.projection import Projection

PACE_SECONDS = 1.0
"""For how long it is looked how fast a build comes on."""

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

HELD = """
    SELECT classid::bigint << 32 | objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""The advisory locks that anybody holds."""

ASK_RETRY = "UPDATE projection_faults SET retry = true WHERE build = ANY($1)"

ASKED = "SELECT count(*) FROM projection_faults WHERE retry AND build = ANY($1)"

BEHIND = """
    SELECT count(*) FROM projections JOIN notification_tracking ON application_name = build
    WHERE state = 'live' AND notification_id < $1
"""


DOWNGRADE = (
    "Start the newer Verbatim again or, where that is gone for good, have tables made that this one knows: "
    "verbatim projections rebuild --downgrade"
)


class Fetch(Protocol):
    """Runs a query with `$1`-style parameters."""

    def __call__(self, query: LiteralString | bytes, params: Sequence[Any] = ()) -> Awaitable[list[Any]]:
        """All its rows, as tuples."""
        ...


class TablesAreNewer(Exception):
    """The code is older than the tables, and no process takes the log into them. Its text says what to do."""


class BuildStatus(Struct, frozen=True):
    """A build, and how far it has come: up to `position` of `head`, with `set_aside` sessions left out.

    `is_driven` says whether some process takes the log into it; `seconds_left` is None where it isn't being
    built, or doesn't come on.
    """

    build: str
    name: str
    version: int
    state: str
    position: int
    head: int
    set_aside: int
    is_driven: bool
    seconds_left: float | None = None


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
    held = {lock for (lock,) in await fetch(HELD)}
    return [BuildStatus(*row, is_driven=lock_of(row[1], row[2]) in held) for row in await fetch(BUILDS)]


async def builds_at_their_pace(fetch: Fetch) -> Sequence[BuildStatus]:
    """The same, with the time that is left for those that are being built: that takes a second."""
    before = await builds(fetch)
    if all(build.state == "live" for build in before):
        return before
    await asyncio.sleep(PACE_SECONDS)
    return at_their_pace(before, await builds(fetch), PACE_SECONDS)


def at_their_pace(
    before: Sequence[BuildStatus], now: Sequence[BuildStatus], seconds: float
) -> Sequence[BuildStatus]:
    """What is left at the pace at which builds have come on in so many seconds."""
    stood = {build.build: build.position for build in before}

    def timed(build: BuildStatus) -> BuildStatus:
        moved = build.position - stood.get(build.build, build.position)
        if build.state == "live" or not moved:
            return build
        return replace(build, seconds_left=(build.head - build.position) * seconds / moved)

    return [timed(build) for build in now]


def newer(standing: Sequence[BuildStatus], projections: Sequence[Projection]) -> Mapping[str, str]:
    """The projections whose tables are newer than the code, each with what is to be said of it."""
    ours = _versions(projections)
    return {
        build.name: f"{build.name}: its tables are of version {build.version}, "
        f"and this Verbatim makes version {ours[build.name]}; "
        + ("a newer one takes the log into them" if build.is_driven else "nothing takes the log into them")
        for build in standing
        if build.state == "live" and build.version > ours.get(build.name, build.version)
    }


def require_driven(standing: Sequence[BuildStatus], projections: Sequence[Projection]) -> None:
    """Raises TablesAreNewer where waiting for projections would have no end."""
    standing = [build for build in standing if not build.is_driven]
    if told := newer(standing, projections):
        raise TablesAreNewer("\n".join((*told.values(), DOWNGRADE)))


async def faults(fetch: Fetch) -> Sequence[Fault]:
    """All that was set aside."""
    return [Fault(*row) for row in await fetch(FAULTS)]


async def ask_for_retry(
    fetch: Fetch, projections: Sequence[Projection], names: Collection[str]
) -> Collection[str]:
    """Have what these projections set aside be tried again, in builds that somebody drives or this code can.

    Returns those builds. Raises TablesAreNewer.
    """
    standing = [build for build in await builds(fetch) if build.name in names]
    require_driven(standing, projections)
    ours = _versions(projections)
    asked = [each.build for each in standing if each.is_driven or each.version == ours.get(each.name)]
    await fetch(ASK_RETRY, (asked,))
    return asked


async def is_retried(fetch: Fetch, asked: Collection[str]) -> bool:
    """Whether all that was asked for in these builds has been tried again."""
    return (await fetch(ASKED, (asked,)))[0][0] == 0


async def have_passed(fetch: Fetch, position: int) -> bool:
    """Whether all that is live goes up to a position."""
    return (await fetch(BEHIND, (position,)))[0][0] == 0


def _versions(projections: Sequence[Projection]) -> Mapping[str, int]:
    return {projection.name: projection.version for projection in projections}
