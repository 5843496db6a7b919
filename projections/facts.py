"""The views that hold facts: what there is of sessions and messages, replies and what came of them."""

from projections.view import View

SESSION_ID = "The conversation"
ERASED = "NULL once its visitor was erased"

SESSIONS = View(
    "analytics.sessions",
    "One row is one conversation of one visitor, from its start.",
    {
        "session_id": ("session_id", SESSION_ID),
        "visitor_key": (
            "encode(sha256(uuid_send(visitor_id)), 'hex')",
            "The same for all conversations of one visitor; not the visitor_id, which opens a conversation",
        ),
        "started_at": ("started_at", "When it was started"),
        "expires_at": ("expires_at", "Until when it could be used"),
        "last_activity_at": (
            "last_activity_at",
            "When the visitor last said something, or a reply last ended",
        ),
        "ended_at": ("ended_at", "When it ended; NULL while it is active"),
        "erased_at": ("erased_at", "When its visitor was erased; NULL for who was not"),
        "status": ("status", "active, completed, idle_timeout, expired or deleted"),
        "duration_ms": (
            "(extract(epoch FROM last_activity_at - started_at) * 1000)::bigint",
            "From its start to its last activity",
        ),
        "messages": ("messages", "How many messages the visitor has sent"),
        "replies": ("replies", "How many replies were begun, those that broke off included"),
        "is_active": ("status = 'active'", "Whether it has not ended yet"),
        "is_erased": ("erased_at IS NOT NULL", "Whether what was said in it is gone"),
        "is_returning": (
            "EXISTS (SELECT FROM {sessions}.sessions AS earlier WHERE earlier.visitor_id = session.visitor_id"
            " AND (earlier.started_at, earlier.session_id) < (session.started_at, session.session_id))",
            "Whether its visitor had had a conversation before",
        ),
        "has_messages": ("messages > 0", "Whether the visitor has said anything"),
        "has_details": (
            "EXISTS (SELECT FROM {conversation_data}.details WHERE details.session_id = session.session_id)",
            "Whether the visitor has given any detail, such as an email address",
        ),
    },
    "{sessions}.sessions AS session",
)

MESSAGES = View(
    "analytics.messages",
    "One row is one message of a visitor.",
    {
        "session_id": ("message.session_id", SESSION_ID),
        "message_id": ("message.message_id", "The message"),
        "posted_at": ("message.at", "When it was recorded"),
        "number": ("message.number", "Which message of its conversation it is, from 1"),
        "is_suggestion": ("message.took_suggestion", "Whether it is one of the suggestions offered last"),
        "text": ("entry.text", f"What the visitor said; {ERASED}"),
    },
    "{analytics}.messages AS message LEFT JOIN {transcripts}.entries AS entry"
    " ON entry.session_id = message.session_id AND entry.version = message.version",
)

REPLIES = View(
    "analytics.replies",
    "One row is one reply of the assistant. A message that is answered anew has more than one.",
    {
        "session_id": ("reply.session_id", SESSION_ID),
        "response_id": ("reply.response_id", "The reply"),
        "message_id": ("reply.message_id", "The message that it answers"),
        "started_at": ("reply.started_at", "When the assistant was asked"),
        "ended_at": ("reply.ended_at", "When it ended, however it did; NULL while it is being spoken"),
        "message_number": ("reply.message_number", "Which message of its conversation it answers, from 1"),
        "attempt": ("reply.attempt", "Which attempt to answer that message it is, from 1"),
        "assistant": ("reply.assistant", "Who answers: guide, openai or another assistant, by its name"),
        "outcome": ("reply.outcome", "streaming, completed, stopped or failed"),
        "finish_reason": (
            "reply.finish_reason",
            "Of a completed one: stop, length or content_filter; else NULL",
        ),
        "failure": (
            "reply.failure",
            "Of a failed one, why, as a code: interrupted, timeout, upstream_error...",
        ),
        "first_word_ms": (
            "reply.first_word_ms",
            "From started_at until the assistant said its first word; NULL if it has none, and until it ends",
        ),
        "total_ms": ("reply.total_ms", "From started_at until ended_at; NULL until it ends"),
        "words": ("reply.words", "How many words were said; 0 until it ends"),
        "prompt_tokens": ("reply.prompt_tokens", "As the model counted them; NULL where it did not"),
        "completion_tokens": ("reply.completion_tokens", "As the model counted them; NULL where it did not"),
        "suggestions": (
            "(SELECT count(*)::integer FROM {analytics}.suggestions AS suggestion"
            " WHERE (suggestion.session_id, suggestion.response_id) = (reply.session_id, reply.response_id))",
            "How many suggestions were offered with it",
        ),
        "is_unanswered": ("reply.unanswered", "Whether the assistant said that it has no answer"),
        "is_asking": ("coalesce(reply.needs_info, false)", "Whether it asks the visitor for details"),
        "rating": ("reply.rating", "What the visitor thinks of it: up or down; NULL for nothing yet"),
        "text": ("entry.text", f"What was said; NULL until it ends, and {ERASED}"),
    },
    "{analytics}.replies AS reply LEFT JOIN {transcripts}.entries AS entry"
    " ON entry.session_id = reply.session_id AND entry.version = reply.version",
)

