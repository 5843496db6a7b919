"""The ChatSession aggregate: what it decides, and what it remembers of what happened."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import session as decide
from domain.errors import (
    ChatError,
    MessageConflict,
    MessageRequired,
    MessageTooLong,
    RateLimited,
    ReplyClosed,
    SessionErased,
    SessionExpired,
    SessionFull,
    SessionNotActive,
    SessionNotFound,
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
from domain.session import MAX_WAITING, REMEMBERED_TURNS, ChatSession, Findings, Turn, cause_of, evolve, fold

SESSION = UUID(int=1)
VISITOR = UUID(int=2)
STRANGER = UUID(int=3)
NOW = datetime(2026, 1, 2, 3, 4, 5, 6000, UTC)
EXPIRY = NOW + timedelta(hours=24)
NOT_YET = EXPIRY - timedelta(milliseconds=1)
R1, R2, R3 = UUID(int=101), UUID(int=102), UUID(int=103)

DELETED = SessionEnded("deleted")


def message_id(number: int) -> UUID:
    return UUID(int=1000 + number)


def asked(number: int, text: str = "", client_message_id: str | None = None) -> VisitorMessagePosted:
    return VisitorMessagePosted(message_id(number), text or f"question {number}", client_message_id)


def began(response_id: UUID, number: int) -> ReplyStarted:
    return ReplyStarted(response_id, message_id(number), "scripted")


def said(*words: str) -> ReplyChunksRecorded:
    return ReplyChunksRecorded((0,) * len(words), words)


def completed(response_id: UUID, needs_info: bool | None = None) -> ReplyCompleted:
    return ReplyCompleted(response_id, "", needs_info=needs_info)


def session_after(*events: Event) -> ChatSession:
    """A session in which these things have happened since it started."""
    history: list[Event] = [SessionStarted(VISITOR, EXPIRY), *events]
    return fold(SESSION, [(event, NOW) for event in history])


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


def test_what_started_is_the_session_at_version_one() -> None:
    session = session_after()

    assert session == ChatSession(
        SESSION, VISITOR, started_at=NOW, expires_at=EXPIRY, quiet_since=NOW, version=1
    )
    assert session.open_reply is None


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


def test_the_first_message_of_a_name_is_remembered_with_its_version() -> None:
    session = session_after(asked(1), asked(2, "hello", "m-2"))

    assert session.posted == {"m-2": decide.Posted(message_id(2), sha256(b"hello").digest(), 3)}


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


def test_what_waits_when_a_session_ends_is_not_answered() -> None:
    session = session_after(asked(1), asked(2), SessionEnded("deleted"))

    assert session.waiting == ()
    assert session.ended == "deleted"


# --- remembering


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


def test_a_session_starts_once() -> None:
    with pytest.raises(AssertionError):
        session_after(SessionStarted(VISITOR, EXPIRY))
    with pytest.raises(AssertionError):
        fold(SESSION, [(asked(1), NOW)])


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


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (SessionNotFound(), "session_not_found", "Session not found"),
        (SessionNotActive(), "session_not_active", "Session is not active"),
        (SessionExpired(), "session_expired", "Session has expired"),
        (VisitorMismatch(), "visitor_mismatch", "Visitor ID does not match"),
        (MessageRequired(), "message_required", "message is required"),
    ],
)
def test_errors_have_the_texts_and_codes_of_the_protocol(error: ChatError, code: str, text: str) -> None:
    assert (error.code, str(error)) == (code, text)


# --- any sequence of decisions


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
endings: st.SearchStrategy[Command] = st.just(lambda session, now, new_id: decide.end(session, DELETED))
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
