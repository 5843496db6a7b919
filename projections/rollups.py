"""The views that sum facts up, by hour and by day, in UTC. Where nothing happened there is no row."""

from projections.live import FACTS
from projections.view import View


def _count(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"


def _percentile(share: float) -> str:
    return f"round(percentile_cont({share}) WITHIN GROUP (ORDER BY ms))::integer"


SUMS = {
    "conversations": (_count("fact = 'started'"), "Conversations that were started"),
    "visitors": ("count(DISTINCT visitor_id)", "Different visitors who started them"),
    "messages": (_count("fact = 'message'"), "Messages of visitors"),
    "replies": (_count("fact = 'reply'"), "Replies that were begun"),
    "completed_replies": (_count("fact = 'reply' AND kind = 'completed'"), "... and said to their end"),
    "stopped_replies": (_count("fact = 'reply' AND kind = 'stopped'"), "... and stopped"),
    "failed_replies": (_count("fact = 'reply' AND kind = 'failed'"), "... and broken off"),
    "unanswered": (_count("fact = 'reply' AND flag"), "Replies that said that there is no answer"),
    "words": ("coalesce(sum(words), 0)::bigint", "Words of all replies"),
    "median_first_word_ms": (_percentile(0.5), "Median of the time to a reply's first word"),
    "p95_first_word_ms": (_percentile(0.95), "95th percentile of the time to a reply's first word"),
    "suggestions": (_count("fact = 'suggestion'"), "Suggestions that were offered"),
    "taken_suggestions": (_count("fact = 'suggestion' AND flag"), "... and taken, then or later"),
    "details": (_count("fact = 'detail'"), "Details that visitors gave"),
    "emails": (_count("fact = 'detail' AND kind = 'email'"), "... of them email addresses"),
    "ratings_up": (_count("fact = 'rated' AND kind = 'up'"), "Ratings: up"),
    "ratings_down": (_count("fact = 'rated' AND kind = 'down'"), "Ratings: down"),
    "warnings": (_count("fact = 'warning'"), "Quiet visitors who were asked if anybody was there"),
    "ended_completed": (_count("fact = 'ended' AND kind = 'completed'"), "Endings: with a goodbye"),
    "ended_idle_timeout": (
        _count("fact = 'ended' AND kind = 'idle_timeout'"),
        "Endings: nothing was said for long",
    ),
    "ended_expired": (_count("fact = 'ended' AND kind = 'expired'"), "Endings: the time was up"),
    "ended_deleted": (
        _count("fact = 'ended' AND kind = 'deleted'"),
        "Endings: by the visitor, or with an erasure",
    ),
}

# Not made of the view of facts, but of what that is made of: who reads a view of a view locks both, and in
# another order than who makes them anew.
HOURLY = View(
    "analytics.hourly",
    "One row is one hour, in UTC: what happened in it.",
    {
        "starts_at": ("date_trunc('hour', at, 'UTC')", "The start of the hour"),
        **SUMS,
        "hour": (
            "extract(hour FROM date_trunc('hour', at, 'UTC') AT TIME ZONE 'UTC')::integer",
            "Which hour of its day it is, in UTC, from 0",
        ),
    },
    f"({FACTS.query}) AS fact GROUP BY date_trunc('hour', at, 'UTC')",
)

DAILY = View(
    "analytics.daily",
    "One row is one day, in UTC: what happened in it.",
    {
        "starts_at": ("date_trunc('day', at, 'UTC')", "The start of the day"),
        **SUMS,
        "day": ("(date_trunc('day', at, 'UTC') AT TIME ZONE 'UTC')::date", "The day, as a date"),
    },
    f"({FACTS.query}) AS fact GROUP BY date_trunc('day', at, 'UTC')",
)

ROLLUPS = (HOURLY, DAILY)
