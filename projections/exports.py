"""A session to be taken away: one row a format in `EXPORTS`, each made from the session's own events.

JSON and JSON lines hold what was said as it was, CSV is for spreadsheets, the others are for people. Whatever
was said, none of them speaks to a terminal or is a formula.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from domain.ports import Recorded
from projections.archive import exported
from projections.records import records
from projections.renderings import HIDDEN, RENDERINGS, said_in, shown
from projections.transcript import AssistantSaid, Ended, Entry, VisitorSaid, transcript


class Export(NamedTuple):
    """How a session is written: its whole history -> bytes."""

    media_type: str
    extension: str
    write: Callable[[Sequence[Recorded]], bytes]


COLUMNS = (
    *("session_id", "at", "who", "text", "outcome", "first_word_ms", "total_ms", "suggestions", "rating"),
    *("comment", "message_id", "response_id"),
)
"""Of the CSV."""

_FORMULA = re.compile(r"(^\s*|[;\t]\s*)(?=[=+\-@＝＋－＠])")
"""Where a spreadsheet might begin to read a formula: at the start of a cell, also of one that it makes by
itself because it takes semicolons or tabs for what separates them."""

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
    lines = io.StringIO()
    writer = csv.DictWriter(lines, COLUMNS, restval="", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    for entry in told.entries:
        row = {"session_id": told.session_id, "at": entry.at.isoformat(), **_row(entry)}
        writer.writerow({column: _cell(value) for column, value in row.items()})
    return lines.getvalue().encode()


def _rendered(name: str) -> Export:
    media_type, render = RENDERINGS[name]
    extension = {"text": "txt", "markdown": "md"}.get(name, name)
    return Export(media_type, extension, lambda history: render(transcript(history)).encode())


EXPORTS: Mapping[str, Export] = {
    "json": Export("application/json", "json", as_json),
    "jsonl": Export("application/x-ndjson", "jsonl", as_json_lines),
    "csv": Export("text/csv", "csv", as_csv),
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


def _row(entry: Entry) -> dict[str, Any]:
    """What one kind of entry knows, by column."""
    row: dict[str, Any] = {"who": entry.__struct_config__.tag, "text": said_in(entry)}
    match entry:
        case VisitorSaid(message_id=message_id):
            return row | {"message_id": message_id}
        case AssistantSaid():
            names = ("outcome", "first_word_ms", "total_ms", "rating", "comment", "message_id", "response_id")
            suggestions = "\n".join(entry.suggestions)
            return row | {name: getattr(entry, name) for name in names} | {"suggestions": suggestions}
        case Ended(reason=reason):
            return row | {"outcome": reason}
        case _:
            return row | {"response_id": entry.response_id}


def _cell(value: object) -> str:
    if value is None:
        return ""
    return _FORMULA.sub(r"\g<1>'", shown(str(value))) if isinstance(value, str) else str(value)
