"""Conversations as they might have gone, made by chance and by the domain's own decisions."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID, uuid4

from domain import session as decide
from domain.deadlines import IdleRules, on_due
from domain.events import Event, SessionEnded, SessionStarted
from domain.session import ChatSession, Findings, begin, evolve_all

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LIFETIME = timedelta(hours=24)
IDLE = IdleRules(warning_text="Are you still there?", end_text="Goodbye.")
WORDS = ("Lease ", "the ", "car, ", "🚗 ", "not\0hing ", "'; DROP TABLE entries; -- ", "Straße ", "\n\n")
KEYS = ("name", "email", "phone")
SUGGESTIONS = ("What is a novated lease?", "Who owns the car?", "Is it worth it?")

Step = tuple[Sequence[Event], datetime]


class Story(NamedTuple):
    """What is appended to one session, step by step."""

    session_id: UUID
    visitor_id: UUID
    steps: Sequence[Step]


def story(random: Random, deeds: int, *, erased: bool = False) -> Story:
    """A conversation in which so much is tried; at the end, its visitor may be erased."""
    # Unlike what happens in it, whose it is isn't chance: the same story may be told twice.
    session_id, visitor_id = uuid4(), uuid4()
    now = START + timedelta(seconds=random.randrange(100_000))
    started = SessionStarted(visitor_id, now + LIFETIME, {"page": text(random)})
    session = begin(session_id, started, now)
    steps: list[Step] = [([started], now)]
    ending = [_erase] if erased else random.choice(([_end], []))
    for deed in (*random.choices(DEEDS, k=deeds), *ending):
        now += timedelta(milliseconds=random.randrange(5000))
        if events := deed(random, session, now):
            steps.append((events, now))
            session = evolve_all(session, events, now)
    return Story(session_id, visitor_id, steps)


def new_id(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)


def text(random: Random) -> str:
    return "".join(random.choices(WORDS, k=random.randrange(1, 8)))


def _post(random: Random, session: ChatSession, now: datetime) -> list[Event]:
    offered = session.reply.suggestions if session.reply else ()
    said = random.choice(offered) if offered and random.random() < 0.5 else text(random) + "?"
    if session.ended or len(session.waiting) >= decide.MAX_WAITING:
        return []
    posted = decide.post(
        session,
        text=said,
        max_chars=10_000,
        per_minute=10_000,
        per_session=10_000,
        message_id=new_id(random),
        client_message_id=None if random.random() < 0.5 else str(new_id(random)),
        now=now,
    )
    then = evolve_all(session, posted, now)
    return [*posted, *decide.begin_reply(then, new_id(random), "guide", "node")]


def _speak(random: Random, session: ChatSession, _: datetime) -> list[Event]:
    if not (reply := session.open_reply):
        return []
    parts = random.choices(WORDS, k=random.randrange(1, 5))
    return decide.record_words(session, reply.response_id, parts, [random.randrange(200) for _ in parts])


def _complete(random: Random, session: ChatSession, now: datetime) -> list[Event]:
    if not (reply := session.open_reply):
        return []
    findings = Findings(
        details={key: text(random) for key in random.sample(KEYS, random.randrange(3))},
        suggestions=tuple(random.sample(SUGGESTIONS, random.randrange(4))),
        needs_info=random.choice([None, True, False]),
        ends_session=random.random() < 0.1,
        unanswered=random.random() < 0.2,
    )
    return _and_next(random, session, decide.complete_reply(session, reply.response_id, findings), now)


def _break_off(random: Random, session: ChatSession, now: datetime) -> list[Event]:
    if not (reply := session.open_reply):
        return []
    how: Sequence[Callable[[], list[Event]]] = (
        lambda: decide.stop_reply(session),
        lambda: decide.give_up_interrupted(session),
        lambda: decide.fail_reply(session, reply.response_id, "timeout", Findings({"name": text(random)})),
    )
    return _and_next(random, session, random.choice(how)(), now)


def _rate(random: Random, session: ChatSession, now: datetime) -> list[Event]:
    if not session.feedback:
        return []
    response_id = random.choice([*session.feedback])
    rating = random.choice(("up", "down"))
    return decide.rate(
        session, response_id, rating, text(random), per_minute=10_000, per_session=10_000, now=now
    )


def _wait(random: Random, session: ChatSession, now: datetime) -> list[Event]:
    return on_due(session, now + random.choice((1, 2)) * IDLE.warning_after, IDLE, new_id(random))


def _end(_: Random, session: ChatSession, now: datetime) -> list[Event]:
    return decide.end(session, SessionEnded("deleted"))


def _erase(_: Random, session: ChatSession, now: datetime) -> list[Event]:
    return decide.erase(session)


def _and_next(random: Random, session: ChatSession, events: list[Event], now: datetime) -> list[Event]:
    then = evolve_all(session, events, now)
    return [*events, *decide.begin_reply(then, new_id(random), "guide", "node")]


DEEDS = (_post, _post, _speak, _speak, _speak, _speak, _complete, _complete, _break_off, _rate, _wait)
