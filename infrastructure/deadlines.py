"""The table of deadlines. See `domain.ports.DeadlineTable`.

It is made from the log, up to `position`: whoever holds the row of that position takes in what comes after,
in one transaction with the new position. Dropped, it is made again from the log's beginning.
"""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from math import nan
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from msgspec import Struct
from psycopg import AsyncRawCursor

from domain.deadlines import IdleRules, deadline_after
from domain.errors import CorruptLog, Unavailable
from domain.events import ReplyChunksRecorded, SessionEnded, SessionStarted
from infrastructure import codec
from infrastructure.meters import Meters
from infrastructure.postgres import HOLD_BRIEFLY, Database
from infrastructure.presence import LIVING

logger = logging.getLogger(__name__)

CREATE_DEADLINES = """
CREATE TABLE IF NOT EXISTS deadlines (
    session_id uuid PRIMARY KEY,
    due_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    speaker text,
    claimed_until timestamptz
);
CREATE INDEX IF NOT EXISTS deadlines_due_at ON deadlines (due_at);
CREATE INDEX IF NOT EXISTS deadlines_speaker ON deadlines (speaker) WHERE speaker IS NOT NULL;
CREATE TABLE IF NOT EXISTS deadlines_position (
    position bigint NOT NULL,
    single boolean PRIMARY KEY DEFAULT true CHECK (single)
);
INSERT INTO deadlines_position (position) VALUES (0) ON CONFLICT DO NOTHING;
"""

HASTEN_AGAIN_SECONDS = 0.05

MOST_POSITIONS = 20_000
"""How much of the log is taken in at once."""

HAS_NEWS = "SELECT (SELECT max(notification_id) FROM stored_events) > position FROM deadlines_position"

STUCK_SECONDS = 5.0
"""How long there may be news that nobody takes in before that is worth a warning."""

POSITION = "SELECT position FROM deadlines_position FOR UPDATE SKIP LOCKED"

UP_TO = "SELECT least(max(notification_id), $1) FROM stored_events"

NEWS = """
    SELECT originator_id, originator_version, topic, state FROM stored_events
    WHERE notification_id > $1 AND notification_id <= $2 AND topic <> $3 ORDER BY notification_id
"""

START = """
    INSERT INTO deadlines (session_id, due_at, expires_at, speaker)
    SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::text[])
    ON CONFLICT (session_id) DO NOTHING
"""

MOVE = """
    UPDATE deadlines
    SET due_at = least(new.due_at, expires_at), speaker = new.speaker, claimed_until = NULL
    FROM unnest($1::uuid[], $2::timestamptz[], $3::text[]) AS new (session_id, due_at, speaker)
    WHERE deadlines.session_id = new.session_id
"""

# A newer process may have recorded it: whether something is due then, only the session can say.
LOOK = "UPDATE deadlines SET due_at = least(due_at, now()), claimed_until = NULL WHERE session_id = ANY($1)"

END = "DELETE FROM deadlines WHERE session_id = ANY($1)"

MOVE_POSITION = "UPDATE deadlines_position SET position = $1"

MISSING = b"SELECT DISTINCT speaker FROM deadlines WHERE speaker IS NOT NULL AND speaker NOT IN (%b)" % LIVING

CLAIM = """
    UPDATE deadlines SET claimed_until = $2
    WHERE session_id IN (
        SELECT session_id FROM deadlines
        WHERE (due_at <= $1 OR speaker = ANY($3)) AND coalesce(claimed_until <= $1, true)
        ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED
    )
    RETURNING session_id, due_at
"""

OVERDUE = """
    SELECT extract(epoch FROM now() - due_at)::float8 FROM deadlines
    WHERE due_at <= now() AND coalesce(claimed_until <= now(), true) ORDER BY due_at LIMIT 1
"""

MEASURE_SECONDS = 1.0
"""How long the answer is waited for: when the database is stuck, operators want all the rest to be told."""

# Only once all that has been recorded in the session is taken in: its events would put it off again.
HASTEN = """
    UPDATE deadlines SET due_at = least(due_at, $2), claimed_until = NULL
    WHERE session_id = $1 AND (SELECT position FROM deadlines_position) >= (
        SELECT max(notification_id) FROM stored_events WHERE originator_id = $1
    )
    RETURNING session_id
"""

IS_ENDED = "SELECT 1 FROM stored_events WHERE originator_id = $1 AND topic = $2"

# If an event has moved the deadline meanwhile, it isn't claimed any more.
SETTLE = """
    UPDATE deadlines SET due_at = settled.due_at, claimed_until = NULL
    FROM unnest($1::uuid[], $2::timestamptz[]) AS settled (session_id, due_at)
    WHERE deadlines.session_id = settled.session_id AND claimed_until = $3
"""

# It stays claimed: one whose speaker is dead would else be given out again at once, whenever it is due.
PUT_OFF = """
    UPDATE deadlines SET due_at = greatest(due_at, $3), claimed_until = $3
    WHERE session_id = ANY($1) AND claimed_until = $2
"""

FORGET = "DELETE FROM deadlines WHERE session_id = ANY($1) AND claimed_until = $2"


class _Change(Struct):
    """What becomes of a session's row. `expires_at` is known where the session began in the same round."""

    due_at: datetime | None
    speaker: str | None
    expires_at: datetime | None


