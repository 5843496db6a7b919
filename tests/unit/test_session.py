"""The ChatSession aggregate: what it decides."""

from datetime import datetime, timedelta
from hashlib import sha256

import pytest

from domain import session as decide
from domain.errors import (
    MessageConflict,
    MessageRequired,
    MessageTooLong,
    RateLimited,
    ReplyClosed,
    SessionExpired,
    SessionFull,
    SessionNotActive,
    VisitorMismatch,
)
from domain.events import (
    DetailsCollected,
    Ending,
    Event,
    FeedbackGiven,
    Rating,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    SessionStarted,
    SuggestionsOffered,
    Usage,
    VisitorErased,
    VisitorMessagePosted,
)
from domain.session import MAX_WAITING, ChatSession, Findings, evolve
from tests.support.aggregate import (
    EXPIRY,
    NOW,
    R1,
    R2,
    R3,
    STRANGER,
    VISITOR,
    asked,
    began,
    completed,
    message_id,
    said,
    session_after,
)

NOT_YET = EXPIRY - timedelta(milliseconds=1)
DELETED = SessionEnded("deleted")


def post(
    session: ChatSession,
    text: str,
    client_message_id: str | None = None,
    now: datetime = NOW,
    max_chars: int = 100,
    per_minute: int = 100,
    per_session: int = 1000,
) -> list[Event]:
    return decide.post(
        session,
        text=text,
        max_chars=max_chars,
        per_minute=per_minute,
        per_session=per_session,
        message_id=message_id(99),
        client_message_id=client_message_id,
        now=now,
    )


# --- starting


def test_a_session_starts_for_its_visitor_and_expires_after_its_lifetime() -> None:
    events = decide.start(VISITOR, NOW, timedelta(hours=24), {"page": "/pricing"})

    assert events == [SessionStarted(VISITOR, EXPIRY, {"page": "/pricing"})]


def test_a_session_knows_its_visitor() -> None:
    decide.recognise(session_after(), VISITOR)

    with pytest.raises(VisitorMismatch, match=r"^Visitor ID does not match$"):
        decide.recognise(session_after(), STRANGER)


# --- posting


def test_a_message_is_taken_as_it_is() -> None:
    events = post(session_after(), "  What is a novated lease? ", "m-1")

    assert events == [VisitorMessagePosted(message_id(99), "  What is a novated lease? ", "m-1")]


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
def test_a_message_without_any_text_is_refused(text: str) -> None:
    with pytest.raises(MessageRequired, match=r"^message is required$"):
        post(session_after(), text)


def test_a_message_may_be_as_long_as_the_limit_and_no_longer() -> None:
    assert post(session_after(), "x" * 100, max_chars=100)

    with pytest.raises(
        MessageTooLong, match=r"^message is too long: 101 characters, at most 100 are accepted$"
    ):
        post(session_after(), "x" * 101, max_chars=100)


def test_a_session_expires_at_its_time_to_the_millisecond() -> None:
    assert post(session_after(), "in time", now=NOT_YET)

    with pytest.raises(SessionExpired, match=r"^Session has expired$"):
        post(session_after(), "too late", now=EXPIRY)


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("completed", SessionNotActive),
        ("idle_timeout", SessionNotActive),
        ("deleted", SessionNotActive),
        ("expired", SessionExpired),
    ],
)
@pytest.mark.parametrize("now", [NOW, EXPIRY])
def test_nothing_is_posted_in_a_session_that_has_ended(
    reason: Ending, error: type[Exception], now: datetime
) -> None:
    session = session_after(SessionEnded(reason))

    with pytest.raises(error):
        post(session, "anyone there?", now=now)
    with pytest.raises(error):
        decide.require_active(session, now)


def test_a_session_that_goes_on_is_active() -> None:
    decide.require_active(session_after(asked(1)), NOT_YET)


def test_a_message_that_comes_again_under_its_own_name_is_recorded_once() -> None:
    session = session_after(asked(1, "hello", "m-1"))

    assert post(session, "hello", "m-1") == []
    assert post(session, "hello", "m-2") != []
    assert post(session, "hello") != []


@pytest.mark.parametrize("now", [NOW, EXPIRY])
def test_a_message_that_comes_again_is_acknowledged_even_when_the_session_is_over(now: datetime) -> None:
    session = session_after(asked(1, "hello", "m-1"), SessionEnded("completed"))

    assert post(session, "hello", "m-1", now=now) == []


def test_a_message_that_comes_again_is_acknowledged_even_when_too_many_wait() -> None:
    session = session_after(asked(0, "hello", "m-0"), *(asked(n) for n in range(1, MAX_WAITING)))

    assert post(session, "hello", "m-0") == []


