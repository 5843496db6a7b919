"""Deadlines: when a session is looked at, and what time makes it decide."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import session as decide
from domain.deadlines import (
    GRACE,
    LEASE,
    MOST_AT_ONCE,
    Deadline,
    DeadlineKeeper,
    IdleRules,
    deadline_after,
    next_deadline,
    on_due,
)
from domain.errors import ChatError, CorruptLog, ReplyClosed, Unavailable
from domain.events import (
    Event,
    FeedbackGiven,
    IdleWarningIssued,
    ReplyCompleted,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    SessionStarted,
    VisitorMessagePosted,
)
from domain.session import ChatSession, Findings, begin, evolve

SESSION, VISITOR = UUID(int=1), UUID(int=2)
MESSAGE, RESPONSE, NOTICE = UUID(int=3), UUID(int=4), UUID(int=5)
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EXPIRY = START + timedelta(hours=24)
RULES = IdleRules(warning_text="Still there?", end_text="Good-bye then.")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def session_after(*happened: tuple[float, Event], expiry: datetime = EXPIRY) -> ChatSession:
    """A session in which these things have happened, so many seconds after its start."""
    session = begin(SESSION, SessionStarted(VISITOR, expiry), START)
    for seconds, event in happened:
        session = evolve(session, event, at(seconds))
    return session


def due(session: ChatSession, seconds: float) -> list[Event]:
    return on_due(session, at(seconds), RULES, NOTICE)


POSTED = VisitorMessagePosted(MESSAGE, "Hello")
STARTED = ReplyStarted(RESPONSE, MESSAGE, "guide", "node")
COMPLETED = ReplyCompleted(RESPONSE, "")
WARNED = IdleWarningIssued(NOTICE, "Still there?", 120)


# --- what time makes a session decide


def test_a_quiet_session_is_warned_once_its_time_has_come() -> None:
    session = session_after()

    assert due(session, 119.999) == []
    assert due(session, 120) == [IdleWarningIssued(NOTICE, "Still there?", 120)]


def test_a_session_that_stays_quiet_after_the_warning_ends() -> None:
    session = session_after((120, WARNED))

    assert due(session, 239.999) == []
    assert due(session, 240) == [SessionEnded("idle_timeout", NOTICE, "Good-bye then.", 240)]


def test_a_warning_that_came_late_is_given_its_time_all_the_same() -> None:
    session = session_after((3600, WARNED))

    assert due(session, 3600 + 119) == []
    assert due(session, 3600 + 120) != []


def test_a_message_starts_the_clock_again_and_takes_the_warning_back() -> None:
    session = session_after((120, WARNED), (200, POSTED), (201, STARTED), (210, COMPLETED))

    assert due(session, 240) == []
    assert due(session, 329) == []
    assert due(session, 330) == [IdleWarningIssued(NOTICE, "Still there?", 120)]


def test_the_end_of_a_reply_starts_the_clock_again() -> None:
    session = session_after((10, POSTED), (10, STARTED), (500, COMPLETED))

    assert due(session, 619) == []
    assert due(session, 620) != []


def test_the_clock_stands_still_while_a_reply_is_open() -> None:
    session = session_after((10, POSTED), (10, STARTED))

    assert due(session, 10_000) == []


def test_nobody_is_warned_whose_message_waits_for_its_answer() -> None:
    """It was left by a process that has stopped, and isn't begun yet."""
    another = VisitorMessagePosted(UUID(int=6), "And then?")
    session = session_after((10, POSTED), (10, STARTED), (11, another), (20, COMPLETED))

    assert due(session, 140) == due(session, 1000) == []
    assert due(session, 86_400) == [SessionEnded("expired")]


def test_a_rating_doesn_t_start_the_clock_again() -> None:
    session = session_after((1, POSTED), (1, STARTED), (2, COMPLETED), (100, FeedbackGiven(RESPONSE, "up")))

    assert due(session, 122) == [IdleWarningIssued(NOTICE, "Still there?", 120)]


