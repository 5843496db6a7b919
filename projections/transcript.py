"""The transcript of one session, folded from its own events: never behind, and all there is.

Its entries are the rows that the projection of transcripts makes of these events, kept here instead of in a
table, and with what the table doesn't have: the words of a reply that is still spoken.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from domain.events import Ending, Rating, SessionEnded
from domain.ports import Recorded
from domain.session import Reply
from projections.projection import Change
from projections.transcripts import TRANSCRIPTS

Outcome = Literal["streaming", "completed", "stopped", "failed"]


class VisitorSaid(Struct, frozen=True, tag="visitor", tag_field="who"):
    """A visitor's message; `text` is null where the visitor was erased. It is `left_unanswered` if the
    session ended while it waited for its reply."""

    at: datetime
    message_id: UUID
    text: str | None
    left_unanswered: bool = False


class AssistantSaid(Struct, frozen=True, tag="assistant", tag_field="who"):
    """A reply, as far as it was shown; `text` is null where the visitor was erased. Times in ms since the
    reply started. `taken` says which of the suggestions the visitor said next, from 0."""

    at: datetime
    response_id: UUID
    message_id: UUID
    text: str | None = ""
    outcome: Outcome = "streaming"
    first_word_ms: int | None = None
    total_ms: int | None = None
    suggestions: tuple[str, ...] = ()
    taken: int | None = None
    rating: Rating | None = None
    comment: str = ""


class Warned(Struct, frozen=True, tag="warning", tag_field="who"):
    """The visitor was asked, by the service, whether anybody was still there."""

    at: datetime
    response_id: UUID
    text: str


class Ended(Struct, frozen=True, tag="service", tag_field="who"):
    """The session ended; `text` is what the visitor was told, as `response_id`."""

    at: datetime
    reason: Ending
    text: str = ""
    response_id: UUID | None = None


Entry = VisitorSaid | AssistantSaid | Warned | Ended

Row = dict[str, Any]
"""Of the table of entries, by column."""


class Transcript(Struct, frozen=True):
    """A whole session in the order in which it happened. `cursor` is the place up to which it goes.

    `erased` says that the visitor has been forgotten: what happened is still told, and nothing that was said.
    """

    session_id: UUID
    started_at: datetime
    ended: Ending | None
    conversation_data: Mapping[str, str]
    entries: Sequence[Entry]
    cursor: str
    erased: bool = False


def is_erased(history: Sequence[Recorded]) -> bool:
    """Whether a session's visitor has been forgotten, as its whole history tells."""
    return history[-1].session.erased_at is not None


def transcript(history: Sequence[Recorded], *, erased: bool = False) -> Transcript:
    """The transcript that a session's history makes.

    `erased` is for the beginning of a history in which the visitor is forgotten later.
    """
    erased = erased or is_erased(history)
    session = history[-1].session
    rows = _rows(TRANSCRIPTS.changes(history))
    if session.open_reply:
        rows[session.open_reply.started_version] |= _so_far(session.open_reply)
    if erased:
        _take(rows, Change("erased", (session.session_id,)))
    left = _left_unanswered(history)
    return Transcript(
        session.session_id,
        session.started_at,
        session.ended,
        {} if erased else session.details,
        [_entry(row, left) for row in rows.values()],
        f"{session.version}.0",
        erased,
    )


def _rows(changes: Iterable[Change]) -> dict[int, Row]:
    """What changes come to, by version."""
    rows: dict[int, Row] = {}
    for change in changes:
        _take(rows, change)
    return rows


def _take(rows: dict[int, Row], change: Change) -> None:
    """Do to rows what the statement of a change does to the table."""
    new = dict(zip(TRANSCRIPTS.writes[change.write].columns, change.row, strict=True))
    match change.write:
        case "began":
            rows[new["version"]] = new
        case "said" | "took":
            rows[new["version"]] |= new
        case "rated":
            for row in rows.values():
                if row["who"] == "assistant" and row["response_id"] == new["response_id"]:
                    row |= new
        case "erased":
            for row in rows.values():
                if row["who"] in ("visitor", "assistant"):
                    row |= {"text": None, "suggestions": None, "comment": None}
        case _:
            raise AssertionError(f"nothing is known of the change {change.write}")


def _so_far(reply: Reply) -> Row:
    return {"text": reply.text, "first_word_ms": reply.first_word_ms, "suggestions": reply.suggestions}


def _left_unanswered(history: Sequence[Recorded]) -> Collection[UUID]:
    """The messages that waited for their replies when the session ended."""
    for before, recorded in pairwise(history):
        if isinstance(recorded.event, SessionEnded):
            return {question.message_id for question in before.session.waiting}
    return ()


def _entry(row: Row, left: Collection[UUID]) -> Entry:
    match row["who"]:
        case "visitor":
            return VisitorSaid(row["at"], row["message_id"], row["text"], row["message_id"] in left)
        case "assistant":
            return _reply(row)
        case "warning":
            return Warned(row["at"], row["response_id"], row["text"])
        case _:
            return Ended(row["at"], row["outcome"], row["text"], row["response_id"])


def _reply(row: Row) -> AssistantSaid:
    first_word_ms = row.get("first_word_ms")
    return AssistantSaid(
        row["at"],
        row["response_id"],
        row["message_id"],
        "" if first_word_ms is None else row["text"],  # where no word was said, none is erased
        row["outcome"],
        first_word_ms,
        row.get("total_ms"),
        row.get("suggestions") or (),
        row.get("taken"),
        row.get("rating"),
        row.get("comment") or "",
    )
