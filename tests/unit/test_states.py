"""A session as it was, at every version and at any moment."""

from datetime import timedelta

import pytest

from domain.events import (
    DetailsCollected,
    IdleWarningIssued,
    ReplyCompleted,
    SessionEnded,
    VisitorErased,
    VisitorMessagePosted,
)
from projections.states import OpenReply, PastTurn, WaitingMessage, state, version_at
from projections.transcript import AssistantSaid, transcript
from tests.support.history import ASKED, MESSAGE, RESPONSE, SESSION, START, history, words

WHOLE = history(
    *ASKED,
    words("A ", "novated "),
    VisitorMessagePosted(SESSION, "Hello?"),
    words("lease"),
    DetailsCollected(MESSAGE, {"email": "ann@example.com"}, ("email",)),
    ReplyCompleted(RESPONSE, "hash", needs_info=True),
    IdleWarningIssued(SESSION, "Are you still there?", 120),
    SessionEnded("deleted"),
)
LATER = START + timedelta(hours=1)


def test_in_the_middle_of_a_reply_it_is_as_far_as_it_had_come() -> None:
    was = state(WHOLE, 5, LATER)

    assert was.open_reply == OpenReply(RESPONSE, MESSAGE, START + timedelta(seconds=2), "A novated ")
    assert was.waiting == [WaitingMessage(SESSION, 5, "Hello?")]
    assert was.turns == [
        PastTurn("visitor", 2, "What is a novated lease?"),
        PastTurn("visitor", 5, "Hello?"),
    ]
    assert (was.status, was.cursor, was.at) == ("active", "5.0", START + timedelta(seconds=4))
    assert was.conversation_data == {}
    assert [entry.text for entry in was.screen] == ["What is a novated lease?", "A novated ", "Hello?"]
    reply = was.screen[1]
    assert isinstance(reply, AssistantSaid)
    assert reply.outcome == "streaming"


def test_at_every_version_the_screen_is_the_transcript_up_to_there() -> None:
    for version in range(1, len(WHOLE) + 1):
        was = state(WHOLE, version, LATER)

        assert was.screen == transcript(WHOLE[:version]).entries
        assert was.conversation_data == WHOLE[version - 1].session.details
        assert (was.open_reply is not None) == (3 <= version < 8)


def test_at_the_end_it_is_as_it_is() -> None:
    was = state(WHOLE, len(WHOLE), LATER)

    assert (was.status, was.needs_info, was.open_reply, was.waiting) == ("deleted", True, None, [])
    assert was.conversation_data == {"email": "ann@example.com"}
    assert was.warned_at == START + timedelta(seconds=8)


@pytest.mark.parametrize(("seconds", "version"), [(-1, 0), (0, 1), (0.999, 1), (1, 2), (4.5, 5), (999, 10)])
def test_a_moment_has_the_version_that_was_on_the_record_by_then(seconds: float, version: int) -> None:
    assert version_at(WHOLE, START + timedelta(seconds=seconds)) == version


def test_a_session_may_have_expired_before_it_was_ended() -> None:
    expires_at = WHOLE[0].session.expires_at

    assert state(WHOLE, 9, expires_at - timedelta(seconds=1)).status == "active"
    assert state(WHOLE, 9, expires_at).status == "expired"


def test_nothing_that_an_erased_visitor_said_before_is_known_of_any_version() -> None:
    erased = [*WHOLE, *history(*(recorded.event for recorded in WHOLE[1:]), VisitorErased())[-1:]]

    for version in range(1, len(erased) + 1):
        was = state(erased, version, LATER)

        assert was.erased
        assert was.conversation_data == {}
        texts = [
            said.text for said in (*was.turns, *was.waiting, *([was.open_reply] if was.open_reply else []))
        ]
        assert set(texts) <= {None}
        assert {entry.text for entry in was.screen} <= {None, "", "Are you still there?"}
    assert state(erased, 5, LATER).waiting, "that something was said is known"