def test_a_session_expires_whatever_goes_on_in_it() -> None:
    quiet, speaking = session_after(), session_after((86_399, POSTED), (86_399, STARTED))

    assert due(quiet, 86_400) == [SessionEnded("expired")]
    assert due(speaking, 86_400) == [ReplyStopped(RESPONSE, "session_end"), SessionEnded("expired")]


def test_a_session_that_has_ended_decides_nothing_more() -> None:
    session = session_after((5, SessionEnded("deleted")))

    assert due(session, 100_000) == []
    assert next_deadline(session, at(6), RULES) is None


def test_looking_twice_does_nothing_the_second_time() -> None:
    session = session_after()
    (warning,) = due(session, 125)
    session = evolve(session, warning, at(125))

    assert due(session, 125) == []
    assert next_deadline(session, at(125), RULES) == at(245)


# --- when to look


@pytest.mark.parametrize(
    ("event", "deadline"),
    [
        (SessionStarted(VISITOR, EXPIRY), Deadline(at(120))),
        (POSTED, None),
        (STARTED, Deadline(at(120), "node")),
        (COMPLETED, Deadline(at(120))),
        (WARNED, Deadline(at(120))),
        (SessionEnded("completed"), Deadline(None)),
        (FeedbackGiven(RESPONSE, "up"), None),
    ],
    ids=lambda value: getattr(value, "topic", None),
)
def test_an_event_sets_the_next_deadline(event: Event, deadline: Deadline | None) -> None:
    assert deadline_after(event, START, RULES) == deadline


def test_a_session_is_never_looked_at_later_than_it_expires() -> None:
    session = session_after(expiry=at(60))

    assert next_deadline(session, START, RULES) == at(60)
    assert due(session, 60) == [SessionEnded("expired")]


steps = st.lists(
    st.tuples(
        st.sampled_from(["post", "complete", "stop", "fail", "give up", "rate", "look", "delete"]),
        st.floats(0, 200),
    ),
    max_size=40,
)


@given(steps)
def test_the_table_never_says_to_look_too_late(steps: Sequence[tuple[str, float]]) -> None:
    seconds, numbers = 0.0, iter(range(100, 1000))
    session = session_after()
    table: Deadline | None = deadline_after(SessionStarted(VISITOR, EXPIRY), START, RULES)

    for deed, pause in steps:
        seconds += pause
        try:
            events = decision(session, deed, at(seconds), UUID(int=next(numbers)))
        except (ChatError, ReplyClosed):
            continue
        for event in events:
            session = evolve(session, event, at(seconds))
            table = deadline_after(event, at(seconds), RULES) or table
        assert table is not None
        true_deadline = next_deadline(session, at(seconds), RULES)
        if true_deadline is None:
            assert table.due_at is None
        elif session.open_reply is None:
            assert table.due_at is not None
            assert min(table.due_at, EXPIRY) == true_deadline
            assert table.speaker is None
        else:
            assert table.speaker == session.open_reply.node


def decision(session: ChatSession, deed: str, now: datetime, new_id: UUID) -> list[Event]:
    reply = session.reply.response_id if session.reply else NOTICE
    match deed:
        case "post":
            posted = decide.post(
                session,
                text="Hello",
                max_chars=10,
                per_minute=1000,
                per_session=10_000,
                message_id=new_id,
                client_message_id=None,
                now=now,
            )
            asked = decide.evolve_all(session, posted, now)
            return posted + decide.begin_reply(asked, UUID(int=new_id.int + 1000), "guide", "node")
        case "complete":
            return decide.complete_reply(session, reply, Findings())
        case "stop":
            return decide.stop_reply(session)
        case "fail":
            return decide.fail_reply(session, reply, "timeout", Findings())
        case "give up":
            ended = [replace(event, again=False) for event in decide.give_up_interrupted(session)]  # type: ignore[type-var]
            return list(ended)
        case "rate":
            return decide.rate(session, reply, "up", "", per_minute=1000, per_session=10_000, now=now)
        case "look":
            return on_due(session, now, RULES, new_id)
        case _:
            return decide.end(session, SessionEnded("deleted"))


