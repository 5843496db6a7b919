"""Tables that are made from the log: the same whenever they are made, and however often."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.events import SessionEnded, VisitorMessagePosted
from domain.ports import Recorded
from domain.session import ChatSession
from infrastructure.event_store import SessionStore
from infrastructure.keyring import WrappedKeyring
from projections import builds
from projections.projection import Change, Projection, Write
from projections.sessions import SESSIONS
from projections.transcript import AssistantSaid, Ended, Entry, VisitorSaid, Warned, transcript
from projections.transcripts import TRANSCRIPTS
from tests.support.postgres import execute, is_waited_for
from tests.support.projecting import Projecting, forget_all, projecting
from tests.support.stores import MASTER_KEY, Stores
from tests.support.stories import Story, story
from tests.support.waiting import until

GENERATED = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
async def stores(new_conninfo: str) -> AsyncIterator[Stores]:
    stores = Stores(new_conninfo)
    yield stores
    await stores.close()


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


# --- the same tables


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


# --- what can't be digested


def picky(version: int = 1, hates: str = "poison") -> Projection:
    """A projection of messages whose function fails at one text, and whose table refuses another."""

    def project(recorded: Recorded) -> Iterator[Change]:
        event = recorded.event
        assert isinstance(event, VisitorMessagePosted)
        if event.text == hates:
            raise KeyError(event.text)
        yield Change("said", (recorded.session.session_id, recorded.version, event.text))

    return Projection(
        name="picky",
        version=version,
        tables={
            "said": "CREATE TABLE said (session_id uuid, version int, text text CHECK (text <> 'refused'))"
        },
        writes={
            "said": Write(
                "INSERT INTO said SELECT * FROM {rows}",
                {"session_id": "uuid", "version": "int", "text": "text"},
                key=2,
            )
        },
        events=frozenset({VisitorMessagePosted}),
        project=project,
    )


def said_table(column: str) -> dict[str, str]:
    return {"said": f"CREATE TABLE said (session_id uuid, version int, {column} text)"}


def choosy(version: int) -> Projection:
    """The same under another name."""
    return replace(picky(version), name="choosy", tables=said_table("text"))


def no_views(_: Any) -> Sequence[str]:
    return ()


def shown(live: Any) -> Sequence[str]:
    return [f"CREATE OR REPLACE VIEW said AS SELECT text FROM {live['picky']}.said"]


def read(conninfo: str) -> Sequence[Any]:
    return execute(conninfo, "SELECT text FROM said")


async def chats(store: SessionStore, *texts: str, seed: int = 1) -> Sequence[UUID]:
    """Sessions in each of which two things are said: one of these, and then something harmless."""
    random = Random(seed)
    found = []
    for text in texts:
        begun = story(random, 0)
        (started, at), *_ = begun.steps
        said = [VisitorMessagePosted(UUID(int=number), each) for number, each in enumerate((text, "fine"))]
        await store.append(begun.session_id, 0, [*started, *said], at)
        found.append(begun.session_id)
    return found


def said(process: Projecting) -> Sequence[str]:
    return sorted(text for _, _, text in process.tables()["picky.said"])


def faults(conninfo: str) -> Sequence[Any]:
    return execute(
        conninfo, "SELECT session_id, version, error FROM projection_faults ORDER BY position, build"
    )


@pytest.mark.parametrize(("text", "error"), [("poison", "KeyError"), ("refused", "CheckViolation (23514)")])
async def test_an_event_that_can_t_be_digested_is_set_aside_and_the_others_go_on(
    stores: Stores, text: str, error: str
) -> None:
    _, sick, _ = await chats(await stores.open(), "one", text, "two")

    with projecting(stores.conninfo, (SESSIONS, picky()), show=no_views) as process:
        process.catch_up()

        assert said(process) == ["fine", "fine", "one", "two"], "nothing more of that session"
        assert len(process.tables()["sessions.sessions"]) == 3, "other projections have it"
    assert faults(stores.conninfo) == [(sick, 2, error)]


async def test_a_text_that_is_too_much_for_an_index_of_words_is_set_aside_and_the_others_go_on(
    stores: Stores,
) -> None:
    """The server's error is of the kind that else says that it can't be reached."""
    endless = " ".join(f"w{number:x}" for number in range(150_000))
    _, sick, _ = await chats(await stores.open(), "one", endless, "two")

    with projecting(stores.conninfo, (SESSIONS, TRANSCRIPTS), show=no_views) as process:
        process.catch_up()

        texts = [row[4] for row in process.tables()["transcripts.entries"]]
    assert sorted(texts) == ["fine", "fine", "one", "two"]
    assert faults(stores.conninfo) == [(sick, 2, "ProgramLimitExceeded (54000)")]


async def test_what_was_set_aside_is_taken_in_again_on_demand(stores: Stores) -> None:
    await chats(await stores.open(), "one", "poison")
    with projecting(stores.conninfo, (picky(),), show=no_views) as process:
        process.catch_up()

    with projecting(stores.conninfo, (picky(hates="nothing any more"),), show=no_views) as mended:
        mended.catch_up()
        assert len(faults(stores.conninfo)) == 1, "nobody has asked yet"
        execute(stores.conninfo, "UPDATE projection_faults SET retry = true")
        mended.catch_up()

        assert said(mended) == ["fine", "fine", "one", "poison"]
        assert faults(stores.conninfo) == []


async def test_what_still_can_t_be_digested_is_set_aside_again(stores: Stores) -> None:
    await chats(await stores.open(), "poison")
    with projecting(stores.conninfo, (picky(),), show=no_views) as process:
        process.catch_up()
        execute(stores.conninfo, "UPDATE projection_faults SET retry = true")
        process.catch_up()

        assert [error for _, _, error in faults(stores.conninfo)] == ["KeyError"]
        assert execute(stores.conninfo, "SELECT retry FROM projection_faults") == [(False,)]


async def test_a_log_that_can_t_be_read_at_one_place_is_read_everywhere_else(stores: Stores) -> None:
    _, broken = await chats(await stores.open(), "one", "two")
    execute(
        stores.conninfo,
        "UPDATE stored_events SET state = '{}' WHERE originator_id = %s AND originator_version = 2",
        broken,
    )

    with projecting(stores.conninfo, (SESSIONS, picky()), show=no_views) as process:
        process.catch_up()

        assert said(process) == ["fine", "one"]
    ((one, version, error), *_) = faults(stores.conninfo)
    assert (one, version) == (broken, 2)
    assert "version 2" in error
    assert "can't be read" in error


async def test_what_follows_a_changed_event_is_set_aside_also_where_what_was_changed_is_clear(
    stores: Stores,
) -> None:
    _, changed = await chats(await stores.open(), "one", "two")
    execute(
        stores.conninfo,
        "UPDATE stored_events SET state = convert_to(regexp_replace(convert_from(state, 'UTF8'), "
        "'\"at\":[0-9]+', '\"at\":1'), 'UTF8') WHERE originator_id = %s AND originator_version = 2",
        changed,
    )

    with projecting(stores.conninfo, (SESSIONS, picky()), show=no_views) as process:
        process.catch_up()

        assert said(process) == ["fine", "one", "two"], "what was changed is known by what follows it"
    told = f"session {changed}: version 3 doesn't follow the one before it"
    assert faults(stores.conninfo) == [(changed, 3, told)] * 2


async def test_a_step_tells_whether_it_has_left_something_for_another(stores: Stores) -> None:
    await chats(await stores.open(), "one", "two")
    with projecting(stores.conninfo, (picky(),), most=5, show=no_views) as process:
        seen = [(process.runner.step(), process.runner.is_behind) for _ in range(3)]

    assert seen == [(True, True), (True, False), (False, False)]


# --- two that lead


async def test_who_is_overtaken_writes_nothing_and_lets_the_other_one_go_on(stores: Stores) -> None:
    await chats(await stores.open(), "one", "two")
    with (
        projecting(stores.conninfo, (picky(),), show=no_views) as late,
        psycopg.connect(stores.conninfo) as rival,
    ):
        rival.execute("SELECT 1 FROM notification_tracking FOR UPDATE")
        stepping = asyncio.create_task(asyncio.to_thread(late.runner.step))
        pid = rival.info.backend_pid
        await until(lambda: is_waited_for(stores.conninfo, pid), "the one that comes too late")
        rival.execute("UPDATE notification_tracking SET notification_id = 3")
        rival.commit()

        assert not await stepping, "it waits until it is called again"
        assert said(late) == []


async def test_what_is_not_shown_any_more_may_be_dropped_by_two_at_once(stores: Stores) -> None:
    await chats(await stores.open(), "one")
    with (
        projecting(stores.conninfo, (picky(),), show=shown) as one,
        projecting(stores.conninfo, (picky(),), show=shown) as other,
        psycopg.connect(stores.conninfo) as reader,
    ):
        one.catch_up()
        (old,) = one.builds.all()
        reader.execute(f"SELECT FROM {old.build}.said".encode())
        one.builds.begin("picky")
        one.catch_up()
        assert {build.state for build in one.builds.all()} == {"live", "retired"}

        dropping = asyncio.gather(*(asyncio.to_thread(each.builds.drop_retired) for each in (one, other)))
        pid = reader.info.backend_pid
        await until(lambda: is_waited_for(stores.conninfo, pid), "the first of them to wait for the reader")
        reader.rollback()
        await dropping

        one.catch_up()  # a reader may have kept both waiting too long
        assert [build.state for build in one.builds.all()] == ["live"]


# --- one version after another


async def test_a_newer_version_is_built_beside_the_old_one_which_is_read_meanwhile(stores: Stores) -> None:
    await chats(await stores.open(), *("one" for _ in range(30)))

    with projecting(stores.conninfo, (picky(),), show=shown) as old:
        old.catch_up()
    seen: set[int] = set()
    is_over = threading.Event()
    reading = threading.Thread(target=read_on, args=(stores.conninfo, seen, is_over))
    reading.start()

    with projecting(stores.conninfo, (picky(version=2),), most=7, show=shown) as new:
        states = [{build.version: build.state for build in new.builds.all()}]
        while new.runner.step():
            states.append({build.version: build.state for build in new.builds.all()})
        new.catch_up()
        states.append({build.version: build.state for build in new.builds.all()})
    is_over.set()
    reading.join()

    assert states[0] == {1: "live", 2: "building"}
    assert states[-1] == {2: "live"}
    assert seen == {60}, "readers have noticed nothing"
    assert execute(
        stores.conninfo, "SELECT count(*) FROM information_schema.tables WHERE table_name = 'said'"
    ) == [(2,)], "the view, and the table that it shows: the old one is gone"


def read_on(conninfo: str, seen: set[int], is_over: threading.Event) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while not is_over.is_set():
            row = connection.execute("SELECT count(*) FROM said").fetchone()
            assert row
            seen.add(row[0])


async def test_a_swap_waits_for_whoever_reads_for_long_and_lets_others_read(stores: Stores) -> None:
    await chats(await stores.open(), "one")

    with projecting(stores.conninfo, (picky(),), show=shown) as process:
        process.catch_up()
        with psycopg.connect(stores.conninfo) as reader:
            reader.execute("SELECT * FROM said")
            process.builds.begin("picky")
            process.catch_up()
            assert {build.state for build in process.builds.all()} == {"live", "building"}
            assert execute(stores.conninfo, "SELECT count(*) FROM said") == [(2,)]

        process.catch_up()

        assert {build.state for build in process.builds.all()} == {"live"}


async def test_a_start_waits_for_nobody_and_its_views_are_shown_once_nobody_reads_the_old_ones_for_long(
    stores: Stores,
) -> None:
    await chats(await stores.open(), "one")

    def show_loudly(live: Any) -> Sequence[str]:
        return [f"CREATE OR REPLACE VIEW said AS SELECT upper(text) AS text FROM {live['picky']}.said"]

    with projecting(stores.conninfo, (picky(),), show=shown) as old:
        old.catch_up()
    with psycopg.connect(stores.conninfo) as reader:
        reader.execute("SELECT * FROM said")
        with projecting(stores.conninfo, (picky(),), show=show_loudly) as new:
            for _ in range(2):
                new.catch_up()
            assert sorted(read(stores.conninfo)) == [("fine",), ("one",)]

            reader.rollback()
            new.catch_up()

            assert sorted(read(stores.conninfo)) == [("FINE",), ("ONE",)]


async def test_code_that_is_older_than_the_tables_leaves_them_alone(stores: Stores) -> None:
    with projecting(stores.conninfo, (picky(version=2),), show=no_views) as new:
        new.catch_up()
    await chats(await stores.open(), "one")

    with projecting(stores.conninfo, (picky(version=1),), show=no_views) as old:
        old.catch_up()

        assert [(build.version, build.position) for build in old.builds.all()] == [(2, 0)]


async def test_while_a_newer_version_is_built_the_old_code_goes_on_with_the_old_one(stores: Stores) -> None:
    store = await stores.open()
    await chats(store, "one", "one", "one")
    with projecting(stores.conninfo, (picky(version=1),), show=shown) as old:
        old.catch_up()
        with projecting(stores.conninfo, (picky(version=2),), most=5, show=shown) as new:
            new.runner.step()
            await chats(store, "two", seed=2)
            old.catch_up()

            assert len(read(stores.conninfo)) == 8, "what is read doesn't stand still"
            assert {build.version for build in new.builds.all() if build.state == "live"} == {1}

            new.catch_up()
            old.catch_up()

            assert [(build.version, build.state) for build in new.builds.all()] == [(2, "live")]
            assert len(read(stores.conninfo)) == 8
            await chats(store, "three", seed=3)
            old.catch_up()
            assert len(read(stores.conninfo)) == 8, "the old code leaves the new tables alone"


async def test_no_build_is_shown_that_tells_less_than_what_it_replaces(stores: Stores) -> None:
    await chats(await stores.open(), "one")
    with projecting(stores.conninfo, (picky(version=1),), show=shown) as old:
        old.catch_up()
        with projecting(stores.conninfo, (picky(version=2),), show=shown) as new:
            (behind,) = new.builds.ours({"picky"})

            assert not new.builds.swap_in([behind])
            assert len(read(stores.conninfo)) == 2


async def test_views_change_hands_when_all_that_they_show_is_of_the_new_code(stores: Stores) -> None:
    """The new code's views want what the old tables don't have."""
    await chats(await stores.open(), "one")

    def show(live: Any) -> Sequence[str]:
        tables = f"{live['picky']}.said JOIN {live['choosy']}.said AS other USING (session_id, version, text)"
        return [f"CREATE OR REPLACE VIEW said AS SELECT text FROM {tables}"]

    def versions(first: int, second: int) -> Sequence[Projection]:
        column = "text" if first == 2 else "of_old"
        return [replace(picky(version=first), tables=said_table(column)), choosy(second)]

    def show_old(live: Any) -> Sequence[str]:
        return [f"CREATE OR REPLACE VIEW said AS SELECT of_old AS text FROM {live['picky']}.said"]

    with projecting(stores.conninfo, versions(1, 1), show=show_old) as old:
        old.catch_up()
    with projecting(stores.conninfo, versions(2, 2), show=show) as new:
        while new.runner.step({"picky"}):
            pass
        assert execute(stores.conninfo, "SELECT text FROM said ORDER BY text") == [("fine",), ("one",)]
        assert {build.version for build in new.builds.all() if build.state == "live"} == {1}

        new.catch_up()

        assert execute(stores.conninfo, "SELECT text FROM said ORDER BY text") == [("fine",), ("one",)]
        assert {(build.version, build.state) for build in new.builds.all()} == {(2, "live")}


async def test_a_build_that_is_under_way_is_joined(stores: Stores) -> None:
    with projecting(stores.conninfo, (picky(),), show=no_views) as process:
        assert process.builds.begin("picky") == process.builds.begin("picky")

        assert [build.state for build in process.builds.all()] == ["live", "building"]


async def test_what_an_older_release_has_left_half_done_is_dropped(stores: Stores) -> None:
    with projecting(stores.conninfo, (picky(version=1),), show=no_views):
        pass
    with projecting(stores.conninfo, (picky(version=2),), show=no_views):
        pass
    with projecting(stores.conninfo, (picky(version=3),), show=no_views) as process:
        process.catch_up()

        assert [(build.version, build.state) for build in process.builds.all()] == [(3, "live")]


async def test_tables_of_another_version_that_are_being_made_stay_while_the_old_code_makes_its_own_anew(
    stores: Stores,
) -> None:
    await chats(await stores.open(), "one", "two", "three")
    with (
        projecting(stores.conninfo, (picky(version=1),), show=shown) as old,
        projecting(stores.conninfo, (picky(version=2),), most=5, show=shown) as new,
    ):
        old.catch_up()
        new.runner.step()
        (half,) = new.builds.ours({"picky"})
        old.builds.begin("picky")
        old.catch_up()

        assert [(build.version, build.state) for build in old.builds.all()] == [(2, "building"), (1, "live")]
        new.catch_up()
        assert [(build.build, build.state) for build in new.builds.all()] == [(half.build, "live")]


async def test_tables_that_were_taken_for_an_older_version_are_made_anew_by_newer_code_that_still_runs(
    stores: Stores,
) -> None:
    await chats(await stores.open(), "one")
    with (
        projecting(stores.conninfo, (picky(version=2),), show=shown) as new,
        projecting(stores.conninfo, (picky(version=1),), show=shown) as old,
    ):
        new.catch_up()
        old.builds.begin("picky")
        old.catch_up()
        assert [(build.version, build.state) for build in old.builds.all()] == [(1, "live")]

        for _ in range(2):  # it finds that there is none, and begins one
            new.catch_up()

        assert [(build.version, build.state) for build in new.builds.all()] == [(2, "live")]
        assert sorted(read(stores.conninfo)) == [("fine",), ("one",)]


async def test_what_newer_code_has_begun_is_dropped_when_nobody_has_driven_it_for_long(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await chats(await stores.open(), "one", "two", "three")
    with (
        projecting(stores.conninfo, (picky(version=1),), show=shown) as old,
        projecting(stores.conninfo, (picky(version=2),), most=5, show=shown) as new,
        psycopg.connect(stores.conninfo) as driver,
    ):
        old.catch_up()
        new.runner.step()
        begun = [(1, "live"), (2, "building")]

        old.catch_up()
        assert [(build.version, build.state) for build in old.builds.all()] == begun, "it may be restarting"
        monkeypatch.setattr(builds, "ABANDONED_SECONDS", 0)
        driver.execute("SELECT pg_advisory_xact_lock(%s)", (builds.lock_of("picky", 2),))
        old.catch_up()
        assert [(build.version, build.state) for build in old.builds.all()] == begun, "somebody drives it"
        driver.rollback()
        old.catch_up()
        assert [(build.version, build.state) for build in old.builds.all()] == [(1, "live")]

        for _ in range(2):  # it comes back, and finds that there is none
            new.catch_up()
        assert [(build.version, build.state) for build in new.builds.all()] == [(2, "live")]


async def test_code_begins_what_is_missing_of_what_it_leads_alone(stores: Stores) -> None:
    both = (picky(version=2), choosy(version=2))
    with projecting(stores.conninfo, both, show=no_views) as process:
        forget_all(stores.conninfo)

        process.runner.step({"picky"})

        assert [build.name for build in process.builds.all()] == ["picky"]


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
