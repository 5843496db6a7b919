"""What a ChatSession remembers of what happened, and for how long."""

from hashlib import sha256

import pytest

from domain import session as decide
from domain.errors import Impossible, SessionErased, VisitorMismatch
from domain.events import (
    DetailsCollected,
    Event,
    FeedbackGiven,
    ReplyFailed,
    ReplyStopped,
    SessionEnded,
    SessionStarted,
    SuggestionsOffered,
    VisitorErased,
)
from domain.session import REMEMBERED_TURNS, ChatSession, Turn, cause_of, evolve
from tests.support.aggregate import (
    EXPIRY,
    NOW,
    R1,
    R2,
    SESSION,
    STRANGER,
    VISITOR,
    asked,
    began,
    completed,
    message_id,
    said,
    session_after,
)


def test_what_started_is_the_session_at_version_one() -> None:
    session = session_after()

    assert session == ChatSession(
        SESSION, VISITOR, started_at=NOW, expires_at=EXPIRY, quiet_since=NOW, version=1
    )
    assert session.open_reply is None


def test_both_sides_turns_are_remembered_with_the_version_that_finished_them() -> None:
    session = session_after(
        asked(1, "hello"), began(R1, 1), said("Hi ", "Ann"), completed(R1, needs_info=True)
    )

    assert session.turns == (Turn("visitor", "hello", 2), Turn("assistant", "Hi Ann", 5))
    assert session.needs_info is True


def test_a_reply_that_said_nothing_is_no_turn() -> None:
    session = session_after(asked(1), began(R1, 1), ReplyStopped(R1, "visitor"))

    assert [turn.role for turn in session.turns] == ["visitor"]


def test_only_the_latest_turns_are_remembered() -> None:
    session = session_after(*(asked(n) for n in range(REMEMBERED_TURNS + 5)))

    assert len(session.turns) == REMEMBERED_TURNS
    assert session.turns[-1].text == f"question {REMEMBERED_TURNS + 4}"


def test_suggestions_belong_to_the_reply_that_offered_them() -> None:
    session = session_after(asked(1), began(R1, 1), SuggestionsOffered(("More", "Less")), completed(R1))

    assert session.reply is not None
    assert session.reply.suggestions == ("More", "Less")
    assert session.reply.version == session.version == 5


def test_an_event_changes_no_session_but_makes_a_new_one() -> None:
    before = session_after(asked(1, "hello", "m-1"), began(R1, 1))
    copy = session_after(asked(1, "hello", "m-1"), began(R1, 1))

    for event in (said("Hi"), asked(2, "more", "m-2"), DetailsCollected(message_id(1), {"name": "Ann"})):
        evolve(before, event, NOW)

    assert before == copy


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ([], SessionStarted(VISITOR, EXPIRY)),
        ([], began(R1, 1)),
        ([asked(1), began(R1, 1)], began(R1, 1)),
        ([asked(1)], said("Hi")),
        ([asked(1)], SuggestionsOffered(("More",), 1)),
        ([asked(1), began(R1, 1), completed(R1)], completed(R1)),
        ([asked(1)], ReplyStopped(R1, "visitor")),
        ([asked(1)], ReplyFailed(R1, "interrupted", again=True)),
    ],
)
def test_what_no_decision_makes_can_t_follow(before: list[Event], event: Event) -> None:
    with pytest.raises(Impossible):
        evolve(session_after(*before), event, NOW)


@pytest.mark.parametrize(
    ("before", "event", "cause"),
    [
        ([asked(1), asked(2)], began(R1, 1), 2),
        ([asked(1), began(R1, 1), asked(2)], said("Hi"), 3),
        ([asked(1), began(R1, 1), said("Hi"), asked(2)], said(" there"), 4),
        ([asked(1), began(R1, 1), said("Hi"), asked(2)], SuggestionsOffered(("More",)), 4),
        ([asked(1), began(R1, 1), said("Hi"), asked(2)], completed(R1), 4),
        ([asked(1), began(R1, 1), said("Hi"), asked(2)], ReplyFailed(R1, "timeout"), 4),
        ([asked(1), began(R1, 1), asked(2)], ReplyStopped(R1, "visitor"), 4),
        ([asked(1), began(R1, 1), ReplyFailed(R1, "interrupted", again=True), asked(2)], began(R2, 1), 2),
        ([asked(1)], asked(2), 2),
        ([asked(1)], SessionEnded("deleted"), 2),
    ],
)
def test_an_event_names_the_event_that_led_to_it(before: list[Event], event: Event, cause: int) -> None:
    assert cause_of(session_after(*before), event) == cause


def test_the_first_message_of_a_name_is_remembered_with_its_version() -> None:
    session = session_after(asked(1), asked(2, "hello", "m-2"))

    assert session.posted == {"m-2": decide.Posted(message_id(2), sha256(b"hello").digest(), 3)}


def test_what_waits_when_a_session_ends_is_not_answered() -> None:
    session = session_after(asked(1), asked(2), SessionEnded("deleted"))

    assert session.waiting == ()
    assert session.ended == "deleted"


def test_nothing_that_was_said_outlives_an_erasure_and_nobody_is_let_in() -> None:
    session = session_after(
        asked(1, "my secret", "secret-id"),
        began(R1, 1),
        said("a secret"),
        DetailsCollected(message_id(1), {"name": "Secret"}, ("name",)),
        completed(R1),
        FeedbackGiven(R1, "up", "secret"),
        asked(2, "more secrets"),
        SessionEnded("deleted"),
        VisitorErased(),
    )

    assert "ecret" not in repr(session)
    assert (session.ended, session.erased_at) == ("deleted", NOW)
    with pytest.raises(SessionErased):
        decide.recognise(session, VISITOR)
    with pytest.raises(VisitorMismatch):
        decide.recognise(session, STRANGER)