def test_one_name_for_two_messages_is_a_conflict() -> None:
    session = session_after(asked(1, "hello", "m-1"))

    with pytest.raises(MessageConflict):
        post(session, "goodbye", "m-1")


def test_a_session_takes_so_many_messages_and_ratings_and_still_acknowledges_them() -> None:
    answered = session_after(asked(1, "hello", "m-1"), began(R1, 1), said("Hi "), completed(R1))
    full = evolve(answered, FeedbackGiven(R1, "up"), NOW)

    def rated(session: ChatSession, rating: Rating) -> list[Event]:
        return decide.rate(session, R1, rating, "", per_minute=9, per_session=2, now=NOW)

    assert post(answered, "one more", per_session=2)
    assert rated(answered, "up")
    assert post(full, "hello", "m-1", per_session=2) == []
    assert rated(full, "up") == []
    with pytest.raises(SessionFull, match="2 messages"):
        post(full, "one too many", per_session=2)
    with pytest.raises(SessionFull):
        rated(full, "down")


def test_only_so_many_messages_may_wait() -> None:
    nearly = session_after(*(asked(n) for n in range(MAX_WAITING - 1)))
    full = evolve(nearly, asked(MAX_WAITING), NOW)

    assert post(nearly, "one more")
    with pytest.raises(RateLimited):
        post(full, "one too many")
    assert post(evolve(full, began(R1, 0), NOW), "now there is room")


# --- replying


def test_the_message_that_has_waited_longest_is_answered_first() -> None:
    session = session_after(asked(1), asked(2))

    assert decide.begin_reply(session, R1, "guide", "node") == [
        ReplyStarted(R1, message_id(1), "guide", "node")
    ]


@pytest.mark.parametrize(
    "session",
    [
        session_after(),
        session_after(asked(1), began(R1, 1), asked(2)),
        session_after(asked(1), began(R1, 1), completed(R1)),
        session_after(asked(1), SessionEnded("idle_timeout")),
    ],
    ids=["nothing waits", "a reply is open", "all is answered", "the session has ended"],
)
def test_no_reply_begins_where_none_is_due(session: ChatSession) -> None:
    assert decide.begin_reply(session, R2, "guide", "node") == []


def test_words_are_recorded_in_the_open_reply() -> None:
    session = session_after(asked(1), began(R1, 1))

    events = decide.record_words(session, R1, ["Hello ", "there"], [120, 5])

    assert events == [ReplyChunksRecorded((120, 5), ("Hello ", "there"))]
    spoken = evolve(evolve(session, events[0], NOW), said(", you"), NOW).open_reply
    assert spoken is not None
    assert spoken.text == "Hello there, you"
    assert (spoken.started_version, spoken.version) == (3, 5)


@pytest.mark.parametrize(
    "session",
    [
        session_after(asked(1)),
        session_after(asked(1), began(R2, 1)),
        session_after(asked(1), began(R1, 1), completed(R1)),
        session_after(asked(1), began(R1, 1), ReplyStopped(R1, "visitor")),
        session_after(asked(1), began(R1, 1), ReplyFailed(R1, "timeout")),
        session_after(asked(1), began(R1, 1), ReplyStopped(R1, "session_end"), SessionEnded("deleted")),
    ],
    ids=["not begun", "another is open", "completed", "stopped", "failed", "session ended"],
)
def test_nothing_is_added_to_a_reply_that_is_not_open(session: ChatSession) -> None:
    with pytest.raises(ReplyClosed):
        decide.record_words(session, R1, ["word "], [0])
    with pytest.raises(ReplyClosed):
        decide.complete_reply(session, R1, Findings())
    with pytest.raises(ReplyClosed):
        decide.fail_reply(session, R1, "timeout", Findings())


def test_a_reply_is_completed_with_all_that_was_found() -> None:
    session = session_after(asked(1), began(R1, 1), said("Hello ", "Ann"))
    findings = Findings(
        details={"name": "Ann", "email": "ann@example.com"},
        suggestions=("Tell me more",),
        needs_info=True,
        finish_reason="length",
        usage=Usage(12, 3),
    )

    events = decide.complete_reply(session, R1, findings)

    assert events == [
        DetailsCollected(message_id(1), {"name": "Ann", "email": "ann@example.com"}, ("name", "email")),
        SuggestionsOffered(("Tell me more",), 1),
        ReplyCompleted(
            response_id=R1,
            text_hash=sha256(b"Hello Ann").hexdigest(),
            finish_reason="length",
            needs_info=True,
            usage=Usage(12, 3),
        ),
    ]


def test_a_reply_in_which_nothing_was_found_is_completed_and_no_more() -> None:
    session = session_after(asked(1), began(R1, 1))

    assert decide.complete_reply(session, R1, Findings()) == [ReplyCompleted(R1, sha256(b"").hexdigest())]


