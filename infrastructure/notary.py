"""Records checkpoints, behind the log: of all processes, whoever is first with the next one.

Nothing is locked meanwhile, so that a process which stands still keeps nobody: whoever is late finds the
number taken, and what it has signed is thrown away.

PostgreSQL hashes the events and hands them over as one value, and the tree grows in a thread: the loop, on
which replies are spoken, hardly notices.
"""

import asyncio
import logging
from hashlib import sha256

from msgspec.structs import replace

from domain.errors import Unavailable
from domain.ports import Clock
from domain.proof import Checkpoint
from infrastructure.checkpoints import (
    COLUMNS,
    END_OF_LOG,
    GENESIS,
    LEAVES,
    checkpoint_of,
    hash_of,
    leaves_of,
    signed,
)
from infrastructure.hints import write_hints
from infrastructure.merkle import root_of
from infrastructure.postgres import Database
from infrastructure.signing import SigningKey

logger = logging.getLogger(__name__)

MOST_EVENTS = 4096
"""Events that a checkpoint covers at most."""

# A range ends at an event, and appends commit in the order of their positions: nothing can come into it
# later.
HAS_NEWS = """
    SELECT coalesce(max(notification_id), 0) > (SELECT coalesce(max(up_to), 0) FROM checkpoints)
    FROM stored_events
"""

LATEST = f"SELECT {COLUMNS} FROM checkpoints ORDER BY number DESC LIMIT 1"  # noqa: S608

KEEP = f"""
    INSERT INTO checkpoints ({COLUMNS}, hints)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (number) DO NOTHING RETURNING number
"""  # noqa: S608


class Notary:
    """Signs what the log holds, every so many seconds."""

    def __init__(
        self,
        database: Database,
        key: SigningKey,
        clock: Clock,
        seconds: float = 60,
        most_events: int = MOST_EVENTS,
    ) -> None:
        self._database = database
        self._key = key
        self._clock = clock
        self._seconds = seconds
        self._most_events = most_events

    async def run(self) -> None:
        """For ever, keep up with the log."""
        reachable = True
        while True:
            try:
                while await self.keep_up():
                    pass
                reachable = True
            except Unavailable:
                if reachable:
                    logger.warning("no checkpoints are recorded: the database is out of reach")
                reachable = False
            await asyncio.sleep(self._seconds)

    async def keep_up(self) -> bool:
        """Record the next checkpoint, if there is news; whether there may be more. Raises Unavailable."""
        # Asked first: mostly there is nothing, and this costs the least.
        ((has_news,),) = await self._database.fetch(HAS_NEWS)
        if not has_news:
            return False
        rows = await self._database.fetch(LATEST.encode())
        latest = checkpoint_of(rows[0]) if rows else None
        after = latest.up_to if latest else 0
        ((events, up_to, joined),) = await self._database.fetch(
            LEAVES, (after, END_OF_LOG, self._most_events)
        )
        if not events:
            return False  # another process was first
        draft = Checkpoint(
            number=latest.number + 1 if latest else 1,
            after=after,
            up_to=up_to,
            events=events,
            root=b"",
            hints_hash=b"",
            before=hash_of(latest) if latest else GENESIS,
            signed_at=int(self._clock.now().timestamp() * 1000),
            key_id=self._key.id,
        )
        checkpoint, hints = await asyncio.to_thread(_completed, draft, joined, self._key)
        fields = [getattr(checkpoint, name) for name in Checkpoint.__struct_fields__]
        kept = await self._database.fetch(KEEP.encode(), (*fields, hints))
        return bool(kept) and events == self._most_events


def _completed(draft: Checkpoint, joined: bytes, key: SigningKey) -> tuple[Checkpoint, bytes]:
    """The checkpoint over these leaves, and its hints."""
    leaves = [*leaves_of(joined)]
    hints = write_hints(leaves)
    root = root_of([leaf for *_, leaf in leaves])
    return signed(replace(draft, root=root, hints_hash=sha256(hints).digest()), key), hints
