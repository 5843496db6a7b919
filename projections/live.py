"""The views of the schema `live`, which the service itself reads: they hold what analysts aren't shown, such
as the ids that open conversations and the index for searching."""

from projections.view import View

SESSIONS = View(
    "live.sessions",
    "One row is one conversation.",
    {
        "session_id": ("session_id", "The conversation"),
        "visitor_id": ("visitor_id", "Its visitor: a credential"),
        "status": ("status", "active, completed, idle_timeout, expired or deleted"),
        "started_at": ("started_at", "When it was started"),
        "expires_at": ("expires_at", "Until when it can be used"),
        "last_activity_at": ("last_activity_at", "When the visitor said something, or a reply ended"),
        "ended_at": ("ended_at", "When it ended"),
        "erased_at": ("erased_at", "When its visitor was erased"),
        "messages": ("messages", "Messages of the visitor"),
        "replies": ("replies", "Replies that were begun"),
    },
    "{sessions}.sessions",
)

ENTRIES = View(
    "live.entries",
    "One row is one entry of a transcript.",
    {
        "session_id": ("session_id", "The conversation"),
        "version": ("version", "The version of the event that began it"),
        "who": ("who", "visitor, assistant, warning or service"),
        "at": ("at", "When it began"),
        "text": ("text", "What was said"),
        "message_id": ("message_id", "The visitor's message, or that which is answered"),
        "response_id": ("response_id", "The reply, the warning or the ending"),
        "outcome": ("outcome", "How a reply ended, or why the conversation did"),
        "first_word_ms": ("first_word_ms", "From the start of a reply until its first word"),
        "total_ms": ("total_ms", "From the start of a reply until its end"),
        "suggestions": ("suggestions", "What was suggested with a reply, as a JSON array"),
        "taken": ("taken", "Which of the suggestions was taken, from 0"),
        "rating": ("rating", "What the visitor thinks of a reply"),
        "comment": ("comment", "What the visitor adds to that"),
        "search": ("search", "The text's words, in their index"),
    },
    "{transcripts}.entries",
)

FACTS = View(
    "live.facts",
    "One row is one thing that happened, as what is summed up needs it.",
    {
        "at": ("at", "When it happened"),
        "fact": ("fact", "started, ended, message, reply, rated, suggestion, detail or warning"),
        "kind": ("kind", "Why it ended, how a reply did, what the rating is, which detail it is"),
        "visitor_id": ("visitor_id", "Who started a conversation"),
        "ms": ("ms", "From the start of a reply until its first word"),
        "words": ("words", "Words of a reply"),
        "flag": ("flag", "Whether a reply has no answer, a suggestion is taken"),
    },
    """(
        SELECT started_at AS at, 'started' AS fact, NULL AS kind, visitor_id, NULL::integer AS ms, 0 AS words,
            false AS flag
        FROM {sessions}.sessions
        UNION ALL SELECT ended_at, 'ended', status, NULL, NULL, 0, false
        FROM {sessions}.sessions WHERE ended_at IS NOT NULL
        UNION ALL SELECT at, 'message', NULL, NULL, NULL, 0, false FROM {analytics}.messages
        UNION ALL SELECT started_at, 'reply', outcome, NULL, first_word_ms, words, unanswered
        FROM {analytics}.replies
        UNION ALL SELECT rated_at, 'rated', rating, NULL, NULL, 0, false
        FROM {analytics}.replies WHERE rated_at IS NOT NULL
        UNION ALL SELECT at, 'suggestion', NULL, NULL, NULL, 0, taken_at IS NOT NULL
        FROM {analytics}.suggestions
        UNION ALL SELECT at, 'detail', key, NULL, NULL, 0, false FROM {conversation_data}.details
        UNION ALL SELECT at, 'warning', NULL, NULL, NULL, 0, false FROM {analytics}.warnings
    ) AS happened""",
)

LIVE = (SESSIONS, ENTRIES, FACTS)