def test_only_details_that_are_new_or_changed_are_recorded() -> None:
    known = DetailsCollected(message_id(0), {"name": "Ann", "city": "Perth"})
    session = session_after(asked(1), known, began(R1, 1))

    changed = decide.complete_reply(session, R1, Findings(details={"name": "Ann", "city": "Sydney"}))
    unchanged = decide.complete_reply(session, R1, Findings(details={"name": "Ann"}))

    assert changed[0] == DetailsCollected(message_id(1), {"city": "Sydney"}, ("city",))
    assert [type(event) for event in unchanged] == [ReplyCompleted]
    assert evolve(session, changed[0], NOW).details == {"name": "Ann", "city": "Sydney"}


def test_a_session_ends_with_the_reply_that_completes_it() -> None:
    session = session_after(asked(1), began(R1, 1))

    *_, reply, end = decide.complete_reply(session, R1, Findings(ends_session=True))

    assert isinstance(reply, ReplyCompleted)
    assert reply.ends_session
    assert end == SessionEnded("completed")


def test_a_session_does_not_end_while_a_message_waits() -> None:
    session = session_after(asked(1), began(R1, 1), asked(2))

    (reply,) = decide.complete_reply(session, R1, Findings(ends_session=True))

    assert isinstance(reply, ReplyCompleted)
    assert not reply.ends_session


def test_a_reply_that_fails_keeps_what_was_learned_and_offers_nothing() -> None:
    session = session_after(asked(1), began(R1, 1), said("Hel"))
    findings = Findings(details={"name": "Ann"}, suggestions=("More",), ends_session=True)

    events = decide.fail_reply(session, R1, "timeout", findings)

    assert events == [DetailsCollected(message_id(1), {"name": "Ann"}, ("name",)), ReplyFailed(R1, "timeout")]
    failed = evolve(session, events[1], NOW)
    assert failed.open_reply is None
    assert failed.waiting == ()
    assert failed.reply is not None
    assert (failed.reply.status, failed.reply.text) == ("failed", "Hel")


def test_an_interrupted_reply_is_answered_anew_once() -> None:
    session = session_after(asked(1), began(R1, 1), said("Hel"), asked(2))

    (failed,) = decide.give_up_interrupted(session)
    assert failed == ReplyFailed(R1, "interrupted", again=True)
    session = evolve(session, failed, NOW)

    (again,) = decide.begin_reply(session, R2, "guide", "node")
    assert again == ReplyStarted(R2, message_id(1), "guide", "node")
    session = evolve(session, again, NOW)

    (failed_again,) = decide.give_up_interrupted(session)
    assert failed_again == ReplyFailed(R2, "interrupted", again=False)
    session = evolve(session, failed_again, NOW)

    assert decide.begin_reply(session, R3, "guide", "node") == [
        ReplyStarted(R3, message_id(2), "guide", "node")
    ]


def test_nothing_is_given_up_where_no_reply_is_open() -> None:
    assert decide.give_up_interrupted(session_after(asked(1))) == []


# --- stopping and ending


def test_the_open_reply_is_stopped() -> None:
    session = session_after(asked(1), began(R1, 1), said("Hel"))

    assert decide.stop_reply(session) == [ReplyStopped(R1, "visitor")]
    assert decide.stop_reply(evolve(session, ReplyStopped(R1, "visitor"), NOW)) == []
    assert decide.stop_reply(session_after(asked(1))) == []


def test_deleting_a_session_stops_its_reply_first() -> None:
    quiet = session_after(asked(1))
    speaking = session_after(asked(1), began(R1, 1))

    assert decide.end(quiet, DELETED) == [DELETED]
    assert decide.end(speaking, DELETED) == [ReplyStopped(R1, "session_end"), DELETED]


def test_a_session_ends_once() -> None:
    assert decide.end(session_after(SessionEnded("completed")), DELETED) == []


# --- suggestions that are taken


@pytest.mark.parametrize(("text", "took"), [("More", 0), ("Less", 1), ("more", None), ("Both", None)])
def test_a_message_says_which_of_the_suggestions_it_is(text: str, took: int | None) -> None:
    session = session_after(asked(1), began(R1, 1), SuggestionsOffered(("More", "Less"), 2), completed(R1))

    (posted,) = post(session, text)

    assert isinstance(posted, VisitorMessagePosted)
    assert posted.took == took


# --- a visitor who is forgotten


def test_erasing_ends_the_session_first() -> None:
    session = session_after(asked(1), began(R1, 1), said("Hi"))

    assert decide.erase(session) == [
        ReplyStopped(R1, "session_end"),
        SessionEnded("deleted"),
        VisitorErased(),
    ]
    assert decide.erase(session_after(SessionEnded("completed"))) == [VisitorErased()]
    assert decide.erase(session_after(SessionEnded("completed"), VisitorErased())) == []
