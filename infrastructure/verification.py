"""Verifies the log: every row against the others of its session, and against the checkpoints.

It reads within one snapshot, so that nothing is taken for missing that has only just been recorded; page by
page, so that memory grows with the number of sessions alone, by about half a kilobyte each. It
blocks, and is for a thread or a process of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent
from msgspec.structs import replace
from psycopg import IsolationLevel, RawCursor

from domain.errors import CorruptLog
from domain.proof import Anchor, Finding, Progress, Verdict, unwatched
from infrastructure import codec
from infrastructure.checkpoints import COLUMNS, checkpoint_of
from infrastructure.cover_checks import Cover, CoverChecks, Covered, Stored, compared, covers
from infrastructure.keyring import KEYS, WrappedKeyring
from infrastructure.log_reader import HEAD
from infrastructure.postgres import LIVELY
from infrastructure.session_checks import Key, SessionChecks, found

PAGE_EVENTS = 1000
PAGE_CHECKPOINTS = 32
REMEMBERED_KEYS = 20_000

BEFORE_ALL = -(2**63) - 1
"""No position, and no number of a checkpoint, can be so low."""

ROWS = "SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events"

PAGE = f"{ROWS} WHERE notification_id > $1 ORDER BY notification_id LIMIT $2"

RANGE = f"{ROWS} WHERE notification_id > $1 AND notification_id <= $2 ORDER BY notification_id LIMIT $3"

SESSION = f"{ROWS} WHERE originator_id = $1 ORDER BY notification_id"

CHECKPOINTS = f"""
    SELECT {COLUMNS}, hints FROM checkpoints WHERE number > $1 ORDER BY number LIMIT $2
"""  # noqa: S608

# Those whose hints name a session, those of some positions, and some by their numbers. All hints are looked
# through, at 8 ms for a million events: of a session whose rows were taken away, or written anew further on,
# checkpoints tell under which it doesn't stand any more. An index beside them could be changed with the rows.
ABOUT = f"""
    SELECT {COLUMNS}, hints FROM checkpoints
    WHERE position(uuid_send($1) IN hints) > 0 OR number = ANY($3)
        OR EXISTS (SELECT FROM unnest($2::bigint[]) AS p (place) WHERE after < place AND up_to >= place)
    ORDER BY number
