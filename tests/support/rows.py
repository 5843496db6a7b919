"""Rows for the log's writer, how their commands end, and which of them are recorded."""

import asyncio
import itertools
from collections.abc import Sequence
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from tests.support.postgres import execute

_states = itertools.count()


def row(stream: UUID, version: int, topic: str = "tested.v1") -> StoredEvent:
    """A row like no other: a random nonce makes ours so."""
    return StoredEvent(stream, version, topic, b"state %d" % next(_states))


def nobody() -> None:
    """Nobody needs to know."""


def recorded(conninfo: str, stream: UUID) -> list[tuple[int, bytes]]:
    query = (
        "SELECT originator_version, state FROM stored_events "
        "WHERE originator_id = %s ORDER BY notification_id"
    )
    return [(version, bytes(state)) for version, state in execute(conninfo, query, stream)]


def as_recorded(*rows: StoredEvent) -> list[tuple[int, bytes]]:
    return [(row.originator_version, row.state) for row in rows]


async def outcomes(futures: Sequence["asyncio.Future[None]"]) -> list[type[BaseException] | None]:
    """How each command ended."""
    async with asyncio.timeout(20):
        results = await asyncio.gather(*futures, return_exceptions=True)
    return [None if result is None else type(result) for result in results]