# --- the keeper


class Table:
    """A table that says what it is told to, and remembers what it was told."""

    def __init__(self) -> None:
        self.due: list[UUID] = []
        self.missing: set[str] = set()
        self.dead: list[frozenset[str]] = []
        self.settled: dict[UUID, datetime | None] = {}
        self.put_off_to: dict[UUID, datetime] = {}

    async def keep_up(self) -> bool:
        return False

    async def missing_speakers(self) -> frozenset[str]:
        return frozenset(self.missing)

    async def claim(self, now: datetime, until: datetime, dead: frozenset[str], most: int) -> Sequence[UUID]:
        assert until - now == LEASE
        self.dead.append(dead)
        claimed, self.due = self.due[:most], self.due[most:]
        return claimed

    async def settle(self, until: datetime, due: Mapping[UUID, datetime | None]) -> None:
        self.settled |= due

    async def put_off(self, until: datetime, session_ids: Collection[UUID], later: datetime) -> None:
        self.put_off_to |= dict.fromkeys(session_ids, later)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def new_id(self) -> UUID:
        raise AssertionError("a keeper needs no ids")


async def test_a_keeper_attends_to_what_is_due_and_notes_when_to_look_again() -> None:
    table = Table()
    table.due = [UUID(int=1), UUID(int=2)]

    async def attend(session_id: UUID, _: frozenset[str]) -> datetime | None:
        return at(7) if session_id == UUID(int=1) else None

    assert await DeadlineKeeper(table, attend, Clock()).look() is False
    assert table.settled == {UUID(int=1): at(7), UUID(int=2): None}


async def test_a_session_that_can_t_be_looked_at_now_is_left_claimed_and_hurts_no_other() -> None:
    table = Table()
    table.due = [UUID(int=1), UUID(int=2), UUID(int=3)]

    async def attend(session_id: UUID, _: frozenset[str]) -> datetime | None:
        if session_id == UUID(int=1):
            raise Unavailable
        if session_id == UUID(int=2):
            raise CorruptLog("session 2: version 3 is missing")
        return at(9)

    await DeadlineKeeper(table, attend, Clock()).look()

    assert table.settled == {UUID(int=3): at(9)}
    assert table.put_off_to == {UUID(int=2): at(300)}, "nobody can mend it in a hurry"


async def test_a_session_that_breaks_whoever_looks_at_it_hurts_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = Table()
    table.due = [UUID(int=1), UUID(int=2)]

    async def attend(session_id: UUID, _: frozenset[str]) -> datetime | None:
        assert session_id != UUID(int=1), "what the visitor said"
        return at(9)

    await DeadlineKeeper(table, attend, Clock()).look()

    assert table.settled == {UUID(int=2): at(9)}
    assert table.put_off_to == {UUID(int=1): at(300)}
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "a session can't be looked after: AssertionError"
    ]


async def test_a_process_counts_as_dead_once_it_has_been_missing_for_a_while() -> None:
    table, clock = Table(), Clock()

    async def attend(_: UUID, __: frozenset[str]) -> None:
        return None

    keeper = DeadlineKeeper(table, attend, clock)
    for missing, pause in [({"a"}, 0.0), ({"a"}, 0.5), (set(), 0.1), ({"a", "b"}, 0.1), ({"a", "b"}, 1.0)]:
        clock.time += timedelta(seconds=pause)
        table.missing = missing
        await keeper.look()

    assert timedelta(seconds=0.5) < GRACE < timedelta(seconds=1)
    assert table.dead == [frozenset()] * 4 + [frozenset({"a", "b"})]


async def test_a_keeper_goes_on_at_once_while_there_is_more() -> None:
    table = Table()
    table.due = [UUID(int=number) for number in range(MOST_AT_ONCE + 1)]

    async def attend(_: UUID, __: frozenset[str]) -> None:
        return None

    keeper = DeadlineKeeper(table, attend, Clock())

    assert [await keeper.look(), await keeper.look()] == [True, False]
    assert len(table.settled) == MOST_AT_ONCE + 1
