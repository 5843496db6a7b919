"""A session's events as an auditor reads them: what is recorded, with its place, its time and its cause."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec
from msgspec import Struct

from domain.ports import Recorded
from domain.session import cause_of
from projections.transcript import is_erased


class EventRecord(Struct, frozen=True):
    """One event. `cause` is the version of the event that led to it, 0 for none; `cursor` is its place.

    `personal` names the fields of `data` that are sealed in the log; they are left out where the visitor was
    erased. An event that was recorded under an older topic is shown as what it means today.
    """

    version: int
    topic: str
    at: datetime
    cause: int
    personal: Sequence[str]
    data: dict[str, Any]
    cursor: str


def records(history: Sequence[Recorded], *, erased: bool = False) -> Sequence[EventRecord]:
    """The events of a session's history. Where it begins in the middle, the first one's cause isn't known.

    `erased` is for a part of a history in which the visitor is forgotten later.
    """
    erased = erased or is_erased(history)
    causes = [0, *(cause_of(before.session, recorded.event) for before, recorded in pairwise(history))]
    return [_record(recorded, cause, erased) for recorded, cause in zip(history, causes, strict=True)]


def _record(recorded: Recorded, cause: int, erased: bool) -> EventRecord:
    event = recorded.event
    data: dict[str, Any] = msgspec.to_builtins(event)
    if erased:
        data = {field: value for field, value in data.items() if field not in event.personal}
    return EventRecord(
        version=recorded.version,
        topic=event.topic,
        at=recorded.at,
        cause=cause,
        personal=event.personal,
        data=data,
        cursor=f"{recorded.version}.0",
    )