"""  # noqa: S608

LAST_COVERED = "SELECT coalesce(max(up_to), 0) FROM checkpoints"


@contextmanager
def snapshot(conninfo: str, *, read_only: bool = True) -> Iterator[psycopg.Connection]:
    """A connection that sees the database as it is now, and changes nothing; where it isn't `read_only`, it
    can make temporary tables. Raises psycopg.OperationalError."""
    with psycopg.connect(conninfo, application_name="verbatim-verify", **LIVELY) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = read_only
        yield connection


class Verification:
    """A verification on a connection that is in a transaction. `public_key` is the one that checkpoints of
    ours are signed with."""

    def __init__(
        self,
        connection: psycopg.Connection,
        keyring: WrappedKeyring,
        public_key: bytes,
        anchor: Anchor | None = None,
    ) -> None:
        self._connection = connection
        self._keyring = keyring
        self._public_key = public_key
        self._anchor = anchor
        self._keys: dict[UUID, Key] = {}
        self._findings: list[Finding] = []
        self._sessions = SessionChecks(self._findings.append)

    def of_log(self, progress: Progress = unwatched) -> Verdict:
        """Verify all there is."""
        ((head,),) = self._fetch(HEAD)
        checks = CoverChecks(
            covers(self._all_checkpoints(), self._public_key, self._anchor), self._findings.append
        )
        events = 0
        uncovered_since: datetime | None = None
        for rows in self._pages():
            for place, at in self._taken(rows):
                if not checks.take(place):
                    uncovered_since = uncovered_since or at
            events += len(rows)
            progress(min(rows[-1][0] / head, 1))
        checks.finish()
        return self._verdict(events, checks.count, checks.latest, checks.uncovered, uncovered_since)

    def of_session(self, session_id: UUID) -> Verdict | None:
        """Verify one session, and the checkpoints under which it stands; None where nothing is known of it.

        What only the whole of the log can show, such as checkpoints that were removed or changed so that they
        don't name the session any more, is left to `of_log`.
        """
        rows = self._fetch(SESSION, (session_id,))
        stored = self._about(session_id, [position for position, *_ in rows])
        taken = [*self._taken(rows)]
        count, latest = 0, None
        is_mentioned = False
        for cover in covers(stored, self._public_key, self._anchor, whole=False):
            is_within = any(cover.after < place.position <= cover.up_to for place, _ in taken)
            is_named = session_id.bytes in (cover.hints or b"")
            is_mentioned |= is_named
            if is_within or is_named:
                self._findings += compared(cover, self._under(cover))
            elif cover.faults:
                self._findings += compared(replace(cover, checkpoint=None), ())
            if cover.checkpoint:
                count += 1
                latest = cover.number if is_within else latest
        if not rows and not is_mentioned:
            return None
        uncovered = self._uncovered(taken, stored)
        return self._verdict(len(rows), count, latest, len(uncovered), uncovered[0] if uncovered else None)

    # --- what is read

    def _pages(self) -> Iterator[Sequence[Any]]:
        position = BEFORE_ALL
        while rows := self._fetch(PAGE, (position, PAGE_EVENTS)):
            yield rows
            position = rows[-1][0]

    def _all_checkpoints(self) -> Iterator[Stored]:
        number = BEFORE_ALL
        while rows := self._fetch(CHECKPOINTS, (number, PAGE_CHECKPOINTS)):
            for row in rows:
                yield checkpoint_of(row), row[-1]
            number = rows[-1][0]

    def _about(self, session_id: UUID, positions: Sequence[int]) -> Sequence[Stored]:
        anchored = [checkpoint.number for checkpoint in self._anchor.checkpoints] if self._anchor else []
        rows = self._fetch(ABOUT, (session_id, positions, anchored))
        return [(checkpoint_of(row), row[-1]) for row in rows]

    def _under(self, cover: Cover) -> Sequence[Covered]:
        """The events at a cover's positions; where there is nothing to compare them with, the first."""
        most = cover.checkpoint.events + PAGE_EVENTS if cover.checkpoint else 1
        rows = self._fetch(RANGE, (cover.after, cover.up_to, most))
        return [
            Covered(position, row[0], row[1], codec.digest(StoredEvent(*row)) if row[1] >= 0 else b"")
            for position, *row in rows
        ]

    def _fetch(self, query: str, params: Sequence[object] = ()) -> list[Any]:
        cursor = RawCursor(self._connection)
        return cursor.execute(query.encode(), params, prepare=True, binary=True).fetchall()

    # --- what is checked

    def _taken(self, rows: Sequence[Any]) -> Iterator[tuple[Covered, datetime | None]]:
        """Have rows checked against the others of their sessions."""
        sessions = self._sessions
        events = [StoredEvent(*row) for _, *row in rows]
        self._learn_keys({sessions.visitor_of(event) for event in events})
        for (position, session_id, version, *_), event in zip(rows, events, strict=True):
            digest, at = sessions.take(position, event)
            yield Covered(position, session_id, version, digest), at

    def _learn_keys(self, visitor_ids: Iterable[UUID | None]) -> None:
        wanted = {visitor_id for visitor_id in visitor_ids if visitor_id and visitor_id not in self._keys}
        if not wanted:
            return
        if len(self._keys) > REMEMBERED_KEYS:
            self._keys.clear()
            wanted |= {visitor_id for visitor_id in visitor_ids if visitor_id}
        for visitor_id, wrapped in self._fetch(KEYS, ([*wanted],)):
            self._keys[visitor_id] = _key(self._keyring, visitor_id, wrapped)
        self._sessions.keys = self._keys

    def _uncovered(
        self, taken: Sequence[tuple[Covered, datetime | None]], stored: Sequence[Stored]
    ) -> Sequence[datetime | None]:
        """When those events of a session were recorded that came after the last checkpoint of all; one that
        came before, and is under none, is a finding."""
        ((last,),) = self._fetch(LAST_COVERED)
        ranges = [(checkpoint.after, checkpoint.up_to) for checkpoint, _ in stored]
        for place, _ in taken:
            if place.position <= last and not any(after < place.position <= upto for after, upto in ranges):
                what = (
                    "no checkpoint covers it, while there are later ones: moved, or a checkpoint was removed"
                )
                self._findings.append(found(what, place.session_id, place.version, place.position))
        return [at for place, at in taken if place.position > last]

    def _verdict(
        self, events: int, checkpoints: int, latest: int | None, uncovered: int, since: datetime | None
    ) -> Verdict:
        self._sessions.finish()
        findings = sorted(self._findings, key=lambda finding: finding.position or 0)
        return Verdict(findings, events, len(self._sessions.heads), checkpoints, latest, uncovered, since)


def _key(keyring: WrappedKeyring, visitor_id: UUID, wrapped: bytes | None) -> Key:
    if wrapped is None:
        return None
    try:
        return AESGCM(keyring.unwrap(visitor_id, wrapped))
    except CorruptLog:
        return "can't be unwrapped with the master key: it was replaced"
