"""The one writer of a process: first in, first out, all that is pending in one transaction.

Under load there are two of them: the second is sent before the first is answered, and committed after it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from itertools import islice
from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg.pq.abc import PGresult

from domain.errors import Conflict, Unavailable
from infrastructure.meters import Meters
from infrastructure.pipeline import (
    ConnectionLost,
    Pipeline,
    Refused,
    Statement,
    bigints,
    byteas,
    texts,
    uuids,
)
from infrastructure.recorder import Place, Recorder, columns, require_consecutive

logger = logging.getLogger(__name__)

MAX_BATCH = 1000
"""Commands in one transaction, at most."""

MAX_BATCH_BYTES = 64 * 1024
"""Of what is recorded in one transaction of several commands, at most. That much the socket takes at once: of
a batch that is handed over bit by bit, the server holds the lock of all writers while it waits for the rest,
and a process that is stopped in between (SIGSTOP, a paused machine) would never send it."""

MANY = 16
"""So many pending commands are sent right behind a commit that is under way, so that the server needn't wait
for us between the two; fewer wait, and are then more. A writer that was idle begins with half of them: those
who wait for commits then take turns, and make their next commands while the other half is being committed."""

UNDER_WAY = 2
"""Commits that the server is given at most before it has answered the first."""

RECONNECT_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Pauses between attempts to reach the server; the last is repeated."""

CLOSE_SECONDS = 3.0
"""How long the commits under way may take once the writer is to stop."""

STUCK_SECONDS = 2.0
"""How long an append may be under way before the log counts as one that can't be written."""

TRANSIENT = ("25006", "40", "53", "55P03", "57", "58", "XX")
"""SQLSTATEs, or their beginnings, that say something of the server and nothing of the command."""


