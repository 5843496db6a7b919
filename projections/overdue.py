"""Visitors whose sessions are all older than an operator wants to keep them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from projections.status import Fetch

OVER = "(coalesce(ended_at, started_at) < $1 AND (ended_at IS NOT NULL OR expires_at < $2))"

OVERDUE = f"""
    SELECT visitor_id, session_id FROM live.sessions AS session
    WHERE erased_at IS NULL AND {OVER} AND NOT visitor_id = ANY($3) AND NOT EXISTS (
        SELECT FROM live.sessions
        WHERE visitor_id = session.visitor_id AND erased_at IS NULL AND NOT {OVER}
    )
    ORDER BY coalesce(ended_at, started_at) LIMIT $4
"""  # noqa: S608
"""By an index of those that aren't erased, from the oldest on."""

COUNT = f"SELECT count(DISTINCT visitor_id), count(*) FROM ({OVERDUE}) AS overdue"  # noqa: S608


class OverdueVisitors:
    """See `domain.retention.Overdue`."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def find(self, before: datetime, now: datetime, but: Collection[UUID], most: int) -> Sequence[UUID]:
        rows = await self._fetch(OVERDUE.encode(), (before, now, [*but], most))
        return [*dict.fromkeys(visitor_id for visitor_id, _ in rows)]

    async def count(self, before: datetime, now: datetime) -> tuple[int, int]:
        """How many visitors there are, and how many sessions of theirs."""
        return (await self._fetch(COUNT.encode(), (before, now, [], None)))[0]
