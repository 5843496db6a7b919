"""A session to be taken away: all of it, in every format, and harmless wherever it is opened."""

import csv
import io
import re
from collections.abc import Sequence
from uuid import UUID

import msgspec
import pytest

from domain.events import (
    DetailsCollected,
    FeedbackGiven,
    IdleWarningIssued,
    ReplyCompleted,
    ReplyStopped,
    SessionEnded,
    SuggestionsOffered,
    VisitorErased,
    VisitorMessagePosted,
)
from domain.ports import Recorded
from projections.exports import COLUMNS, EXPORTS, as_csv, as_json, as_json_lines
from projections.records import records
from projections.transcript import transcript
from tests.support.history import ASKED, MESSAGE, RESPONSE, SESSION, history, words

OTHER = UUID("990e8400-e29b-41d4-a716-446655440000")
WHOLE = (
    *ASKED,
    words("A ", "novated "),
    words("lease"),
    DetailsCollected(MESSAGE, {"email": "ann@example.com"}, ("email",)),
    SuggestionsOffered(("Why?", "=Who?"), 2),
    ReplyCompleted(RESPONSE, "hash"),
    FeedbackGiven(RESPONSE, "up", "Thanks"),
    VisitorMessagePosted(OTHER, "=Who?", took=1),
    IdleWarningIssued(SESSION, "Are you still there?", 120),
    SessionEnded("idle_timeout", SESSION, "Bye", 240),
)


def lines_of(exported: bytes) -> list[dict]:
    return [msgspec.json.decode(line) for line in exported.splitlines()]


def rows_of(exported: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported.decode(), newline="")))


def said(text: str) -> Sequence[Recorded]:
    return history(VisitorMessagePosted(MESSAGE, text))


# --- events


def test_events_are_told_with_their_place_their_time_and_their_cause() -> None:
    told = records(history(*WHOLE))

    assert [record.version for record in told] == list(range(1, len(WHOLE) + 2))
    assert [record.topic for record in told[1:]] == [event.topic for event in WHOLE]
    assert [record.cause for record in told] == [0, 1, 2, 3, 4, 5, 5, 7, 8, 9, 10, 11]
    assert told[3].data == {"delays": (100, 100), "parts": ("A ", "novated ")}
    assert (told[3].personal, told[3].cursor) == (("parts",), "4.0")


def test_of_an_erased_visitor_only_what_was_clear_is_told() -> None:
    told = records(history(*WHOLE, VisitorErased()))

    for record in told:
        assert not set(record.data) & set(record.personal)
    assert told[3].data == {"delays": (100, 100)}
    assert told[5].data == {"message_id": str(MESSAGE), "keys": ("email",)}


def test_json_lines_are_one_event_each() -> None:
    assert lines_of(as_json_lines(history(*WHOLE))) == msgspec.json.decode(
        msgspec.json.encode(records(history(*WHOLE)))
    )


def test_json_is_the_transcript() -> None:
    assert msgspec.json.decode(as_json(history(*WHOLE))) == msgspec.json.decode(
        msgspec.json.encode(transcript(history(*WHOLE)))
    )


# --- CSV


def test_csv_is_one_entry_a_line() -> None:
    rows = rows_of(as_csv(history(*WHOLE)))

    assert tuple(rows[0]) == COLUMNS
    assert [row["who"] for row in rows] == ["visitor", "assistant", "visitor", "warning", "service"]
    assert rows[0] == rows[0] | {"text": "What is a novated lease?", "message_id": str(MESSAGE), "rating": ""}
    assert [row["left_unanswered"] for row in rows] == ["false", "", "true", "", ""]
    assert rows[1] == rows[1] | {
        "at": "2026-01-02T03:04:07Z",
        "text": "A novated lease",
        "outcome": "completed",
        "first_word_ms": "100",
        "total_ms": "5000",
        "suggestions": "Why?\n=Who?",
        "taken": "1",
        "rating": "up",
        "comment": "Thanks",
        "response_id": str(RESPONSE),
    }
    assert rows[4] == rows[4] | {"outcome": "idle_timeout", "text": "Bye", "response_id": str(SESSION)}
    assert {row["session_id"] for row in rows} == {str(SESSION)}


def test_a_session_in_which_nothing_was_said_is_the_names_of_the_columns() -> None:
    assert as_csv(history()).decode().split() == [",".join(f'"{column}"' for column in COLUMNS)]


# --- all formats


def test_every_format_has_a_media_type_and_a_name_for_its_file() -> None:
    assert list(EXPORTS) == ["json", "jsonl", "csv", "text", "markdown", "html"]
    assert len({export.media_type for export in EXPORTS.values()}) == len(EXPORTS)
    assert all(re.fullmatch("[a-z]+", export.extension) for export in EXPORTS.values())


@pytest.mark.parametrize("name", EXPORTS)
def test_no_format_speaks_to_a_terminal_or_turns_round_what_was_said(name: str) -> None:
    hidden = "".join(map(chr, (*range(9), *range(14, 32), *range(127, 160), 0x202E, 0x2066)))
    spoken = history(*ASKED, words(hidden), ReplyStopped(RESPONSE, "visitor"))

    shown = EXPORTS[name].write(spoken).decode()

    assert not set(shown) & set(hidden)
    assert "1b" in shown.lower()


def test_json_says_all_of_it_in_its_own_codes() -> None:
    text = "\x00\x1b[2J\x9b31m\u202e\u2028\n"

    (_, asked) = lines_of(as_json_lines(said(text)))
    assert asked["data"]["text"] == text
    assert msgspec.json.decode(as_json(said(text)))["entries"][0]["text"] == text
    assert len(as_json_lines(said(text)).decode().splitlines()) == 2


@pytest.mark.parametrize("name", EXPORTS)
def test_of_an_erased_visitor_no_format_has_anything_that_was_said(name: str) -> None:
    shown = EXPORTS[name].write(history(*WHOLE, VisitorErased())).decode()

    for trace in ("novated", "Why?", "Who?", "ann@", "Thanks"):
        assert trace not in shown
    if name == "json":
        assert [entry["text"] for entry in msgspec.json.decode(shown)["entries"][:3]] == [None, None, None]
    elif name != "jsonl":
        assert shown.replace("\\", "").count("[erased]") == 3 + (name != "csv"), "also what was taken"
