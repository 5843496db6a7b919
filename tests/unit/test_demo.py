"""The demo's history: the same for the same seed, legal to the last event, and over before it is told."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from itertools import pairwise

import msgspec
import pytest

from domain.events import (
    DetailsCollected,
    FeedbackGiven,
    IdleWarningIssued,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    SessionStarted,
    VisitorMessagePosted,
)
from domain.session import ChatSession
from infrastructure.demo.calendar import LOCAL
from infrastructure.demo.story import Plan, Story, stories
from tests.support.histories import UNTIL, cast, plan
from tests.support.history import fold

SESSIONS = 400


@pytest.fixture(scope="module")
def told() -> Sequence[Story]:
    return list(stories(plan(SESSIONS), cast()))


@pytest.fixture(scope="module")
def folded(told: Sequence[Story]) -> Sequence[ChatSession]:
    """The sessions that the histories make. Folding them asserts that each event could follow."""
    return [fold(story.session_id, story.history) for story in told]


def fingerprint(told: Sequence[Story]) -> str:
    return sha256(msgspec.json.encode(told)).hexdigest()


# --- the same


def test_the_same_seed_makes_the_same_history_in_every_process() -> None:
    code = (
        "from tests.unit.test_demo import fingerprint, stories, plan, cast;"
        "print(fingerprint(list(stories(plan(40), cast()))))"
    )

    def elsewhere(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    assert {elsewhere("1"), elsewhere("2")} == {fingerprint(list(stories(plan(40), cast())))}


def test_another_plan_makes_other_sessions(told: Sequence[Story]) -> None:
    ids = {story.session_id for story in told}

    for other in (plan(SESSIONS, seed=2), plan(SESSIONS, days=29), plan(SESSIONS - 1)):
        assert not ids & {story.session_id for story in stories(other, cast())}


# --- legal


def test_every_session_has_ended_once_and_nothing_was_said_after_it(
    told: Sequence[Story], folded: Sequence[ChatSession]
) -> None:
    for story, session in zip(told, folded, strict=True):
        endings = [event for event, _ in story.history if isinstance(event, SessionEnded)]
        assert len(endings) == 1
        assert isinstance(story.history[-1][0], SessionEnded)
        assert session.ended == endings[0].reason
        assert session.open_reply is None


def test_time_goes_forward_in_a_session_and_stays_within_the_days(told: Sequence[Story]) -> None:
    end = datetime.combine(UNTIL, time(), UTC) + timedelta(days=1)

    for story in told:
        times = [at for _, at in story.history]
        assert all(before <= after for before, after in pairwise(times))
        assert all(at.microsecond % 1000 == 0 for at in times), "the log's precision"
        assert end - timedelta(days=30) <= times[0]
        assert times[-1] < end


def test_every_reply_says_what_its_hash_says_and_takes_the_time_that_its_words_took(
    told: Sequence[Story],
) -> None:
    for story in told:
        for number, (event, at) in enumerate(story.history, 1):
            session = None
            if isinstance(event, ReplyCompleted):
                session = fold(story.session_id, story.history[:number])
                assert session.reply is not None
                assert event.text_hash == sha256(session.reply.text.encode()).hexdigest()
                assert session.reply.first_word_ms is not None
                assert session.reply.started_at + timedelta(milliseconds=session.reply.first_word_ms) < at


def test_no_session_of_a_visitor_begins_before_the_one_before_it_is_over(told: Sequence[Story]) -> None:
    over: dict[object, datetime] = {}
    for story in told:
        started, at = story.history[0]
        assert isinstance(started, SessionStarted)
        assert over.get(started.visitor_id, at) <= at
        over[started.visitor_id] = story.history[-1][1]


# --- believable


def test_all_that_can_happen_happens(told: Sequence[Story], folded: Sequence[ChatSession]) -> None:
    happened = Counter(type(event) for story in told for event, _ in story.history)
    endings = Counter(session.ended for session in folded)
    replies = happened[ReplyStarted]

    assert set(endings) == {"completed", "idle_timeout", "expired", "deleted"}
    assert endings["expired"] < SESSIONS * 0.05
    assert happened[VisitorMessagePosted] > 3 * SESSIONS
    assert 0 < happened[ReplyFailed] < replies * 0.05
    assert 0 < happened[ReplyStopped] < replies * 0.05
    assert happened[IdleWarningIssued] > endings["idle_timeout"]
    assert happened[FeedbackGiven] > replies * 0.05
    assert happened[DetailsCollected] > SESSIONS * 0.05
    assert any(session.messages == 0 for session in folded)


def test_some_questions_have_no_answer_and_some_suggestions_are_taken(told: Sequence[Story]) -> None:
    events = [event for story in told for event, _ in story.history]
    completed = [event for event in events if isinstance(event, ReplyCompleted)]
    posted = [event for event in events if isinstance(event, VisitorMessagePosted)]

    assert 0.02 < sum(event.unanswered for event in completed) / len(completed) < 0.3
    assert 0.1 < sum(event.took is not None for event in posted) / len(posted) < 0.6


def test_visitors_come_again(folded: Sequence[ChatSession]) -> None:
    visits = Counter(session.visitor_id for session in folded)

    assert 0.6 < len(visits) / SESSIONS < 0.95
    assert max(visits.values()) >= 3


def test_it_is_busy_in_office_hours_and_quiet_on_weekends(folded: Sequence[ChatSession]) -> None:
    local = [session.started_at + LOCAL for session in folded]
    office = sum(9 <= at.hour < 17 for at in local) / SESSIONS
    weekend = sum(at.weekday() >= 5 for at in local) / SESSIONS

    assert office > 0.55
    assert weekend < 2 / 7 / 1.5


def test_one_session_on_one_day_is_a_history_too() -> None:
    (only,) = stories(Plan(1, 1, UNTIL, 5), cast())

    assert only.history[0][1].date() == UNTIL