class GroupCommit:
    """Commits commands, each of them consecutive rows of one stream, all or none.

    A commit whose outcome is unknown, because the connection died, is tried again until the server
    answers: what stands there already, byte for byte (and a random nonce makes bytes unique), was
    recorded then; the rest is recorded now, or has lost to another writer. Meanwhile new commands are
    refused, so that nothing waits that nobody knows the fate of.
    """

    def __init__(self, conninfo: str, recorder: Recorder, meters: Meters | None = None) -> None:
        self._conninfo = conninfo
        self._lock = Statement("lock", recorder.lock_statement, 0)
        self._append = Statement("append", recorder.append_statement, 5)
        self._settle = Statement("settle", recorder.settle_statement, 4)
        self._pending: deque[_Command] = deque()
        self._pipeline: Pipeline | None = None
        self._meters = meters or Meters()
        self._reachable = True
        self._closing = False
        self._loop: asyncio.AbstractEventLoop
        self._context = copy_context()
        self._commits: dict[asyncio.Task[None], float] = {}
        """Each with the time when its first command was given to us."""
        self._is_looking_soon = False
        self._reconnecting = asyncio.Lock()

    async def open(self) -> None:
        """Connect and begin to write. Raises Unavailable."""
        self._loop = asyncio.get_running_loop()
        try:
            self._pipeline = await self._connect()
        except psycopg.OperationalError:
            raise Unavailable from None

    async def close(self) -> None:
        """Finish the commits under way and stop; what is still pending fails as unavailable."""
        self._closing = True
        self._refuse_pending()
        if commits := set(self._commits):
            _, late = await asyncio.wait(commits, timeout=CLOSE_SECONDS)
            for commit in late:
                commit.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._pipeline is not None:
            await self._pipeline.close()

    def check(self) -> None:
        """Return unless every append is refused now, or isn't being answered. Raises Unavailable."""
        if self._closing or not self._reachable:
            raise Unavailable
        waiting_since = [*self._commits.values(), *(first.asked_at for first in islice(self._pending, 1))]
        if waiting_since and self._loop.time() - min(waiting_since) > STUCK_SECONDS:
            raise Unavailable

    @property
    def pending(self) -> int:
        """How many commands wait to be sent."""
        return len(self._pending)

    def append(self, rows: Sequence[StoredEvent], committed: Callable[[], None]) -> "asyncio.Future[None]":
        """Record rows of one stream, with consecutive versions, in one transaction.

        `committed` is called right after the commit, even if nobody waits for the future any more. The
        future raises Conflict or Unavailable, where nothing was recorded. Raises IntegrityError at once
        where the versions aren't consecutive.
        """
        require_consecutive(rows)
        future = self._loop.create_future()
        if self._closing or not self._reachable:
            future.set_exception(Unavailable())
        else:
            self._pending.append(_Command(rows, committed, future, self._loop.time()))
            self._look_soon()
        return future

    def _look_soon(self) -> None:
        # Not at once: all who are about to append should be in the same commit.
        if not self._is_looking_soon:
            self._is_looking_soon = True
            # In our own context: a commit is nobody's, and not of the request that happened to ask for it.
            self._loop.call_soon(self._commit_pending, context=self._context)

    def _commit_pending(self) -> None:
        self._is_looking_soon = False
        while self._pending and self._has_room():
            is_idle = not self._commits
            count = len(self._pending)
            batch = self._take_batch(count // 2 if is_idle and count >= MANY else MAX_BATCH)
            commit = self._loop.create_task(self._see_through(batch), name="group commit")
            self._commits[commit] = batch[0].asked_at

    def _has_room(self) -> bool:
        if not self._commits:
            return True
        return self._pipeline is not None and len(self._commits) < UNDER_WAY and len(self._pending) >= MANY

    async def _see_through(self, batch: "list[_Command]") -> None:
        try:
            await self._commit(batch)
            self._meters.committed(len(batch), self._loop.time() - batch[0].asked_at)
        except Exception as error:
            # Whatever it is, the other sessions need their writer.
            logger.exception("a commit broke off", exc_info=error)
        finally:
            for command in batch:
                if not command.future.done():
                    command.fail(Unavailable())
            commit = asyncio.current_task()
            assert commit is not None
            self._commits.pop(commit, None)
            self._look_soon()

    def _take_batch(self, most: int) -> "list[_Command]":
        """What is pending, in order, but one command of a stream at most: only the outcome of that one
        tells whether the next is in order."""
        batch: list[_Command] = []
        later: list[_Command] = []
        streams: set[UUID | str] = set()
        size = 0
        while self._pending and len(batch) < most:
            if batch and size + self._pending[0].size > MAX_BATCH_BYTES:
                break
            command = self._pending.popleft()
            if command.stream in streams:
                later.append(command)
            else:
                streams.add(command.stream)
                batch.append(command)
                size += command.size
        self._pending.extendleft(reversed(later))
        return batch

    async def _commit(self, batch: "list[_Command]", *, unsure: bool = False) -> None:
        """Record a batch; `unsure` says that an attempt before may have recorded it already."""
        while True:
            if self._pipeline is None and not await self._reconnect(() if unsure else batch):
                return
            pipeline = self._pipeline
            assert pipeline is not None
            try:
                refused = await self._write(pipeline, batch, unsure=unsure)
            except ConnectionLost as loss:
                await self._give_up(pipeline)
                if loss.was_sent:
                    logger.warning("the connection to the log was lost: settling %d commands", len(batch))
                    unsure = True
            except Refused as error:
                if not (unsure and len(batch) == 1 and error.sqlstate.startswith(TRANSIENT)):
                    await self._take_no(batch, error, unsure=unsure)
                    return
                # Whether the command stands already is still unknown: ask on, and maybe somebody else.
                logger.warning("the log can't settle a command: SQLSTATE %s", error.sqlstate)
                await self._give_up(pipeline)
                await asyncio.sleep(RECONNECT_SECONDS[-1])
            else:
                for command in batch:
                    command.fail(Conflict()) if command.place in refused else command.succeed()
                return

    async def _take_no(self, batch: "list[_Command]", error: Refused, *, unsure: bool) -> None:
        """The server has refused a batch: if it dislikes one command, the others must not suffer for it."""
        if len(batch) > 1:
            for command in batch:
                await self._commit([command], unsure=unsure)
            return
        level = logging.WARNING if error.sqlstate.startswith(TRANSIENT) else logging.ERROR
        logger.log(level, "the log refused an append: SQLSTATE %s", error.sqlstate)
        batch[0].fail(Unavailable())

    async def _write(self, pipeline: Pipeline, batch: "list[_Command]", *, unsure: bool) -> set[Place]:
        """The rows that are not recorded. Raises ConnectionLost, Refused."""
        ids, versions, topics, states, firsts = columns(command.rows for command in batch)
        arrays = (uuids(ids), bigints(versions), texts(topics), byteas(states))
        _, inserted = await pipeline.run([(self._lock, ()), (self._append, (*arrays, bigints(firsts)))])
        if inserted.ntuples == len(ids):
            return set()
        refused = set(zip(ids, versions, strict=True)) - _places(inserted)
        if unsure:
            (standing,) = await pipeline.run([(self._settle, arrays)])
            refused -= _places(standing)
        return refused

    async def _connect(self) -> Pipeline:
        return await Pipeline.connect(self._conninfo, (self._lock, self._append, self._settle))

    async def _give_up(self, pipeline: Pipeline) -> None:
        # Another commit may have got a new one already.
        if self._pipeline is pipeline:
            self._pipeline = None
        await pipeline.close()

    async def _reconnect(self, unsent: "Sequence[_Command]") -> bool:
        """Connect, however long that takes. Where it doesn't succeed at once, what has never been sent is
        refused: the answer is then no."""
        async with self._reconnecting:
            attempt = 0
            while self._pipeline is None:
                try:
                    self._pipeline = await self._connect()
                except psycopg.OperationalError:
                    self._reachable = False
                    self._refuse_pending()
                    for command in unsent:
                        command.fail(Unavailable())
                    await asyncio.sleep(RECONNECT_SECONDS[min(attempt, len(RECONNECT_SECONDS) - 1)])
                    attempt += 1
            self._reachable = True
            return not (attempt and unsent)

    def _refuse_pending(self) -> None:
        while self._pending:
            self._pending.popleft().fail(Unavailable())


class _Command:
    """Rows of one stream that are recorded together or not at all."""

    __slots__ = ("asked_at", "committed", "future", "place", "rows", "size", "stream")

    def __init__(
        self,
        rows: Sequence[StoredEvent],
        committed: Callable[[], None],
        future: "asyncio.Future[None]",
        asked_at: float,
    ) -> None:
        self.rows = rows
        self.size = sum(len(row.state) for row in rows)
        self.asked_at = asked_at
        self.committed = committed
        self.future = future
        self.stream = rows[0].originator_id
        self.place: Place = (self.stream, rows[0].originator_version)

    def succeed(self) -> None:
        try:
            self.committed()
        except Exception:
            # It is on the record all the same: who is told otherwise records it again.
            logger.exception("what was recorded isn't passed on")
        if not self.future.done():
            self.future.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


def _places(result: PGresult) -> set[Place]:
    """The streams and versions in the first two columns of a binary result."""
    return {
        (UUID(bytes=_value(result, row, 0)), int.from_bytes(_value(result, row, 1), "big"))
        for row in range(result.ntuples)
    }


def _value(result: PGresult, row: int, column: int) -> bytes:
    value = result.get_value(row, column)
    assert value is not None, "streams and versions are never null"
    return value
