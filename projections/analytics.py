"""Facts for analysts: messages, replies, suggestions, warnings. Counts and times, which outlive an erasure.

What was said stands in the entries of transcripts; only the texts of suggestions are here.
"""

from collections.abc import Iterator

from domain.events import (
    FeedbackGiven,
    IdleWarningIssued,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SuggestionsOffered,
    VisitorErased,
    VisitorMessagePosted,
)
from domain.ports import Recorded
from projections.projection import Change, Projection, Write, milliseconds

TABLES = {
    "messages": """
        CREATE TABLE messages (
            session_id uuid NOT NULL,
            message_id uuid NOT NULL,
            number integer NOT NULL,
            at timestamptz NOT NULL,
            took_suggestion boolean NOT NULL,
            version bigint NOT NULL,
            PRIMARY KEY (session_id, message_id)
        );
        CREATE INDEX ON messages (at);
    """,
    "replies": """
        CREATE TABLE replies (
            session_id uuid NOT NULL,
            response_id uuid NOT NULL,
            message_id uuid NOT NULL,
            message_number integer NOT NULL,
            attempt integer NOT NULL,
            assistant text NOT NULL,
            version bigint NOT NULL,
            started_at timestamptz NOT NULL,
            ended_at timestamptz,
            outcome text NOT NULL DEFAULT 'streaming',
            finish_reason text,
            failure text,
            first_word_ms integer,
            total_ms integer,
            words integer NOT NULL DEFAULT 0,
            unanswered boolean NOT NULL DEFAULT false,
            needs_info boolean,
            prompt_tokens integer,
            completion_tokens integer,
            rating text,
            rated_at timestamptz,
            PRIMARY KEY (session_id, response_id)
        );
        CREATE INDEX ON replies (started_at);
    """,
    "suggestions": """
        CREATE TABLE suggestions (
            session_id uuid NOT NULL,
            response_id uuid NOT NULL,
            place integer NOT NULL,
            at timestamptz NOT NULL,
            text text,
            taken_at timestamptz,
            PRIMARY KEY (session_id, response_id, place)
        );
        CREATE INDEX ON suggestions (at);
        -- The planner's statistics keep values, and would after they are erased.
        ALTER TABLE suggestions ALTER text SET STATISTICS 0;
    """,
    "warnings": """
        CREATE TABLE warnings (
            session_id uuid NOT NULL,
            version bigint NOT NULL,
            at timestamptz NOT NULL,
            timeout_seconds integer NOT NULL,
            PRIMARY KEY (session_id, version)
        );
        CREATE INDEX ON warnings (at);
    """,
}

REPLY = {"session_id": "uuid", "response_id": "uuid"}

WRITES = {
    "posted": Write(
        """
        INSERT INTO messages (session_id, message_id, number, at, took_suggestion, version)
        SELECT * FROM {rows}
        """,
        {
            "session_id": "uuid",
            "message_id": "uuid",
            "number": "integer",
            "at": "timestamptz",
            "took_suggestion": "boolean",
            "version": "bigint",
        },
        key=2,
    ),
    "warned": Write(
        "INSERT INTO warnings (session_id, version, at, timeout_seconds) SELECT * FROM {rows}",
        {"session_id": "uuid", "version": "bigint", "at": "timestamptz", "timeout_seconds": "integer"},
        key=2,
    ),
    "began": Write(
        """
        INSERT INTO replies
            (session_id, response_id, message_id, message_number, attempt, assistant, version, started_at)
        SELECT * FROM {rows}
        """,
        REPLY
        | {
            "message_id": "uuid",
            "message_number": "integer",
            "attempt": "integer",
            "assistant": "text",
            "version": "bigint",
            "started_at": "timestamptz",
        },
        key=2,
    ),
    "offered": Write(
        "INSERT INTO suggestions (session_id, response_id, place, at, text) SELECT * FROM {rows}",
        REPLY | {"place": "integer", "at": "timestamptz", "text": "text"},
        key=3,
    ),
    "took": Write(
        """
        UPDATE suggestions SET taken_at = new.taken_at
        FROM {rows} WHERE suggestions.session_id = new.session_id
            AND suggestions.response_id = new.response_id AND suggestions.place = new.place
        """,
        REPLY | {"place": "integer", "taken_at": "timestamptz"},
        key=3,
    ),
    "ended": Write(
        """
        UPDATE replies SET ended_at = new.ended_at, outcome = new.outcome, failure = new.failure,
            finish_reason = new.finish_reason, first_word_ms = new.first_word_ms, total_ms = new.total_ms,
            words = new.words, unanswered = new.unanswered, needs_info = new.needs_info,
            prompt_tokens = new.prompt_tokens, completion_tokens = new.completion_tokens
        FROM {rows} WHERE replies.session_id = new.session_id AND replies.response_id = new.response_id
        """,
        REPLY
        | {
            "ended_at": "timestamptz",
            "outcome": "text",
            "failure": "text",
            "finish_reason": "text",
            "first_word_ms": "integer",
            "total_ms": "integer",
            "words": "integer",
            "unanswered": "boolean",
            "needs_info": "boolean",
            "prompt_tokens": "integer",
            "completion_tokens": "integer",
        },
        key=2,
    ),
    "rated": Write(
        """
        UPDATE replies SET rating = new.rating, rated_at = new.rated_at
        FROM {rows} WHERE replies.session_id = new.session_id AND replies.response_id = new.response_id
        """,
        REPLY | {"rating": "text", "rated_at": "timestamptz"},
        key=2,
    ),
    "erased": Write(
        "UPDATE suggestions SET text = NULL FROM {rows} WHERE suggestions.session_id = new.session_id",
        {"session_id": "uuid"},
        key=1,
    ),
}


