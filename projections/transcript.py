"""The transcript of one session, folded from its own events: never behind, and all there is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.events import (
    Ending,
    Event,
    FeedbackGiven,
    IdleWarningIssued,
    Rating,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    SuggestionsOffered,
    VisitorMessagePosted,
)
from domain.ports import Recorded
from domain.session import Question

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
    reply started."""

    at: datetime
    response_id: UUID
    message_id: UUID
    text: str | None = ""
    outcome: Outcome = "streaming"
    first_word_ms: int | None = None
    total_ms: int | None = None
    suggestions: tuple[str, ...] = ()
    rating: Rating | None = None
    comment: str = ""


class Warned(Struct, frozen=True, tag="warning", tag_field="who"):
    """The visitor was asked, by the service, whether anybody was still there."""

    at: datetime
    response_id: UUID
    text: str


class Ended(Struct, frozen=True, tag="service", tag_field="who"):
    """The session ended; `text` is what the visitor was told."""

    at: datetime
    reason: Ending
    text: str = ""


Entry = VisitorSaid | AssistantSaid | Warned | Ended


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
    entries: list[Entry] = []
    reply = -1
    waiting: Sequence[Question] = ()
    for recorded in history:
        event, at = recorded.event, recorded.at
        match event:
            case VisitorMessagePosted():
                entries.append(VisitorSaid(at, event.message_id, event.text))
            case ReplyStarted():
                reply = len(entries)
                entries.append(AssistantSaid(at, event.response_id, event.message_id))
            case IdleWarningIssued():
                entries.append(Warned(at, event.response_id, event.text))
            case SessionEnded():
                entries = [_left(entry, waiting) for entry in entries]
                entries.append(Ended(at, event.reason, event.text))
            case FeedbackGiven():
                _rate(entries, event)
            case _:
                if reply >= 0 and isinstance(said := entries[reply], AssistantSaid):
                    entries[reply] = _continued(said, event, at)
        waiting = recorded.session.waiting
    session = history[-1].session
    return Transcript(
        session.session_id,
        session.started_at,
        session.ended,
        {} if erased else session.details,
        [_forgotten(entry) for entry in entries] if erased else entries,
        f"{session.version}.0",
        erased,
    )


def _left(entry: Entry, waiting: Sequence[Question]) -> Entry:
    if isinstance(entry, VisitorSaid) and any(entry.message_id == each.message_id for each in waiting):
        return replace(entry, left_unanswered=True)
    return entry


def _forgotten(entry: Entry) -> Entry:
    match entry:
        case VisitorSaid():
            return replace(entry, text=None)
        case AssistantSaid(first_word_ms=first_word_ms):
            has_spoken = first_word_ms is not None
            return replace(entry, text=None if has_spoken else "", suggestions=(), comment="")
        case _:
            return entry


def _rate(entries: list[Entry], event: FeedbackGiven) -> None:
    for index, entry in enumerate(entries):
        if isinstance(entry, AssistantSaid) and entry.response_id == event.response_id:
            entries[index] = replace(entry, rating=event.rating, comment=event.comment)


def _continued(said: AssistantSaid, event: Event, at: datetime) -> AssistantSaid:
    match event:
        case ReplyChunksRecorded(parts=parts, delays=delays):
            first = delays[0] if said.first_word_ms is None else said.first_word_ms
            return replace(said, text=(said.text or "") + "".join(parts), first_word_ms=first)
        case SuggestionsOffered(suggestions=suggestions):
            return replace(said, suggestions=suggestions)
        case ReplyCompleted():
            return _over(said, "completed", at)
        case ReplyStopped():
            return _over(said, "stopped", at)
        case ReplyFailed():
            return _over(said, "failed", at)
        case _:
            return said


def _over(said: AssistantSaid, outcome: Outcome, at: datetime) -> AssistantSaid:
    return replace(said, outcome=outcome, total_ms=round((at - said.at).total_seconds() * 1000))
