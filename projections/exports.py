"""A session to be taken away: one row a format in `EXPORTS`, each made from the session's own events.

JSON and JSON lines hold what was said as it was, CSV is for spreadsheets, the others are for people. Whatever
was said, none of them speaks to a terminal or is a formula.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import asdict

from domain.ports import Recorded
from projections import csv
from projections.archive import exported
from projections.records import records
from projections.renderings import HIDDEN, RENDERINGS, on_a_line, said_in
from projections.transcript import AssistantSaid, Ended, Entry, transcript


class Export(NamedTuple):
    """How a session is written: its whole history -> bytes."""

    media_type: str
    extension: str
    write: Callable[[Sequence[Recorded]], bytes]


COLUMNS = (
    *("session_id", "at", "who", "text", "outcome", "left_unanswered", "first_word_ms", "total_ms"),
    *("suggestions", "taken", "rating", "comment", "message_id", "response_id"),
)
"""Of the CSV. `outcome` says how a reply or the session ended; `taken` is a line of `suggestions`, from 0."""

_UNSEEN = re.compile(f"{HIDDEN.pattern}|[\u2028\u2029]")


def as_json(history: Sequence[Recorded]) -> bytes:
    """The transcript."""
    return _json(transcript(history))


def as_json_lines(history: Sequence[Recorded]) -> bytes:
    """One event a line."""
    return b"".join(map(_json, records(history)))


def as_csv(history: Sequence[Recorded]) -> bytes:
    """One entry of the transcript a line, below the names of the columns."""
    told = transcript(history)
    return csv.as_csv(COLUMNS, [_row(told.session_id, entry) for entry in told.entries]).encode()


def _rendered(name: str) -> Export:
    media_type, render = RENDERINGS[name]
    extension = {"text": "txt", "markdown": "md"}.get(name, name)
    return Export(media_type, extension, lambda history: render(transcript(history)).encode())


EXPORTS: Mapping[str, Export] = {
    "json": Export("application/json", "json", as_json),
    "jsonl": Export("application/x-ndjson", "jsonl", as_json_lines),
    "csv": Export(csv.MEDIA_TYPE, "csv", as_csv),
    **{name: _rendered(name) for name in RENDERINGS},
}
"""By format."""

ZIP = "zip"
FORMATS = (*EXPORTS, ZIP)
"""A zip isn't made of what was said alone: it proves it, and is the auditor's to make."""


def in_zip(history: Sequence[Recorded]) -> Mapping[str, bytes]:
    """The files of a zip that are for reading."""
    return {"transcript.json": exported(history), "transcript.html": EXPORTS["html"].write(history)}


def _json(value: object) -> bytes:
    text = msgspec.json.encode(value).decode()
    # Within strings, the only place where they can be, these mean the same and do nothing to a terminal.
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode() + b"\n"


def _row(session_id: UUID, entry: Entry) -> dict[str, Any]:
    """What an entry knows, by column."""
    who = entry.__struct_config__.tag
    row = asdict(entry) | {"session_id": session_id, "who": who, "text": said_in(entry)}
    match entry:
        case AssistantSaid(suggestions=suggestions):
            return row | {"suggestions": "\n".join(map(on_a_line, suggestions))}
        case Ended(reason=reason):
            return row | {"outcome": reason}
        case _:
            return row
