"""Frames: which ones an event becomes, what they look like as JSON, and what can be read as one."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.frames import (
    NOTHING,
    ChatMessage,
    Connected,
    ConnectedInfo,
    Cursor,
    Join,
    Ping,
    Pong,
    Stop,
    Subject,
    decode,
    encode,
    error_frame,
    frames_of,
    is_extra,
    subject_of,
)
from domain.errors import InvalidRequest, MessageRequired, SessionNotFound
from domain.events import (
    DetailsCollected,
    IdleWarningIssued,
    ReplyCompleted,
    ReplyFailed,
    ReplyStopped,
    SessionEnded,
    SuggestionsOffered,
    VisitorMessagePosted,
)
from domain.ports import Recorded
from tests.support.history import ASKED, MESSAGE, RESPONSE, SESSION, VISITOR, history, words

COMPLETED = ReplyCompleted(RESPONSE, "hash")


def as_json(recorded: Recorded, after: Cursor | None = None) -> list[dict[str, Any]]:
    return [json.loads(encode(frame)) for frame in frames_of(recorded, after)]


# --- what an event becomes


def test_each_word_becomes_a_chunk_with_its_own_cursor() -> None:
    recorded = history(*ASKED, words("A ", "novated "), words("lease"))

    assert as_json(recorded[3]) + as_json(recorded[4]) == [
        {
            "type": "chunk",
            "done": False,
            "complete": False,
            "session_id": str(SESSION),
            "message_id": str(MESSAGE),
            "chunk": chunk,
            "metadata": {"cursor": cursor},
        }
        for chunk, cursor in [("A ", "4.2"), ("novated ", "4.10"), ("lease", "5.15")]
    ]


def test_a_completed_reply_says_all_that_is_known_then() -> None:
    recorded = history(
        *ASKED,
        words("A ", "lease."),
        DetailsCollected(MESSAGE, {"email": "ann@example.com"}),
        SuggestionsOffered(("What are the benefits?",)),
        ReplyCompleted(RESPONSE, "hash", "length", needs_info=True),
    )

    assert as_json(recorded[-1]) == [
        {
            "type": "complete",
            "done": True,
            "complete": False,
            "session_id": str(SESSION),
            "message_id": str(MESSAGE),
            "response_id": str(RESPONSE),
            "message": "A lease.",
            "conversation_data": {"email": "ann@example.com"},
            "needs_info": True,
            "suggestions": ["What are the benefits?"],
            "metadata": {"cursor": "7.0", "finish_reason": "length"},
        }
    ]


def test_null_fields_and_empty_arrays_are_left_out_and_done_and_complete_never() -> None:
    recorded = history(*ASKED, COMPLETED)

    assert as_json(recorded[-1]) == [
        {
            "type": "complete",
            "done": True,
            "complete": False,
            "session_id": str(SESSION),
            "message_id": str(MESSAGE),
            "response_id": str(RESPONSE),
            "conversation_data": {},
            "metadata": {"cursor": "4.0", "finish_reason": "stop"},
        }
    ]


def test_needs_info_that_is_false_is_not_null_and_stays() -> None:
    recorded = history(*ASKED, ReplyCompleted(RESPONSE, "hash", needs_info=False))

    assert as_json(recorded[-1])[0]["needs_info"] is False


def test_a_stopped_reply_is_complete_with_what_was_said() -> None:
    recorded = history(*ASKED, words("A "), ReplyStopped(RESPONSE, "visitor"))

    (frame,) = as_json(recorded[-1])

    assert (frame["type"], frame["done"], frame["complete"]) == ("complete", True, False)
    assert frame["message"] == "A "
    assert frame["metadata"] == {"cursor": "5.0", "finish_reason": "stopped"}


@pytest.mark.parametrize(("again", "code"), [(False, "reply_failed"), (True, "reply_interrupted")])
def test_a_failed_reply_is_an_error_of_its_message(again: bool, code: str) -> None:
    recorded = history(*ASKED, words("A "), ReplyFailed(RESPONSE, "timeout", again))

    (frame,) = as_json(recorded[-1])

    assert (frame["type"], frame["done"], frame["complete"]) == ("error", True, False)
    assert (frame["message_id"], frame["response_id"]) == (str(MESSAGE), str(RESPONSE))
    assert frame["metadata"] == {"error_type": "processing_error", "code": code, "cursor": "5.0"}
    assert "timeout" not in frame["error"], "an upstream's reasons are not for visitors"


def test_a_session_that_ends_by_its_reply_is_told_by_that_reply_alone() -> None:
    recorded = history(*ASKED, ReplyCompleted(RESPONSE, "hash", ends_session=True), SessionEnded("completed"))

    assert [(frame["type"], frame["complete"]) for frame in as_json(recorded[-2])] == [("complete", True)]
    assert as_json(recorded[-1]) == []


@pytest.mark.parametrize("reason", ["idle_timeout", "expired", "deleted"])
def test_any_other_ending_is_told_by_a_frame_of_its_own(reason: Any) -> None:
    recorded = history(SessionEnded(reason, RESPONSE, "Until next time!"))

    assert as_json(recorded[-1]) == [
        {
            "type": "session_end",
            "done": False,
            "complete": True,
            "session_id": str(SESSION),
            "response_id": str(RESPONSE),
            "message": "Until next time!",
            "conversation_data": {},
            "metadata": {"type": "session_end", "reason": reason, "cursor": "2.0"},
        }
    ]


def test_what_only_the_service_needs_to_know_becomes_no_frame() -> None:
    start, _, *rest = history(*ASKED, DetailsCollected(MESSAGE, {"a": "b"}), SuggestionsOffered(("x",)))

    assert [as_json(each) for each in (start, *rest)] == [[]] * 4


def test_a_visitor_s_message_is_told_to_those_who_ask_for_more() -> None:
    posted = history(VisitorMessagePosted(MESSAGE, "Hello", "m-1"))[-1]

    assert is_extra(posted.event)
    assert as_json(posted) == [
        {
            "type": "message",
            "done": False,
            "complete": False,
            "session_id": str(SESSION),
            "message_id": str(MESSAGE),
            "message": "Hello",
            "metadata": {"cursor": "2.0", "client_message_id": "m-1"},
        }
    ]


def test_an_idle_warning_and_the_end_after_it_are_those_of_the_specification() -> None:
    warned, ended = history(
        IdleWarningIssued(RESPONSE, "Are you still there?", 120),
        SessionEnded("idle_timeout", RESPONSE, "I'll end this session for now.", 240),
    )[1:]

    assert as_json(warned) == [
        {
            "type": "idle_warning",
            "done": False,
            "complete": False,
            "session_id": str(SESSION),
            "message": "Are you still there?",
            "response_id": str(RESPONSE),
            "metadata": {"type": "idle_warning", "timeout_seconds": 120, "cursor": "2.0"},
        }
    ]
    assert as_json(ended) == [
        {
            "type": "session_end",
            "done": False,
            "complete": True,
            "session_id": str(SESSION),
            "response_id": str(RESPONSE),
            "message": "I'll end this session for now.",
            "conversation_data": {},
            "metadata": {
                "type": "session_end",
                "reason": "idle_timeout",
                "cursor": "3.0",
                "timeout_seconds": 240,
            },
        }
    ]


def test_an_error_frame_names_its_session_where_there_is_one() -> None:
    plain = json.loads(encode(error_frame(SessionNotFound(), "processing_error", Subject(SESSION))))
    unknown = json.loads(encode(error_frame(InvalidRequest("why"), "validation_error")))

    assert plain == {
        "type": "error",
        "done": False,
        "complete": False,
        "session_id": str(SESSION),
        "error": "Session not found",
        "metadata": {"error_type": "processing_error", "code": "session_not_found"},
    }
    assert "session_id" not in unknown


def test_a_socket_that_has_joined_nothing_is_greeted_without_a_session() -> None:
    assert json.loads(encode(Connected(done=False, complete=False, metadata=ConnectedInfo("connected")))) == {
        "type": "connected",
        "done": False,
        "complete": False,
        "metadata": {"status": "connected"},
    }
    assert json.loads(encode(Pong(done=False, complete=False))) == {
        "type": "pong",
        "done": False,
        "complete": False,
    }


# --- cursors


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=12), st.data())
def test_whatever_offset_a_cursor_has_the_rest_follows_and_nothing_else(
    parts: list[str], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(parts)))
    recorded = history(*ASKED, words(*parts[:cut]), words(*parts[cut:]))
    text = "".join(parts)
    before = sum(map(len, parts[:cut]))
    version = data.draw(st.sampled_from([4, 5]))
    least, most = (0, before) if version == 4 else (before, len(text))
    offset = data.draw(st.integers(least, most))
    after = Cursor(version, offset)

    frames = [frame for each in recorded[after.events_after :] for frame in as_json(each, after)]

    # An offset of 0 means all of that version: it names the event, not a place in its words.
    expected = text[offset:] if offset else text[before if version == 4 else len(text) :]
    assert "".join(frame["chunk"] for frame in frames) == expected
    assert all(frame["chunk"] for frame in frames)


@given(st.integers(0, 10**15 - 1), st.integers(0, 10**9 - 1))
def test_a_cursor_reads_as_it_was_written(version: int, offset: int) -> None:
    cursor = Cursor(version, offset)

    assert Cursor.parse(str(cursor)) == cursor
    assert Cursor.parse(str(version)) == Cursor(version)


@pytest.mark.parametrize(
    "text",
    ["", ".", "1.", ".5", "-1", "1.-1", "1.2.3", "x", " 1", "1\n", "1e3", "١", "9" * 16, "1." + "9" * 10],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="after must be a cursor as frames carry it, such as"):
        Cursor.parse(text)


def test_a_cursor_before_everything_starts_at_the_first_event() -> None:
    assert Cursor(0).events_after == 0
    assert Cursor(0, 5).events_after == 0


def test_a_cursor_with_an_offset_on_what_isn_t_words_repeats_nothing() -> None:
    *_, told = history(*ASKED, words("Hello"), COMPLETED)

    assert as_json(told, Cursor(told.version, 5)) == []
    assert as_json(told, Cursor(told.version - 1, 5)) == as_json(told) != []


def test_a_cursor_ahead_of_its_session_is_refused() -> None:
    session = history(*ASKED)[-1].session

    assert Cursor(2, 7).within(session) == Cursor(2, 7)
    with pytest.raises(InvalidRequest, match=r"after is ahead of the session, which is at 3\.0"):
        Cursor(4).within(session)


def test_a_cursor_ahead_of_what_was_said_in_the_latest_reply_is_refused() -> None:
    session = history(*ASKED, words("Hello "), words("you"))[-1].session

    for offset in (0, 6, 9):
        assert Cursor(5, offset).within(session) == Cursor(5, offset)
    for version in (3, 4, 5):
        with pytest.raises(
            InvalidRequest, match=rf"after={version}\.10 is ahead of the reply, of which 9 char"
        ):
            Cursor(version, 10).within(session)


def test_a_newcomer_begins_with_the_reply_in_progress() -> None:
    recorded = history(*ASKED, words("A "), COMPLETED)

    assert [Cursor.present(each.session) for each in recorded] == [
        Cursor(1),
        Cursor(2),
        Cursor(3),
        Cursor(3),
        Cursor(5),
    ]


# --- what is received

IDS = {"session_id": str(SESSION), "visitor_id": str(VISITOR)}
NO_OBJECT = "a frame must be one JSON object, in well-formed Unicode"


def test_every_kind_of_frame_is_read() -> None:
    text = "What is a novated lease?"

    assert decode(json.dumps({"type": "chat_message", "message": text, **IDS})) == ChatMessage(
        SESSION, VISITOR, text
    )
    assert decode(
        json.dumps({"type": "chat_message", "message": text, "client_message_id": "m-1", **IDS})
    ) == ChatMessage(SESSION, VISITOR, text, "m-1")
    assert decode(json.dumps({"type": "join", "after": "4.2", **IDS})) == Join(SESSION, VISITOR, "4.2")
    assert decode(json.dumps({"type": "stop", **IDS})) == Stop(SESSION, VISITOR)
    assert decode('{"type": "ping"}') == decode("ping") == Ping()


def test_fields_that_nobody_knows_are_passed_over() -> None:
    assert decode(json.dumps({"type": "stop", "ws_url": "ws://x/", **IDS})) == Stop(SESSION, VISITOR)


@pytest.mark.parametrize("message", ["", " ", "\n\t ", None, msgspec.UNSET])
def test_a_message_that_is_missing_or_blank_is_required(message: Any) -> None:
    frame = {"type": "chat_message", **IDS} | ({} if message is msgspec.UNSET else {"message": message})

    with pytest.raises(MessageRequired, match=r"^message is required$"):
        decode(json.dumps(frame))


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        ("", NO_OBJECT),
        ("{", NO_OBJECT),
        ("PING", NO_OBJECT),
        ('{"type": "ping"} {}', NO_OBJECT),
        ('{"type": "ping", "n": NaN}', NO_OBJECT),
        ('{"type": "\\ud800"}', NO_OBJECT),
        ('{"type": "ping", "a": ' + "[" * 100_000, NO_OBJECT),
        ("[]", "Expected `object`, got `array`"),
        ("null", "Expected `object`, got `null`"),
        ("{}", "Object missing required field `type`"),
        ('{"type": 1}', "type: Expected `str`"),
        ('{"type": "nonsense"}', "type: Invalid value 'nonsense'"),
        ('{"type": "stop"}', "Object missing required field `session_id`"),
        ('{"type": "stop", "session_id": "x"}', "session_id: Invalid UUID"),
    ],
)
def test_what_is_no_frame_is_refused_with_what_would_be_right(frame: str, why: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode(frame)

    assert str(refused.value) == why


def test_what_is_wrong_with_a_frame_doesnt_hide_whose_it_is() -> None:
    assert subject_of(json.dumps({"type": "nonsense", **IDS})) == Subject(SESSION)
    assert subject_of('{"client_message_id": "m1", "message": 1}') == Subject(None, "m1")
    assert subject_of('{"session_id": "x"}') == NOTHING
    assert subject_of("{") == NOTHING
    assert subject_of("[]") == NOTHING
    assert subject_of("") == NOTHING


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_any_text_at_all_is_a_frame_or_refused(text: str) -> None:
    with suppress(InvalidRequest):
        assert decode(text)
    assert isinstance(subject_of(text), Subject)
