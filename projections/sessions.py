"""Sessions: whose, since when, how far, how ended. What lists of sessions are made of."""

from collections.abc import Iterator

from domain.events import (
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    SessionStarted,
    VisitorErased,
    VisitorMessagePosted,
)
from domain.ports import Recorded
from projections.projection import Change, Projection, Write

TABLES = {
    "sessions": """
        CREATE TABLE sessions (
            session_id uuid PRIMARY KEY,
            visitor_id uuid NOT NULL,
            status text NOT NULL DEFAULT 'active',
            started_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            last_activity_at timestamptz NOT NULL,
            ended_at timestamptz,
            erased_at timestamptz,
            messages integer NOT NULL DEFAULT 0,
            replies integer NOT NULL DEFAULT 0
        );
        CREATE INDEX ON sessions (started_at, session_id);
        CREATE INDEX ON sessions (status, started_at, session_id);
        CREATE INDEX ON sessions (visitor_id, started_at, session_id);
        CREATE INDEX ON sessions ((coalesce(ended_at, started_at))) WHERE erased_at IS NULL;
    """
}

WRITES = {
    "started": Write(
        """
        INSERT INTO sessions (session_id, visitor_id, started_at, expires_at, last_activity_at)
        SELECT session_id, visitor_id, started_at, expires_at, started_at FROM {rows}
        """,
        {
            "session_id": "uuid",
            "visitor_id": "uuid",
            "started_at": "timestamptz",
            "expires_at": "timestamptz",
        },
        key=1,
    ),
    "went_on": Write(
        """
        UPDATE sessions SET last_activity_at = new.last_activity_at,
            messages = new.messages, replies = new.replies
        FROM {rows} WHERE sessions.session_id = new.session_id
        """,
        {
            "session_id": "uuid",
            "last_activity_at": "timestamptz",
            "messages": "integer",
            "replies": "integer",
        },
        key=1,
    ),
    "ended": Write(
        """
        UPDATE sessions SET status = new.status, ended_at = new.ended_at
        FROM {rows} WHERE sessions.session_id = new.session_id
        """,
        {"session_id": "uuid", "status": "text", "ended_at": "timestamptz"},
        key=1,
    ),
    "erased": Write(
        """
        UPDATE sessions SET erased_at = new.erased_at
        FROM {rows} WHERE sessions.session_id = new.session_id
        """,
        {"session_id": "uuid", "erased_at": "timestamptz"},
        key=1,
    ),
}


def project(recorded: Recorded) -> Iterator[Change]:
    """What an event changes in its session's row."""
    session, at = recorded.session, recorded.at
    match recorded.event:
        case SessionStarted(visitor_id=visitor_id, expires_at=expires_at):
            yield Change("started", (session.session_id, visitor_id, at, expires_at))
        case SessionEnded(reason=reason):
            yield Change("ended", (session.session_id, reason, at))
        case VisitorErased():
            yield Change("erased", (session.session_id, at))
        case _:
            row = (session.session_id, session.quiet_since, session.messages, session.replies)
            yield Change("went_on", row)


SESSIONS = Projection(
    name="sessions",
    version=2,
    tables=TABLES,
    writes=WRITES,
    events=frozenset(
        {
            SessionStarted,
            VisitorMessagePosted,
            ReplyStarted,
            ReplyCompleted,
            ReplyStopped,
            ReplyFailed,
            SessionEnded,
            VisitorErased,
        }
    ),
    project=project,
)
