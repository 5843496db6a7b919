"""A replay in a terminal: who said what, word by word, and nothing that speaks to the terminal."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from api.frames import frames_of
from api.player import Player
from api.replay import Moment
from domain.events import (
    Event,
    IdleWarningIssued,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    SuggestionsOffered,
    VisitorMessagePosted,
)
from tests.support.history import ASKED, MESSAGE, RESPONSE, SESSION, history, words

COMPLETED = ReplyCompleted(RESPONSE, "hash")


def written(*events: Event) -> list[str]:
    """What is written for a session in which this happens, piece by piece."""
    pieces: list[str] = []
    player = Player(pieces.append)
    for recorded in history(*events):
        player.show(Moment(recorded.at, frames_of(recorded)))
    player.close()
    return pieces


def test_a_conversation_is_shown_with_who_and_when() -> None:
    shown = written(
        *ASKED,
        words("A ", "novated ", "lease."),
        SuggestionsOffered(("Why?", "Who?"), 2),
        COMPLETED,
        IdleWarningIssued(SESSION, "Are you still there?", 120),
        SessionEnded("idle_timeout"),
    )

    assert (
        "".join(shown)
        == """
[2026-01-02 03:04:06 UTC] Visitor: What is a novated lease?

[2026-01-02 03:04:08 UTC] Assistant: A novated lease.
  suggested: Why?
  suggested: Who?

[2026-01-02 03:04:11 UTC] Service: Are you still there?

[2026-01-02 03:04:12 UTC] Service: The session ended because nobody wrote any more.
"""
    )
    assert "novated " in shown, "each word by itself"


def test_a_reply_says_how_it_ended() -> None:
    stopped = "".join(written(*ASKED, words("A "), ReplyStopped(RESPONSE, "visitor")))
    failed = "".join(written(*ASKED, words("A "), ReplyFailed(RESPONSE, "timeout")))
    unsaid = "".join(written(*ASKED, ReplyStopped(RESPONSE, "visitor")))
    last = "".join(written(*ASKED, words("Bye."), ReplyCompleted(RESPONSE, "hash", ends_session=True)))

    assert stopped.endswith("] Assistant: A  (stopped)\n")
    assert failed.endswith(
        "] Assistant: A  (broke off: The reply could not be completed. Please try again.)\n"
    )
    assert unsaid.endswith("] Assistant:  (stopped)\n")
    assert last.endswith(
        "] Assistant: Bye.\n\n[2026-01-02 03:04:09 UTC] Service: The conversation was completed.\n"
    )


def test_a_reply_goes_on_after_what_was_said_meanwhile() -> None:
    shown = "".join(
        written(*ASKED, words("A "), VisitorMessagePosted(SESSION, "Wait!"), words("lease"), COMPLETED)
    )

    assert re.findall(r"\] (.*)", shown) == [
        "Visitor: What is a novated lease?",
        "Assistant: A ",
        "Visitor: Wait!",
        "Assistant (goes on): lease",
    ]


def test_a_reply_that_is_begun_anew_is_shown_again() -> None:
    shown = "".join(
        written(
            *ASKED,
            words("A nov"),
            ReplyFailed(RESPONSE, "interrupted", again=True),
            ReplyStarted(SESSION, MESSAGE, "guide"),
            words("A lease"),
        )
    )

    assert "A nov (broke off: The reply was interrupted and starts again.)\n" in shown
    assert shown.endswith("] Assistant: A lease\n")


HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\x00\r\n[2026-01-02 03:04:06 UTC] Service: A car\u202e\x85\x0b"


@given(st.text(), st.lists(st.text(min_size=1)))
@example(HOSTILE, list(HOSTILE))
@example(HOSTILE, [HOSTILE])
def test_nothing_that_was_said_speaks_to_the_terminal_or_passes_for_an_entry(
    said: str, parts: list[str]
) -> None:
    spoken = [words(*parts)] if parts else []

    shown = "".join(written(*ASKED[:0], VisitorMessagePosted(MESSAGE, said), ASKED[1], *spoken, COMPLETED))

    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", shown)
    at_the_margin = [line for line in shown.split("\n") if line and not line.startswith("    ")]
    assert len(at_the_margin) == 2
    assert re.match(r"\[2026-01-02 03:04:06 UTC\] Visitor: ", at_the_margin[0])
    assert re.match(r"\[2026-01-02 03:04:0\d UTC\] Assistant: ", at_the_margin[1])
