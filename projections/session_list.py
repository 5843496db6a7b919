"""Lists of sessions, the newest first, page by page, and the search in what was said.

A page begins after a session, not after a number of them: whatever is started meanwhile, none comes twice and
none is left out. What was said by visitors who were erased isn't there to be found.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from domain.errors import InvalidRequest, SessionNotFound
from projections.projection import keepable
from projections.questions import structs, within
from projections.status import Fetch

Status = Literal["active", "completed", "idle_timeout", "expired", "deleted"]

BEGINS, ENDS = "«", "»"
"""Around what was found. Those that somebody wrote are made others, so that none can be forged."""

COLUMNS = """session_id, visitor_id, status, started_at, expires_at, last_activity_at, ended_at, erased_at,
        messages, replies"""

FOUND = "who IN ('visitor', 'assistant') AND search @@ websearch_to_tsquery('english', {text})"

HEADLINE = f"""
    (SELECT ts_headline('english', translate(text, '{BEGINS}{ENDS}', '‹›'),
        websearch_to_tsquery('english', {{text}}),
        'StartSel={BEGINS}, StopSel={ENDS}, MinWords=8, MaxWords=24, MaxFragments=2, FragmentDelimiter=" … "')
     FROM live.entries AS entry WHERE entry.session_id = page.session_id AND {FOUND}
     ORDER BY version LIMIT 1)
"""  # noqa: S608

LOOKED_FOR = "SELECT numnode(websearch_to_tsquery('english', $1))"

PLACE = "SELECT started_at FROM live.sessions WHERE session_id = $1"


class Listed(Struct, frozen=True):
    """A session. `headline` is where what was looked for was said first, between « and »: text, not HTML."""

    session_id: UUID
    visitor_id: UUID
    status: Status
    started_at: datetime
    expires_at: datetime
    last_activity_at: datetime
    ended_at: datetime | None
    erased_at: datetime | None
    messages: int
    replies: int
    headline: str | None


class Wanted(Struct, frozen=True):
    """Which sessions: those of this status, of this visitor, started on these days (in UTC, both included),
    with a message or reply in which all that `text` asks for was said."""

    status: Status | None = None
    visitor_id: UUID | None = None
    since: date | None = None
    until: date | None = None
    text: str | None = None


class SessionList:
    """Reads it."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def page(self, wanted: Wanted, most: int, after: UUID | None) -> Sequence[Listed]:
        """So many sessions at most, from the one after `after` on. Raises SessionNotFound where there is none
        such, InvalidRequest for a text in which there is nothing to look for, Unavailable."""
        place = None if after is None else await self._place(after)
        query, params = _query(wanted, most, place)
        found = await structs(self._fetch, Listed, query, *params)
        if not found and wanted.text is not None:
            await self._require_words(wanted.text)
        return found

    async def _require_words(self, text: str) -> None:
        # Asked only where nothing is found: it is the reason, and not that nobody has said it.
        ((count,),) = await self._fetch(LOOKED_FOR.encode(), (keepable(text),))
        if not count:
            raise InvalidRequest(
                f"q={text[:40]!r} has no word that is looked for: words like 'the' or 'what', and signs, are "
                "not, so add another word"
            )

    async def _place(self, session_id: UUID) -> tuple[datetime, UUID]:
        rows = await self._fetch(PLACE, (session_id,))
        if not rows:
            raise SessionNotFound(f"after={session_id} is no session's id: give `next` of the page before")
        return rows[0][0], session_id


def _query(wanted: Wanted, most: int, place: tuple[datetime, UUID] | None) -> tuple[str, Sequence[object]]:
    """The query that just these wishes need, so that the planner finds the index for them."""
    params: list[object] = [wanted.since, wanted.until]
    conditions = [within("started_at")]
    headline = "NULL"

    def given(value: object) -> str:
        params.append(value)
        return f"${len(params)}"

    if wanted.status is not None:
        conditions.append(f"status = {given(wanted.status)}")
    if wanted.visitor_id is not None:
        conditions.append(f"visitor_id = {given(wanted.visitor_id)}")
    if place is not None:
        conditions.append(f"(started_at, session_id) < ({given(place[0])}, {given(place[1])})")
    if wanted.text is not None:
        text = given(keepable(wanted.text))
        found = FOUND.format(text=text)
        conditions.append(f"session_id IN (SELECT session_id FROM live.entries WHERE {found})")  # noqa: S608
        headline = HEADLINE.format(text=text)
    query = f"""
        SELECT {COLUMNS}, {headline} FROM (
            SELECT {COLUMNS} FROM live.sessions WHERE {" AND ".join(conditions)}
            ORDER BY started_at DESC, session_id DESC LIMIT {given(most)}
        ) AS page ORDER BY started_at DESC, session_id DESC
    """  # noqa: S608
    return query, params
