"""Process manager: what must happen in a session because time has passed, or because a process has died.

    event -> next deadline          `deadline_after`: kept in a table, for all sessions of the log
    due deadline -> decision        `on_due`: the session decides, not the timer

The table says when to look, and is allowed to be wrong: a session that is looked at too early, twice or too
late decides the same as ever, and says when to look again. `DeadlineKeeper` looks, in every process; which of
them looks at which session is settled by the table.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from domain.errors import Unavailable, sayable
from domain.events import (
    Event,
    IdleWarningIssued,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    SessionStarted,
)
from domain.ports import Clock, DeadlineTable
from domain.session import ChatSession, end

logger = logging.getLogger(__name__)


class IdleRules(Struct, frozen=True):
    """After how long a quiet session is warned, and after how long it ends, both counted from when it fell
    quiet; and what the visitor is told then."""

    warning_after: timedelta = timedelta(seconds=120)
    end_after: timedelta = timedelta(seconds=240)
    warning_text: str = "Are you still there?"
    end_text: str = "This session has ended because it was idle."


# --- event -> next deadline


class Deadline(Struct, frozen=True):
    """When to look at a session again; never, where it has ended. `speaker` is the process that speaks in it,
    if one does: should it die, the session is looked at, too."""

    due_at: datetime | None
    speaker: str | None = None


def deadline_after(event: Event, at: datetime, rules: IdleRules) -> Deadline | None:
    """The deadline of a session after an event that was recorded at `at`; None, if the event changes none.

    A visitor's message changes none: a reply begins with it, or is open already.
    """
    match event:
        case SessionStarted() | ReplyCompleted() | ReplyStopped() | ReplyFailed():
            return Deadline(at + rules.warning_after)
        case ReplyStarted(node=node):
            return Deadline(at + rules.warning_after, node)
        case IdleWarningIssued():
            return Deadline(at + rules.end_after - rules.warning_after)
        case SessionEnded():
            return Deadline(None)
        case _:
            return None


# --- due deadline -> decision


def on_due(session: ChatSession, now: datetime, rules: IdleRules, response_id: UUID) -> list[Event]:
    """What a session does because of the time: warn, end, expire, or nothing."""
    due = next_deadline(session, now, rules)
    if due is None or now < due:
        return []
    if now >= session.expires_at:
        return end(session, SessionEnded("expired"))
    if session.waiting:
        return []  # it is we who owe an answer
    if session.warned_at is None:
        seconds = round(rules.warning_after.total_seconds())
        return [IdleWarningIssued(response_id, rules.warning_text, seconds)]
    seconds = round(rules.end_after.total_seconds())
    return end(session, SessionEnded("idle_timeout", response_id, rules.end_text, seconds))


def next_deadline(session: ChatSession, now: datetime, rules: IdleRules) -> datetime | None:
    """When a session must be looked at; never again, where it has ended."""
    if session.ended:
        return None
    if session.open_reply:
        due = now + rules.warning_after  # not before it ends, and nobody knows when that is
    elif session.warned_at is None:
        due = session.quiet_since + rules.warning_after
    else:
        due = session.warned_at + rules.end_after - rules.warning_after
    return min(due, session.expires_at)


# --- looking


LOOK_SECONDS = 0.25
"""How often each process looks."""

LEASE = timedelta(seconds=5)
"""How long a session that one process looks at isn't given to another."""

GRACE = timedelta(seconds=0.75)
"""How long a process must have been missing before it counts as dead: a server that restarts forgets the
locks of all, and they take a moment to be back."""

RETRY = timedelta(minutes=5)
"""When to look again at a session that can't be read: perhaps a newer process can, or will."""

MOST_AT_ONCE = 200

Attend = Callable[[UUID, frozenset[str]], Awaitable[datetime | None]]
"""Does in a session what is due there, knowing which processes are dead; says when to look again."""


class DeadlineKeeper:
    """Looks after all sessions of the log, together with those of other processes."""

    def __init__(self, table: DeadlineTable, attend: Attend, clock: Clock) -> None:
        self._table = table
        self._attend = attend
        self._clock = clock
        self._missing_since: dict[str, datetime] = {}
        self._is_stopped = False

    def stop(self) -> None:
        """Leave what is due from now on to other processes."""
        self._is_stopped = True

    async def run(self) -> None:
        """Look until stopped."""
        reachable = True
        while not self._is_stopped:
            try:
                while not self._is_stopped and await self.look():
                    pass
                reachable = True
            except Unavailable:
                if reachable:
                    logger.warning("deadlines can't be looked after: the database is out of reach")
                reachable = False
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> bool:
        """Do all that is due now; whether there may be more. Raises Unavailable."""
        more_news = await self._table.keep_up()
        now = self._clock.now()
        dead = self._dead(await self._table.missing_speakers(), now)
        until = now + LEASE
        due = await self._table.claim(now, until, dead, MOST_AT_ONCE)
        looks = (self._attend(session_id, dead) for session_id in due)
        outcomes = dict(zip(due, await asyncio.gather(*looks, return_exceptions=True), strict=True))
        # Where the log was out of reach, a session is due again when the lease ends.
        again = {of: at for of, at in outcomes.items() if at is None or isinstance(at, datetime)}
        broken = {
            of: error
            for of, error in outcomes.items()
            if isinstance(error, Exception) and not isinstance(error, Unavailable)
        }
        for session_id, error in broken.items():
            _tell(session_id, error)
        await self._table.settle(until, again)
        await self._table.put_off(until, broken, now + RETRY)
        return more_news or len(due) == MOST_AT_ONCE

    def _dead(self, missing: frozenset[str], now: datetime) -> frozenset[str]:
        self._missing_since = {node: self._missing_since.get(node, now) for node in missing}
        return frozenset(node for node, since in self._missing_since.items() if now - since >= GRACE)


def _tell(session_id: UUID, error: Exception) -> None:
    """Whatever is wrong with one session, all others have their deadlines."""
    told = {"session_id": session_id}
    logger.error("a session can't be looked after: %s", sayable(error), extra=told)
    logger.debug("a session can't be looked after", exc_info=error, extra=told)
