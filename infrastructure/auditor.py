"""Verifies and proves on connections of its own, in threads. See `domain.proof.Auditor`."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TypeVar
from uuid import UUID

import psycopg
from msgspec.structs import replace

from domain.errors import Unavailable
from domain.proof import Anchor, Check, Finding, Progress, PublicKey, Verdict, unwatched
from infrastructure.checkpoints import COLUMNS, checkpoint_of
from infrastructure.keyring import WrappedKeyring
from infrastructure.postgres import UNAVAILABLE, Database
from infrastructure.proof_bundle import ProofBundle
from infrastructure.signing import SigningKey
from infrastructure.verification import Verification, snapshot

T = TypeVar("T")

AFTER = f"SELECT {COLUMNS}, hints FROM checkpoints WHERE number > $1 ORDER BY number LIMIT $2"  # noqa: S608

LATEST = f"SELECT {COLUMNS}, hints FROM checkpoints ORDER BY number DESC LIMIT 1"  # noqa: S608


class PostgresAuditor:
    """An auditor of the log at `conninfo`. `checks` are others, of what is made from the log."""

    def __init__(
        self,
        conninfo: str,
        database: Database,
        keyring: WrappedKeyring,
        key: SigningKey,
        checks: Sequence[Check] = (),
    ) -> None:
        self._conninfo = conninfo
        self._database = database
        self._keyring = keyring
        self._key = key
        self._checks = checks
        # One at a time: each takes as much of a core as it can get, and the conversations come first.
        self._turn = asyncio.Lock()

    @property
    def public_key(self) -> PublicKey:
        return PublicKey(self._key.id, self._key.public)

    async def verify(self, session_id: UUID, anchor: Anchor | None = None) -> Verdict | None:
        def verify(connection: psycopg.Connection) -> Verdict | None:
            return self._verification(connection, anchor).of_session(session_id)

        async with self._turn:
            verdict = await self._in_snapshot(verify)
            return _with(verdict, await self._more([session_id], unwatched)) if verdict else None

    async def verify_log(self, anchor: Anchor | None = None, progress: Progress = unwatched) -> Verdict:
        """Verify all there is. `progress` is called in threads. Raises Unavailable."""
        of_log, of_rest = _halves(progress)

        def verify(connection: psycopg.Connection) -> Verdict:
            verdict = self._verification(connection, anchor).of_log(of_log)
            of_log(1)
            return verdict

        async with self._turn:
            # Together: each waits half of its time for the database, and they wait for different things.
            verdict, more = await asyncio.gather(self._in_snapshot(verify), self._more(None, of_rest))
        return _with(verdict, more)

    async def checkpoints(self, after: int, most: int, *, hints: bool = False) -> Anchor:
        return self._anchor(await self._database.fetch(AFTER.encode(), (after, most)), hints=hints)

    async def latest_checkpoint(self) -> Anchor:
        """The latest checkpoint, which vouches for all; none, if there is none yet. Raises Unavailable."""
        return self._anchor(await self._database.fetch(LATEST.encode()), hints=False)

    async def bundle(
        self, session_id: UUID, up_to: int, renderings: Mapping[str, bytes], *, with_key: bool
    ) -> bytes:
        def make(connection: psycopg.Connection) -> bytes:
            bundle = ProofBundle(connection, self._keyring, self._key.public)
            return bundle.make(session_id, up_to, renderings, with_key=with_key)

        async with self._turn:
            return await self._in_snapshot(make)

    def _verification(self, connection: psycopg.Connection, anchor: Anchor | None) -> Verification:
        return Verification(connection, self._keyring, self._key.public, anchor)

    def _anchor(self, rows: Sequence[tuple[object, ...]], *, hints: bool) -> Anchor:
        checkpoints = [checkpoint_of(row) for row in rows]
        kept = [row[-1] for row in rows if isinstance(row[-1], bytes)] if hints else []
        numbers = [checkpoint.number for checkpoint in checkpoints]
        return Anchor(self._key.public, checkpoints, dict(zip(numbers, kept, strict=False)))

    async def _in_snapshot(self, work: Callable[[psycopg.Connection], T]) -> T:
        def run() -> T:
            with snapshot(self._conninfo) as connection:
                return work(connection)

        try:
            return await asyncio.to_thread(run)
        except psycopg.OperationalError:
            raise Unavailable from None

    async def _more(self, session_ids: Collection[UUID] | None, progress: Progress) -> Sequence[Finding]:
        """What the other checks find."""
        findings: list[Finding] = []
        try:
            for number, check in enumerate(self._checks):
                findings += await check(session_ids, partial(_share, progress, number, len(self._checks)))
        except UNAVAILABLE:
            raise Unavailable from None
        progress(1)
        return findings


def _share(progress: Progress, before: int, of: int, done: float) -> None:
    """Tell of one work among so many of the same size, `before` of which are done."""
    progress((before + done) / of)


def _halves(progress: Progress) -> tuple[Progress, Progress]:
    """For two works that are done at the same time and together are the whole."""
    done = [0.0, 0.0]

    def told(half: int, share: float) -> None:
        done[half] = share
        progress(sum(done) / 2)

    return partial(told, 0), partial(told, 1)


def _with(verdict: Verdict, more: Sequence[Finding]) -> Verdict:
    return replace(verdict, findings=[*verdict.findings, *more])
