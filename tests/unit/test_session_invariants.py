"""Invariants of the ChatSession aggregate: it stays sound, whatever is asked of it, in whatever order."""

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain import session as decide
from domain.errors import ChatError, ReplyClosed
from domain.events import (
    Event,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyFailed,
    ReplyStarted,
    ReplyStopped,
    SessionEnded,
    SessionStarted,
    VisitorMessagePosted,
)
from domain.session import MAX_WAITING, REMEMBERED_TURNS, ChatSession, Findings, cause_of, evolve
from tests.support.aggregate import EXPIRY, NOW, SESSION, STRANGER, VISITOR, session_after
from tests.support.history import fold

Ids = Callable[[], UUID]
Command = Callable[[ChatSession, datetime, Ids], list[Event]]


def _post(text: str, name: str | None) -> Command:
    return lambda session, now, new_id: decide.post(
        session,
        text=text,
        max_chars=5,
        per_minute=50,
        per_session=1000,
        message_id=new_id(),
        client_message_id=name,
        now=now,
    )


def _latest(session: ChatSession) -> UUID:
    return session.reply.response_id if session.reply else STRANGER


def _record(words: list[str]) -> Command:
    return lambda session, now, new_id: decide.record_words(
        session, _latest(session), words, [0] * len(words)
    )


def _complete(findings: Findings) -> Command:
    return lambda session, now, new_id: decide.complete_reply(session, _latest(session), findings)


def _fail(findings: Findings) -> Command:
    return lambda session, now, new_id: decide.fail_reply(session, _latest(session), "timeout", findings)


texts = st.sampled_from(["a", "b", "", "too long"])
names = st.sampled_from([None, None, "m-1", "m-2", "m-3"])
findings = st.builds(
    Findings,
    details=st.dictionaries(st.sampled_from(["name", "city"]), st.sampled_from(["x", "y"])),
    suggestions=st.sampled_from([(), ("More",)]),
    ends_session=st.sampled_from([False, False, False, True]),
)
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(_post, texts, names),
    st.builds(_post, st.just("a"), st.none()),
    st.just(lambda session, now, new_id: decide.begin_reply(session, new_id(), "scripted", "node")),
    st.builds(_record, st.lists(st.sampled_from(["Hi ", "there"]), min_size=1, max_size=3)),
    st.builds(_complete, findings),
    st.builds(_fail, findings),
    st.just(lambda session, now, new_id: decide.give_up_interrupted(session)),
    st.just(lambda session, now, new_id: decide.stop_reply(session)),
)
endings: st.SearchStrategy[Command] = st.just(
    lambda session, now, new_id: decide.end(session, SessionEnded("deleted"))
)
ticks = st.sampled_from([timedelta(0), timedelta(minutes=1), timedelta(hours=1)])


@given(st.lists(st.tuples(commands | commands | commands | endings, ticks), max_size=60))
def test_whatever_is_asked_of_it_a_session_stays_sound(steps: list[tuple[Command, timedelta]]) -> None:
    numbers = iter(range(10_000, 20_000))
    now = NOW
    session = session_after()
    history: list[tuple[Event, datetime]] = [(SessionStarted(VISITOR, EXPIRY), NOW)]

    for command, tick in steps:
        now += tick
        try:
            events = command(session, now, lambda: UUID(int=next(numbers)))
        except (ChatError, ReplyClosed):
            continue
        assert not (session.ended and events), "nothing happens after the end"
        for event in events:
            assert not (isinstance(event, VisitorMessagePosted) and now >= EXPIRY)
            assert 1 <= cause_of(session, event) <= session.version
            session = evolve(session, event, now)
            history.append((event, now))
            assert session.version == len(history)
            assert session == fold(SESSION, history)
            _require_sound(session)

    _require_one_reply_at_a_time([event for event, _ in history])
    _require_everything_once([event for event, _ in history])


def _require_sound(session: ChatSession) -> None:
    if session.ended:
        assert session.waiting == ()
        assert session.open_reply is None
    # One that was interrupted waits again, beside as many as may wait.
    assert len(session.waiting) <= MAX_WAITING + 1
    waiting = [question.version for question in session.waiting]
    assert waiting == sorted(set(waiting))
    if session.open_reply:
        assert session.open_reply.question.version not in waiting
        assert all(session.open_reply.question.version < version for version in waiting)
    assert len(session.turns) <= REMEMBERED_TURNS


def _require_one_reply_at_a_time(events: list[Event]) -> None:
    open_reply: UUID | None = None
    text = ""
    for event in events:
        match event:
            case ReplyStarted(response_id=response_id):
                assert open_reply is None
                open_reply, text = response_id, ""
            case ReplyChunksRecorded(parts=parts):
                assert open_reply is not None
                text += "".join(parts)
            case ReplyCompleted(response_id=response_id, text_hash=text_hash):
                assert response_id == open_reply
                assert text_hash == sha256(text.encode()).hexdigest()
                open_reply = None
            case ReplyStopped(response_id=response_id) | ReplyFailed(response_id=response_id):
                assert response_id == open_reply
                open_reply = None
            case _:
                pass


def _require_everything_once(events: list[Event]) -> None:
    posted = [event for event in events if isinstance(event, VisitorMessagePosted)]
    names = [event.client_message_id for event in posted if event.client_message_id]
    assert len(names) == len(set(names))

    answered = [event.message_id for event in events if isinstance(event, ReplyStarted)]
    interrupted = [event for event in events if isinstance(event, ReplyFailed) and event.again]
    once = list(dict.fromkeys(answered))
    assert once == [event.message_id for event in posted][: len(once)], (
        "in the order in which they were posted"
    )
    assert all(answered.count(message) <= 2 for message in once)
    assert len(answered) - len(once) <= len(interrupted)

    assert sum(isinstance(event, SessionEnded) for event in events) <= 1
    assert not any(isinstance(event, SessionEnded) for event in events[:-1])
