"""Entries of transcripts: who said what and when, for searching and joining, and for `transcript.py`, which
makes them of one session alone.

A reply's words are written once, when it ends: until then its text is in the log alone.
"""

from collections.abc import Iterator

from domain.events import (
    FeedbackGiven,
    IdleWarningIssued,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    VisitorErased,
    VisitorMessagePosted,
)
from domain.ports import Recorded
from projections.projection import Change, Projection, Write, milliseconds

TABLES = {
    "entries": """
        CREATE TABLE entries (
            session_id uuid NOT NULL,
            version bigint NOT NULL,
            who text NOT NULL,
            at timestamptz NOT NULL,
            text text,
            message_id uuid,
            response_id uuid,
            outcome text,
            first_word_ms integer,
            total_ms integer,
            suggestions jsonb,
            taken integer,
            rating text,
            comment text,
            search tsvector GENERATED ALWAYS AS (to_tsvector('english', coalesce(text, ''))) STORED,
            PRIMARY KEY (session_id, version)
        );
        CREATE INDEX ON entries USING gin (search) WITH (fastupdate = off);
        -- The planner's statistics keep values, and would after they are erased.
        ALTER TABLE entries ALTER text SET STATISTICS 0, ALTER suggestions SET STATISTICS 0,
            ALTER comment SET STATISTICS 0, ALTER search SET STATISTICS 0;
    """
}

ENTRY = {"session_id": "uuid", "version": "bigint"}

WRITES = {
    "began": Write(
        """
        INSERT INTO entries (session_id, version, who, at, text, message_id, response_id, outcome)
        SELECT session_id, version, who, at, text, message_id, response_id, outcome FROM {rows}
        """,
        ENTRY
        | {
            "who": "text",
            "at": "timestamptz",
            "text": "text",
            "message_id": "uuid",
            "response_id": "uuid",
            "outcome": "text",
        },
        key=2,
    ),
    "said": Write(
        """
        UPDATE entries SET text = new.text, outcome = new.outcome, first_word_ms = new.first_word_ms,
            total_ms = new.total_ms, suggestions = new.suggestions
        FROM {rows} WHERE entries.session_id = new.session_id AND entries.version = new.version
        """,
        ENTRY
        | {
            "text": "text",
            "outcome": "text",
            "first_word_ms": "integer",
            "total_ms": "integer",
            "suggestions": "jsonb",
        },
        key=2,
    ),
    "took": Write(
        """
        UPDATE entries SET taken = new.taken
        FROM {rows} WHERE entries.session_id = new.session_id AND entries.version = new.version
        """,
        ENTRY | {"taken": "integer"},
        key=2,
    ),
    "rated": Write(
        """
        UPDATE entries SET rating = new.rating, comment = new.comment
        FROM {rows} WHERE entries.session_id = new.session_id AND entries.response_id = new.response_id
            AND entries.who = 'assistant'
        """,
        {"session_id": "uuid", "response_id": "uuid", "rating": "text", "comment": "text"},
        key=2,
    ),
    "erased": Write(
        """
        UPDATE entries SET text = NULL, suggestions = NULL, comment = NULL
        FROM {rows} WHERE entries.session_id = new.session_id AND who IN ('visitor', 'assistant')
        """,
        {"session_id": "uuid"},
        key=1,
    ),
}


def project(recorded: Recorded) -> Iterator[Change]:  # noqa: C901 - a case for each event
    """The entries that an event begins or changes."""
    event, session, at = recorded.event, recorded.session, recorded.at
    here = (session.session_id, recorded.version)
    match event:
        case VisitorMessagePosted(message_id=message_id, text=text, took=took):
            yield Change("began", (*here, "visitor", at, text, message_id, None, None))
            if took is not None and session.reply:
                yield Change("took", (session.session_id, session.reply.started_version, took))
        case ReplyStarted(message_id=message_id, response_id=response_id):
            yield Change("began", (*here, "assistant", at, None, message_id, response_id, "streaming"))
        case ReplyCompleted():
            yield _said(recorded, "completed")
        case ReplyStopped():
            yield _said(recorded, "stopped")
        case ReplyFailed():
            yield _said(recorded, "failed")
        case IdleWarningIssued(text=text, response_id=response_id):
            yield Change("began", (*here, "warning", at, text, None, response_id, None))
        case SessionEnded(text=text, reason=reason, response_id=response_id):
            yield Change("began", (*here, "service", at, text, None, response_id, reason))
        case FeedbackGiven(response_id=response_id, rating=rating, comment=comment):
            yield Change("rated", (session.session_id, response_id, rating, comment))
        case VisitorErased():
            yield Change("erased", (session.session_id,))
        case _:
            pass


def _said(recorded: Recorded, outcome: str) -> Change:
    session = recorded.session
    # A failed reply is asked again: its question waits, and the reply is still the latest.
    reply = session.reply
    assert reply is not None
    return Change(
        "said",
        (
            session.session_id,
            reply.started_version,
            reply.text,
            outcome,
            reply.first_word_ms,
            milliseconds(recorded),
            reply.suggestions,
        ),
    )


TRANSCRIPTS = Projection(
    name="transcripts",
    version=2,
    tables=TABLES,
    writes=WRITES,
    events=frozenset(
        {
            VisitorMessagePosted,
            ReplyStarted,
            ReplyCompleted,
            ReplyStopped,
            ReplyFailed,
            IdleWarningIssued,
            SessionEnded,
            FeedbackGiven,
            VisitorErased,
        }
    ),
    project=project,
)