class PostgresDeadlines:
    """The table in PostgreSQL."""

    def __init__(self, database: Database, rules: IdleRules, meters: Meters | None = None) -> None:
        self._database = database
        self._rules = rules
        self._meters = meters or Meters()
        self._held_since: float | None = None
        self._is_stuck = False

    async def keep_up(self) -> bool:
        # Asked first without a lock: mostly there is nothing, and then nothing must be written.
        ((has_news,),) = await self._database.fetch(HAS_NEWS)
        if not has_news:
            return False
        async with self._database.transaction() as cursor:
            position = await self._hold(cursor)
            self._note_progress(is_held=position is None)
            if position is None:
                return False  # another process is at it
            most = position + MOST_POSITIONS
            (up_to,) = await (await cursor.execute(UP_TO, (most,))).fetchone() or (position,)
            news = await cursor.execute(NEWS, (position, up_to, ReplyChunksRecorded.topic))
            changes, unread = self._changes([StoredEvent(*row) async for row in news])
            await self._write(cursor, changes)
            if unread:
                await cursor.execute(LOOK, ([*unread],))
            await cursor.execute(MOVE_POSITION, (up_to,))
        return up_to == most

    async def _hold(self, cursor: AsyncRawCursor) -> int | None:
        """The position, which is ours until the transaction ends; None where another process has it."""
        await cursor.execute(HOLD_BRIEFLY)
        place = await (await cursor.execute(POSITION)).fetchone()
        return place[0] if place else None

    def _note_progress(self, *, is_held: bool) -> None:
        if not is_held:
            self._held_since, self._is_stuck = None, False
            return
        now = time.monotonic()
        self._held_since = self._held_since or now
        if not self._is_stuck and now - self._held_since > STUCK_SECONDS:
            self._is_stuck = True
            logger.warning(
                "deadlines are late: for %.0f s another process has held their position in the log",
                STUCK_SECONDS,
            )

    async def missing_speakers(self) -> frozenset[str]:
        return frozenset(name for (name,) in await self._database.fetch(MISSING))

    async def claim(self, now: datetime, until: datetime, dead: frozenset[str], most: int) -> Sequence[UUID]:
        rows = await self._database.fetch(CLAIM, (now, until, [*dead], most))
        # What isn't due is looked at because its speaker has died.
        self._meters.looked_at((now - due_at).total_seconds() for _, due_at in rows if due_at <= now)
        return [session_id for session_id, _ in rows]

    async def measure(self) -> None:
        """Have the meters say how late looks are now, those of all processes taken together."""
        try:
            async with asyncio.timeout(MEASURE_SECONDS):
                rows = await self._database.fetch(OVERDUE)
        except (TimeoutError, Unavailable):
            self._meters.overdue.set(nan)
        else:
            self._meters.overdue.set(rows[0][0] if rows else 0.0)

    async def hasten(self, session_id: UUID, now: datetime) -> None:
        """Have a session be due now, whatever its events have said until now. Raises Unavailable."""
        while not await self._database.fetch(HASTEN, (session_id, now)):
            if await self._database.fetch(IS_ENDED, (session_id, SessionEnded.topic)):
                return
            await self.keep_up()
            await asyncio.sleep(HASTEN_AGAIN_SECONDS)  # another process may be at it

    async def settle(self, until: datetime, due: Mapping[UUID, datetime | None]) -> None:
        over = [session_id for session_id, at in due.items() if at is None]
        later = {session_id: at for session_id, at in due.items() if at is not None}
        if over:
            await self._database.fetch(FORGET, (over, until))
        if later:
            await self._database.fetch(SETTLE, ([*later], [*later.values()], until))

    async def put_off(self, until: datetime, session_ids: Collection[UUID], later: datetime) -> None:
        if session_ids:
            await self._database.fetch(PUT_OFF, ([*session_ids], until, later))

    def _changes(self, news: Sequence[StoredEvent]) -> tuple[Mapping[UUID, _Change], set[UUID]]:
        """What becomes of rows, and the sessions with events that this process can't read."""
        changes: dict[UUID, _Change] = {}
        unread: set[UUID] = set()
        for stored in news:
            session_id = stored.originator_id
            assert isinstance(session_id, UUID)
            try:
                event, at = codec.decode(stored, cipher=None)
            except CorruptLog as error:
                logger.error("%s", error)
                unread.add(session_id)
                continue
            if deadline := deadline_after(event, at, self._rules):
                before = changes.get(session_id)
                expires_at = before.expires_at if before else None
                if isinstance(event, SessionStarted):
                    expires_at = event.expires_at
                changes[session_id] = _Change(deadline.due_at, deadline.speaker, expires_at)
        return changes, unread

    async def _write(self, cursor: AsyncRawCursor, changes: Mapping[UUID, _Change]) -> None:
        started = [
            (session_id, min(change.due_at, change.expires_at), change.expires_at, change.speaker)
            for session_id, change in changes.items()
            if change.due_at and change.expires_at
        ]
        moved = [
            (session_id, change.due_at, change.speaker)
            for session_id, change in changes.items()
            if change.due_at and not change.expires_at
        ]
        ended = [session_id for session_id, change in changes.items() if change.due_at is None]
        if started:
            await cursor.execute(START, _columns(started))
        if moved:
            await cursor.execute(MOVE, _columns(moved))
        if ended:
            await cursor.execute(END, (ended,))


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