SUGGESTIONS = View(
    "analytics.suggestions",
    "One row is one suggestion of what to say next, as it was offered with one reply.",
    {
        "session_id": ("session_id", SESSION_ID),
        "response_id": ("response_id", "The reply that it was offered with"),
        "offered_at": ("at", "When it was offered"),
        "place": ("place + 1", "Its place among those of that reply, from 1"),
        "is_taken": ("taken_at IS NOT NULL", "Whether the visitor said it next"),
        "taken_at": ("taken_at", "When the visitor did; NULL for never"),
        "text": ("text", f"What was suggested; {ERASED}"),
    },
    "{analytics}.suggestions",
)

DETAILS = View(
    "analytics.details",
    "One row is one detail that a visitor has given in a conversation, with its latest value.",
    {
        "session_id": ("session_id", SESSION_ID),
        "message_id": ("message_id", "The message that gave it"),
        "given_at": ("at", "When it was recorded: at the end of the reply to that message"),
        "message_number": ("message_number", "Which message of its conversation gave it, from 1"),
        "key": ("key", "What it is, by the persona's name for it: name, email, phone..."),
        "value": ("value", f"What was given; {ERASED}"),
    },
    "{conversation_data}.details",
)

ENDINGS = View(
    "analytics.endings",
    "One row is the end of one conversation.",
    {
        "session_id": ("session.session_id", SESSION_ID),
        "ended_at": ("session.ended_at", "When it ended"),
        "started_at": ("session.started_at", "When it had started"),
        "reason": (
            "session.status",
            "completed: with a goodbye; deleted: by the visitor, or with an erasure; idle_timeout: nothing"
            " was said for long; expired: its time was up",
        ),
        "duration_ms": (
            "(extract(epoch FROM session.last_activity_at - session.started_at) * 1000)::bigint",
            "From its start to its last activity",
        ),
        "messages": ("session.messages", "How many messages the visitor had sent"),
        "is_abandoned": (
            "session.status IN ('idle_timeout', 'expired')",
            "Whether the visitor just went away",
        ),
        "has_warning": (
            "EXISTS (SELECT FROM {analytics}.warnings WHERE warnings.session_id = session.session_id)",
            "Whether the visitor had ever been asked if anybody was still there",
        ),
        "last_outcome": (
            "last.outcome",
            "How its last reply had ended: completed, stopped or failed; NULL without a reply",
        ),
        "is_last_unanswered": (
            "coalesce(last.unanswered, false)",
            "Whether its last reply was that the assistant has no answer",
        ),
        "is_last_asking": (
            "coalesce(last.needs_info, false)",
            "Whether its last reply asked the visitor for details",
        ),
    },
    """{sessions}.sessions AS session LEFT JOIN LATERAL (
        SELECT outcome, unanswered, needs_info FROM {analytics}.replies AS reply
        WHERE reply.session_id = session.session_id ORDER BY version DESC LIMIT 1
    ) AS last ON true
    WHERE session.ended_at IS NOT NULL""",
)

FEEDBACK = View(
    "analytics.feedback",
    "One row is what a visitor thinks of one reply: the latest rating.",
    {
        "session_id": ("reply.session_id", SESSION_ID),
        "response_id": ("reply.response_id", "The reply that is rated"),
        "rated_at": ("reply.rated_at", "When it was rated"),
        "rating": ("reply.rating", "up or down"),
        "is_positive": ("reply.rating = 'up'", "Whether it is up"),
        "is_unanswered": ("reply.unanswered", "Whether the rated reply said that there is no answer"),
        "comment": ("entry.comment", f"What the visitor adds, which may be nothing; {ERASED}"),
    },
    "{analytics}.replies AS reply LEFT JOIN {transcripts}.entries AS entry"
    " ON entry.session_id = reply.session_id AND entry.version = reply.version"
    " WHERE reply.rating IS NOT NULL",
)

WARNINGS = View(
    "analytics.warnings",
    "One row is one question to a quiet visitor whether anybody is still there.",
    {
        "session_id": ("session_id", SESSION_ID),
        "warned_at": ("at", "When the visitor was asked"),
        "quiet_ms": ("timeout_seconds * 1000", "For how long nothing had been said"),
    },
    "{analytics}.warnings",
)

FACTS = (SESSIONS, MESSAGES, REPLIES, SUGGESTIONS, DETAILS, ENDINGS, FEEDBACK, WARNINGS)
