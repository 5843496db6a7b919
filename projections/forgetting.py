"""What tables of projections still hold of visitors who are erased, and how they come to hold nothing."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from uuid import UUID

import psycopg

from projections.status import Fetch

# Not live alone: what is being made beside it, and what hasn't been dropped yet, hold what was said as well.
NOT_THERE_YET = """
    SELECT count(*) FROM projections LEFT JOIN notification_tracking ON application_name = build
    WHERE state = 'retired' OR coalesce(notification_id, 0) < $1
        OR EXISTS (SELECT FROM projection_faults AS fault WHERE fault.build = projections.build AND retry)
"""

NAMES = "SELECT DISTINCT name FROM projections ORDER BY name"

MAKE_ANEW = """
    INSERT INTO projection_faults (build, session_id, version, position, topic, error, retry)
    SELECT build, session_id, 0, 0, '', 'its visitor was erased', true
    FROM projections, unnest($1::uuid[]) AS asked (session_id) WHERE state <> 'retired'
    ON CONFLICT (build, session_id) DO UPDATE SET retry = true
"""
"""What is set aside and tried again is made again from nothing."""

UNFINISHED = """
    SELECT DISTINCT visitor_id FROM live.sessions JOIN visitor_keys USING (visitor_id)
    WHERE erased_at IS NOT NULL AND destroyed_at IS NULL
"""

TABLES = """
    SELECT format('%I.%I', schemaname, tablename) FROM pg_tables JOIN projections ON schemaname = build
    UNION ALL SELECT 'visitor_keys'
"""

TIDY = "VACUUM (SKIP_LOCKED, TRUNCATE OFF) {}"
"""Waits for nobody and makes nobody wait."""


class Tables:
    """See `domain.erasure.Forgetting`."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def make_anew(self, session_ids: Iterable[UUID]) -> None:
        await self._fetch(MAKE_ANEW, ([*session_ids],))

    async def forgotten(self, position: int) -> Sequence[str] | None:
        if (await self._fetch(NOT_THERE_YET, (position,)))[0][0]:
            return None
        return [name for (name,) in await self._fetch(NAMES)]

    async def unfinished(self) -> Sequence[UUID]:
        return [visitor_id for (visitor_id,) in await self._fetch(UNFINISHED)]

    async def tidy(self) -> None:
        """Have PostgreSQL clear away the versions of rows that were replaced: no query finds them, but files
        hold them until then."""
        for (table,) in await self._fetch(TABLES):
            with suppress(psycopg.Error):  # another build may have taken its place meanwhile
                await self._fetch(TIDY.format(table).encode())
