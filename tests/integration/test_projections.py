"""Tables that are made from the log: the same whenever they are made, and however often."""

from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.events import SessionEnded
from domain.session import ChatSession
from infrastructure.event_store import SessionStore
from infrastructure.keyring import WrappedKeyring
from projections.transcript import AssistantSaid, Ended, Entry, VisitorSaid, Warned, transcript
from tests.support.picky import chats
from tests.support.postgres import execute
from tests.support.projecting import forget_all, projecting
from tests.support.stores import MASTER_KEY, Stores
from tests.support.stories import Story, story

GENERATED = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


async def tell(store: SessionStore, stories: Sequence[Story], random: Random) -> None:
    """Record stories, one step of any of them after another."""
    left = {story.session_id: list(story.steps) for story in stories}
    versions = dict.fromkeys(left, 0)
    while left:
        session_id = random.choice([*left])
        events, at = left[session_id].pop(0)
        versions[session_id] = (await store.append(session_id, versions[session_id], events, at)).version
        if not left[session_id]:
            del left[session_id]


async def told(store: SessionStore, seed: int, sessions: int = 5, deeds: int = 25) -> Sequence[Story]:
    random = Random(seed)
    stories = [story(random, deeds, erased=number == 0) for number in range(sessions)]
    await tell(store, stories, random)
    return stories


@GENERATED
@given(seed=st.integers(0, 2**32))
async def test_tables_are_equal_whenever_they_are_made(stores: Stores, seed: int) -> None:
    """At once; anew beside those that are there; bit by bit, by one process after another."""
    random = Random(seed)
    await told(await stores.open(), seed)
    with projecting(stores.conninfo) as whole:
        whole.catch_up()
        at_once = whole.tables()
        whole.rebuild()
        assert whole.tables() == at_once

    forget_all(stores.conninfo)
    is_done = False
    while not is_done:
        with projecting(stores.conninfo, most=random.randrange(1, 60)) as part:
            is_done = not all(part.runner.step() for _ in range(random.randrange(1, 9)))
    with projecting(stores.conninfo) as part:
        assert part.tables() == at_once


@GENERATED
@given(seed=st.integers(0, 2**32))
async def test_making_them_anew_brings_back_nothing_of_a_visitor_who_was_erased(
    stores: Stores, seed: int
) -> None:
    erased, *_ = await told(await stores.open(), seed)
    with projecting(stores.conninfo) as process:
        process.catch_up()
        before = process.tables()

        await WrappedKeyring(MASTER_KEY, stores.keys).destroy(erased.visitor_id)
        process.rebuild()

        assert process.tables() == before, "counts and times are there as before"
    for query in (
        "SELECT text, comment, suggestions FROM live.entries WHERE who IN ('visitor', 'assistant')",
        "SELECT value FROM analytics.details WHERE true",
        "SELECT text FROM analytics.suggestions WHERE true",
    ):
        rows = execute(stores.conninfo, f"{query} AND session_id = %s", erased.session_id)
        assert all(value is None for row in rows for value in row)


@GENERATED
@given(seed=st.integers(0, 2**32))
async def test_the_tables_tell_what_the_log_tells(stores: Stores, seed: int) -> None:
    store = await stores.open()
    stories = await told(store, seed)
    with projecting(stores.conninfo) as process:
        process.catch_up()

    for each in stories:
        history = await store.read(each.session_id)
        entries = execute(
            stores.conninfo,
            "SELECT who, at, text, message_id, response_id, outcome, first_word_ms, total_ms, suggestions, "
            "taken, rating, comment FROM live.entries WHERE session_id = %s ORDER BY version",
            each.session_id,
        )
        folded = transcript(history)
        assert entries == [told_of(entry, folded.erased) for entry in folded.entries]
        if folded.erased:
            continue
        details = execute(
            stores.conninfo, "SELECT key, value FROM analytics.details WHERE session_id = %s", each.session_id
        )
        assert dict(details) == {key: clean(value) for key, value in history[-1].session.details.items()}
        assert execute(
            stores.conninfo,
            "SELECT status, messages, replies, last_activity_at "
            "FROM analytics.sessions WHERE session_id = %s",
            each.session_id,
        ) == [summary(history[-1].session)]


def clean(text: str | None) -> str | None:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if text is not None else None


def told_of(entry: Entry, erased: bool) -> tuple[Any, ...]:
    """An entry of the transcript as its row has it: of a reply, its words and suggestions once it has ended,
    and nothing in their place when they are erased."""
    match entry:
        case VisitorSaid():
            return ("visitor", entry.at, clean(entry.text), entry.message_id, *[None] * 8)
        case AssistantSaid() as said:
            has_ended, times = said.outcome != "streaming", (said.first_word_ms, said.total_ms)
            known = has_ended and not erased
            return (
                *("assistant", said.at, clean(said.text) if known else None),
                *(said.message_id, said.response_id, said.outcome, *(times if has_ended else (None, None))),
                [clean(each) for each in said.suggestions] if known else None,
                *(said.taken, said.rating, clean(said.comment) if said.rating and not erased else None),
            )
        case Warned():
            return ("warning", entry.at, entry.text, None, entry.response_id, *[None] * 7)
        case Ended():
            return ("service", entry.at, entry.text, None, entry.response_id, entry.reason, *[None] * 6)


def summary(session: ChatSession) -> tuple[Any, ...]:
    return session.ended or "active", session.messages, session.replies, session.quiet_since


async def test_what_ends_after_all_is_said_is_found_by_search(stores: Stores) -> None:
    store = await stores.open()
    (session_id,) = await chats(store, "Can I lease a caravan?")
    await store.append(session_id, 3, [SessionEnded("deleted")], (await store.read(session_id))[0].at)
    with projecting(stores.conninfo) as process:
        process.catch_up()

    found = execute(
        stores.conninfo,
        "SELECT session_id FROM live.entries WHERE search @@ websearch_to_tsquery('english', 'caravans')",
    )

    assert found == [(session_id,)]
