"""What operators ask of all conversations together, and the queries that answer it.

Each is asked of whole days, in UTC, the first and the last included; None is without end. What has happened
in those days counts, but for details: those are of the conversations that were started then.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from msgspec import Struct

from projections.rollups import DAILY, HOURLY, SUMS
from projections.status import Fetch
from projections.view import View

MOST_SUGGESTIONS = 200


def within(column: str) -> str:
    """On the days from $1 to $2, in a form that an index of the column can serve."""
    return (
        f"{column} >= coalesce($1::date, '-infinity')::timestamp AT TIME ZONE 'UTC' AND "
        f"{column} < coalesce($2::date + 1, 'infinity')::timestamp AT TIME ZONE 'UTC'"
    )


def _median(expression: str, share: float = 0.5) -> str:
    return f"round(percentile_cont({share}) WITHIN GROUP (ORDER BY {expression}))::integer"


OVERVIEW = f"""
    SELECT min(at), {", ".join(expression for expression, _ in SUMS.values())}
    FROM live.facts WHERE {within("at")}
"""  # noqa: S608


def _rolled_up(view: View) -> str:
    """A view that sums up, of some days alone: its own condition would come after the sums."""
    columns = ", ".join(expression for expression, _ in view.columns.values())
    unit = next(iter(view.columns.values()))[0]
    return f"SELECT {columns} FROM live.facts WHERE {within('at')} GROUP BY {unit} ORDER BY 1"  # noqa: S608


DAYS, HOURS = _rolled_up(DAILY), _rolled_up(HOURLY)

REPLIES = f"""
    SELECT assistant, outcome, failure, count(*), count(*) FILTER (WHERE is_unanswered), sum(words)::bigint,
        {_median("first_word_ms")}, {_median("first_word_ms", 0.95)}, {_median("total_ms")},
        count(*) FILTER (WHERE rating = 'up'), count(*) FILTER (WHERE rating = 'down')
    FROM analytics.replies WHERE {within("started_at")}
    GROUP BY assistant, outcome, failure ORDER BY count(*) DESC, assistant, outcome, failure
"""  # noqa: S608

ENDINGS = f"""
    SELECT reason, count(*), round(count(*) / sum(count(*)) OVER (), 4)::float8,
        {_median("messages")}, {_median("duration_ms")}, count(*) FILTER (WHERE is_last_unanswered),
        count(*) FILTER (WHERE last_outcome = 'failed'), count(*) FILTER (WHERE is_last_asking)
    FROM analytics.endings WHERE {within("ended_at")}
    GROUP BY reason ORDER BY count(*) DESC, reason
"""  # noqa: S608

SUGGESTIONS = f"""
    SELECT text, count(*) AS offered, count(*) FILTER (WHERE is_taken) AS taken,
        round(count(*) FILTER (WHERE is_taken)::numeric / count(*), 4)::float8
    FROM analytics.suggestions WHERE {within("offered_at")}
    GROUP BY text ORDER BY taken DESC, offered DESC, text LIMIT {MOST_SUGGESTIONS}
"""  # noqa: S608

DETAILS = f"""
    WITH started AS (
        SELECT session_id FROM analytics.sessions WHERE has_messages AND {within("started_at")}
    )
    SELECT key, count(*), round(count(*)::numeric / (SELECT count(*) FROM started), 4)::float8,
        {_median("message_number")}
    FROM analytics.details JOIN started USING (session_id) GROUP BY key ORDER BY count(*) DESC, key
"""  # noqa: S608


T = TypeVar("T", bound=Struct)


class Sums(Struct, frozen=True, kw_only=True):
    """What happened. Times are to the first word of a reply; a suggestion counts as taken whenever it was.
    `starts_at` is the start of the day or hour; of an overview, when the first of it happened.
    """

    starts_at: datetime | None
    conversations: int
    visitors: int
    messages: int
    replies: int
    completed_replies: int
    stopped_replies: int
    failed_replies: int
    unanswered: int
    words: int
    median_first_word_ms: int | None
    p95_first_word_ms: int | None
    suggestions: int
    taken_suggestions: int
    details: int
    emails: int
    ratings_up: int
    ratings_down: int
    warnings: int
    ended_completed: int
    ended_idle_timeout: int
    ended_expired: int
    ended_deleted: int


class Day(Sums, frozen=True, kw_only=True):
    """What happened on a day, in UTC."""

    day: date


class Hour(Sums, frozen=True, kw_only=True):
    """What happened in an hour, which is the `hour`th of its day, in UTC, from 0."""

    hour: int


class Replies(Struct, frozen=True):
    """Replies of one assistant that ended alike; `failure` says why those that failed did."""

    assistant: str
    outcome: str
    failure: str | None
    replies: int
    unanswered: int
    words: int
    median_first_word_ms: int | None
    p95_first_word_ms: int | None
    median_total_ms: int | None
    ratings_up: int
    ratings_down: int


class Endings(Struct, frozen=True):
    """Conversations that ended for the same reason; `share` of all that ended. The last three say what the
    visitor had been told last: that there is no answer, half a reply, or to give details."""

    reason: str
    conversations: int
    share: float
    median_messages: int
    median_duration_ms: int
    after_no_answer: int
    after_failure: int
    after_request: int


class Suggestions(Struct, frozen=True):
    """The same suggestion, wherever it was offered; `text` is null for those to visitors who were erased."""

    text: str | None
    offered: int
    taken: int
    share: float


class Details(Struct, frozen=True):
    """A detail that visitors gave, in a `share` of the conversations in which they said anything, with their
    `median_message_number`th message."""

    key: str
    conversations: int
    share: float
    median_message_number: int


class Questions:
    """Asks them."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def overview(self, since: date | None, until: date | None) -> Sequence[Sums]:
        """One row for all of it."""
        return await structs(self._fetch, Sums, OVERVIEW, since, until)

    async def daily(self, since: date | None, until: date | None) -> Sequence[Day]:
        """By day, in order, those on which anything happened."""
        return await structs(self._fetch, Day, DAYS, since, until)

    async def hourly(self, since: date | None, until: date | None) -> Sequence[Hour]:
        """By hour, in order, those in which anything happened."""
        return await structs(self._fetch, Hour, HOURS, since, until)

    async def replies(self, since: date | None, until: date | None) -> Sequence[Replies]:
        """By assistant and how they ended, the commonest first."""
        return await structs(self._fetch, Replies, REPLIES, since, until)

    async def endings(self, since: date | None, until: date | None) -> Sequence[Endings]:
        """By reason, the commonest first."""
        return await structs(self._fetch, Endings, ENDINGS, since, until)

    async def suggestions(self, since: date | None, until: date | None) -> Sequence[Suggestions]:
        """By text, those that were taken most often first; so many of them at most."""
        return await structs(self._fetch, Suggestions, SUGGESTIONS, since, until)

    async def details(self, since: date | None, until: date | None) -> Sequence[Details]:
        """By key, those that were given most often first."""
        return await structs(self._fetch, Details, DETAILS, since, until)


async def structs(fetch: Fetch, kind: type[T], query: str, *params: Any) -> Sequence[T]:
    """All rows of a query, as structs of this kind, which has a field for each column."""
    names = kind.__struct_fields__
    return [kind(**dict(zip(names, row, strict=True))) for row in await fetch(query.encode(), params)]