def project(recorded: Recorded) -> Iterator[Change]:
    """The facts that an event adds or completes."""
    event, session, at = recorded.event, recorded.session, recorded.at
    session_id = session.session_id
    match event:
        case VisitorMessagePosted(message_id=message_id, took=took):
            row = (session_id, message_id, session.messages, at, took is not None, recorded.version)
            yield Change("posted", row)
            if took is not None and session.reply:
                yield Change("took", (session_id, session.reply.response_id, took, at))
        case ReplyStarted(response_id=response_id, message_id=message_id, assistant=assistant):
            assert session.reply is not None
            # Those that wait came later than the message that is being answered.
            number, attempt = session.messages - len(session.waiting), session.reply.question.attempt
            row = (session_id, response_id, message_id, number, attempt, assistant, recorded.version, at)
            yield Change("began", row)
        case SuggestionsOffered(suggestions=suggestions, count=count):
            assert session.reply is not None
            response_id = session.reply.response_id
            for place in range(count):
                text = suggestions[place] if suggestions else None
                yield Change("offered", (session_id, response_id, place, at, text))
        case ReplyCompleted() | ReplyStopped() | ReplyFailed():
            yield _ended(recorded, event)
        case FeedbackGiven(response_id=response_id, rating=rating):
            yield Change("rated", (session_id, response_id, rating, at))
        case IdleWarningIssued(timeout_seconds=timeout_seconds):
            yield Change("warned", (session_id, recorded.version, at, timeout_seconds))
        case VisitorErased():
            yield Change("erased", (session_id,))
        case _:
            pass


def _ended(recorded: Recorded, event: ReplyCompleted | ReplyStopped | ReplyFailed) -> Change:
    reply = recorded.session.reply
    assert reply is not None
    completed = event if isinstance(event, ReplyCompleted) else None
    usage = completed.usage if completed else None
    return Change(
        "ended",
        (
            recorded.session.session_id,
            event.response_id,
            recorded.at,
            reply.status,
            event.reason if isinstance(event, ReplyFailed) else None,
            completed.finish_reason if completed else None,
            reply.first_word_ms,
            milliseconds(recorded),
            reply.words,
            completed.unanswered if completed else False,
            completed.needs_info if completed else None,
            usage.prompt_tokens if usage else None,
            usage.completion_tokens if usage else None,
        ),
    )


ANALYTICS = Projection(
    name="analytics",
    version=3,
    tables=TABLES,
    writes=WRITES,
    events=frozenset(
        {
            VisitorMessagePosted,
            ReplyStarted,
            SuggestionsOffered,
            ReplyCompleted,
            ReplyStopped,
            ReplyFailed,
            FeedbackGiven,
            IdleWarningIssued,
            VisitorErased,
        }
    ),
    project=project,
)
