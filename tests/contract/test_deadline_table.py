"""What `domain.ports.DeadlineTable` promises, and who counts as living, in PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from psycopg import AsyncConnection

from domain.deadlines import IdleRules
from domain.errors import Unavailable
from domain.events import (
    Event,
    FeedbackGiven,
    IdleWarningIssued,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyStarted,
    SessionEnded,
    SessionStarted,
    VisitorMessagePosted,
)
from infrastructure.background import for_ever
from infrastructure.deadlines import PostgresDeadlines
from infrastructure.event_store import SessionStore
from infrastructure.meters import Meters
from infrastructure.postgres import Database
from infrastructure.presence import Presence
from tests.support.postgres import execute
from tests.support.stores import Stores
from tests.support.waiting import until

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RULES = IdleRules()
LATER = timedelta(seconds=5)
NOBODY: frozenset[str] = frozenset()


class World(NamedTuple):
    """A log, two tables of deadlines on it as of two processes, and their database."""

    store: SessionStore
    table: PostgresDeadlines
    other: PostgresDeadlines
    conninfo: str
    meters: Meters

    async def record(self, session_id: UUID, seconds: float, *events: Event) -> None:
        session = await self.store.load(session_id)
        await self.store.append(session_id, session.version if session else 0, events, at(seconds))

    async def new_session(self, expires_in: float = 86_400) -> UUID:
        session_id = uuid4()
        await self.record(session_id, 0, SessionStarted(uuid4(), at(expires_in)))
        return session_id

    async def due(self, seconds: float, dead: frozenset[str] = NOBODY) -> set[UUID]:
        """What is due by then; it is claimed for a moment."""
        return set(await self.table.claim(at(seconds), at(seconds) + LATER, dead, 100))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.fixture
async def world(new_conninfo: str) -> AsyncIterator[World]:
    stores = Stores(new_conninfo)
    async with AsyncExitStack() as opened:
        opened.push_async_callback(stores.close)
        meters = Meters()
        tables = []
        for _ in range(2):
            database = Database(new_conninfo, max_connections=4)
            await database.open()
            opened.push_async_callback(database.close)
            tables.append(PostgresDeadlines(database, RULES, meters))
        yield World(await stores.open(), tables[0], tables[1], new_conninfo, meters)


def asked(node: str = "node") -> tuple[Event, ...]:
    message, response = uuid4(), uuid4()
    return VisitorMessagePosted(message, "Hello"), ReplyStarted(response, message, "guide", node)


def answered(reply: Event) -> tuple[Event, ...]:
    assert isinstance(reply, ReplyStarted)
    return ReplyChunksRecorded((5,), ("Hello.",)), ReplyCompleted(reply.response_id, "")


# --- kept up from events


async def test_a_session_is_due_when_it_has_been_quiet_for_so_long(world: World) -> None:
    session_id = await world.new_session()
    await world.table.keep_up()

    assert await world.due(119.9) == set()
    assert await world.due(120) == {session_id}


async def test_what_happens_in_a_session_moves_its_deadline(world: World) -> None:
    session_id = await world.new_session()
    question, reply = asked()
    await world.record(session_id, 60, question, reply)
    await world.record(session_id, 70, *answered(reply))
    await world.table.keep_up()
    assert await world.due(189) == set()
    assert await world.due(190) == {session_id}

    await world.record(session_id, 190, IdleWarningIssued(uuid4(), "Still there?", 120))
    await world.record(session_id, 195, FeedbackGiven(reply.response_id, "up"))  # type: ignore[attr-defined]
    await world.table.keep_up()
    assert await world.due(309) == set()
    assert await world.due(310) == {session_id}


async def test_operators_are_told_for_how_long_a_session_has_been_due_that_nobody_looks_at(
    world: World,
) -> None:
    async def overdue() -> float:
        await world.table.measure()
        (metric,) = world.meters.overdue.collect()
        return metric.samples[0].value

    assert await overdue() == 0
    session_id = await world.new_session(expires_in=10_000_000_000)
    await world.new_session(expires_in=60)
    await world.table.keep_up()
    late = datetime.now(UTC) - at(60)
    assert abs(await overdue() - late.total_seconds()) < 60, "the oldest counts"

    until = datetime.now(UTC) + timedelta(hours=1)
    assert len(await world.table.claim(at(200), until, NOBODY, 100)) == 2
    assert await overdue() == 0, "both are being looked at"
    await world.table.settle(until, {session_id: until})
    assert await overdue() == 0

    async with await AsyncConnection.connect(world.conninfo) as stuck:
        await stuck.execute("LOCK TABLE deadlines IN ACCESS EXCLUSIVE MODE")
        assert isnan(await overdue())


async def test_a_session_that_has_ended_is_never_due(world: World) -> None:
    before, within = await world.new_session(), await world.new_session()
    await world.record(within, 1, SessionEnded("deleted"))
    await world.table.keep_up()
    await world.record(before, 1, SessionEnded("completed"))
    await world.table.keep_up()

    assert await world.due(1_000_000) == set()


async def test_a_session_is_due_at_the_latest_when_it_expires(world: World) -> None:
    soon, later = await world.new_session(expires_in=60), await world.new_session(expires_in=150)
    question, reply = asked()
    await world.table.keep_up()
    await world.record(later, 100, question, reply)
    await world.record(later, 101, *answered(reply))
    await world.table.keep_up()

    assert await world.due(60) == {soon}
    await world.table.settle(at(65), {soon: None})
    assert await world.due(150) == {later}


async def test_two_processes_keep_it_up_together_and_take_each_event_in_once(world: World) -> None:
    sessions = {await world.new_session() for _ in range(20)}

    await asyncio.gather(*(table.keep_up() for table in (world.table, world.other) for _ in range(5)))
    await world.table.keep_up()

    rows = await asyncio.to_thread(execute, world.conninfo, "SELECT session_id FROM deadlines")
    assert {session_id for (session_id,) in rows} == sessions


async def test_a_table_that_was_lost_is_made_again_from_the_log(world: World) -> None:
    quiet, speaking, over = [await world.new_session() for _ in range(3)]
    await world.record(speaking, 10, *asked("a node"))
    await world.record(over, 10, SessionEnded("deleted"))
    await world.table.keep_up()
    select = "SELECT session_id, due_at, expires_at, speaker FROM deadlines ORDER BY 1"
    rows = await asyncio.to_thread(execute, world.conninfo, select)

    for loss in ("DELETE FROM deadlines", "UPDATE deadlines_position SET position = 0"):
        await asyncio.to_thread(execute, world.conninfo, loss)
    await world.other.keep_up()

    assert {row[0] for row in rows} == {quiet, speaking}
    assert await asyncio.to_thread(execute, world.conninfo, select) == rows


async def test_an_event_that_can_t_be_read_holds_up_no_other_session(world: World) -> None:
    broken, sound = await world.new_session(), await world.new_session()
    await asyncio.to_thread(
        execute, world.conninfo, "UPDATE stored_events SET state = '{' WHERE originator_id = %s", broken
    )

    await world.table.keep_up()

    assert await world.due(120) == {sound}


async def test_a_session_that_is_hastened_is_due_now_whatever_was_recorded_before(world: World) -> None:
    session_id, other, over = [await world.new_session() for _ in range(3)]
    await world.table.keep_up()
    question, reply = asked()
    await world.record(session_id, 10, question, reply)
    await world.record(session_id, 20, *answered(reply))
    await world.record(over, 20, SessionEnded("deleted"))

    await asyncio.gather(world.table.hasten(session_id, at(20)), world.other.hasten(over, at(20)))
    await world.table.keep_up()

    assert await world.due(20) == {session_id}
    assert await world.due(120) == {session_id, other}


async def test_a_process_that_freezes_while_it_takes_in_holds_up_the_others_for_seconds_only(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = await world.new_session()

    async def is_taken_in() -> bool:
        await world.table.keep_up()
        return await world.due(120) == {session_id}

    async def freeze() -> None:
        async with world.other._database.transaction() as cursor:
            assert await world.other._hold(cursor) == 0
            await until(is_taken_in, "the others to take in what is new")

    with pytest.raises(Unavailable):
        await freeze()
    assert not caplog.records, "and so it isn't worth a warning"


async def test_a_session_with_an_event_of_a_newer_version_is_looked_at(world: World) -> None:
    session_id, other = await world.new_session(), await world.new_session()
    await world.record(session_id, 1, *asked("node"))
    await world.record(session_id, 2, FeedbackGiven(uuid4(), "up"))
    await asyncio.to_thread(
        execute,
        world.conninfo,
        "UPDATE stored_events SET topic = 'new.v1' WHERE originator_id = %s AND originator_version = 4",
        session_id,
    )

    await world.table.keep_up()

    rows = "SELECT session_id, speaker FROM deadlines WHERE due_at <= now() AND session_id <> %s"
    assert await asyncio.to_thread(execute, world.conninfo, rows, other) == [(session_id, "node")]


# --- claimed by one


async def test_what_one_process_has_claimed_no_other_is_given(world: World) -> None:
    sessions = {await world.new_session() for _ in range(40)}
    await world.table.keep_up()
    now, until_then = at(200), at(200) + LATER

    claims = await asyncio.gather(
        *(table.claim(now, until_then, NOBODY, 7) for table in (world.table, world.other) for _ in range(4))
    )

    claimed = [session_id for claim in claims for session_id in claim]
    assert len(claimed) == len(set(claimed))
    assert set(claimed) == sessions


async def test_the_longest_due_comes_first_and_no_more_than_was_asked_for(world: World) -> None:
    late, later = await world.new_session(expires_in=50), await world.new_session(expires_in=20)
    await world.table.keep_up()

    assert await world.table.claim(at(60), at(65), NOBODY, 1) == [later]
    assert await world.table.claim(at(60), at(65), NOBODY, 1) == [late]


async def test_what_its_process_never_settled_is_due_again_when_the_claim_ends(world: World) -> None:
    session_id = await world.new_session()
    await world.table.keep_up()

    assert await world.due(200) == {session_id}
    assert await world.due(204) == set()
    assert await world.due(205) == {session_id}


async def test_what_was_settled_is_due_when_it_was_said_to_be(world: World) -> None:
    later, never = await world.new_session(), await world.new_session()
    await world.table.keep_up()
    await world.due(200)

    await world.table.settle(at(205), {later: at(500), never: None})

    assert await world.due(499) == set()
    assert await world.due(500) == {later}
    assert await world.due(1_000_000) == {later}


async def test_an_event_that_came_meanwhile_knows_better_than_whoever_had_claimed(world: World) -> None:
    session_id = await world.new_session()
    await world.table.keep_up()
    await world.due(200)
    question, reply = asked()
    await world.record(session_id, 201, question, reply)
    await world.record(session_id, 202, *answered(reply))
    await world.other.keep_up()

    await world.table.settle(at(205), {session_id: None})

    assert await world.due(321) == set()
    assert await world.due(322) == {session_id}


async def test_what_is_put_off_is_given_to_nobody_meanwhile_though_its_speaker_is_dead(world: World) -> None:
    broken, mended = await world.new_session(), await world.new_session()
    for session_id in (broken, mended):
        question, reply = asked("gone")
        await world.record(session_id, 1, question, reply)
    await world.table.keep_up()
    dead = frozenset({"gone"})
    assert await world.due(10, dead) == {broken, mended}

    await world.table.put_off(at(15), {broken, mended}, at(310))
    await world.record(mended, 20, *answered(reply))
    await world.table.keep_up()

    assert await world.due(139, dead) == set()
    assert await world.due(140, dead) == {mended}
    assert await world.due(309, dead) == {mended}
    assert await world.due(310, dead) == {broken}


# --- who lives


async def test_a_process_lives_for_as_long_as_it_is_connected(world: World) -> None:
    living, dying = Presence(world.conninfo), Presence(world.conninfo)
    async with for_ever("presence", living.run):
        async with for_ever("presence", dying.run):
            await living.shown()
            await dying.shown()
            speaks = {name: await world.new_session() for name in (living.name, dying.name, "gone")}
            for name, session_id in speaks.items():
                await world.record(session_id, 1, *asked(name))
            await world.table.keep_up()
            assert await world.table.missing_speakers() == {"gone"}
        await until(lambda: is_missing(world, dying.name), "the one that left to be missed")

        dead = await world.table.missing_speakers()
        assert dead == {"gone", dying.name}
        assert await world.due(1, dead) == {speaks["gone"], speaks[dying.name]}
        assert await world.due(1, dead) == set(), "and they are claimed"


async def test_a_process_whose_connection_is_cut_shows_itself_again(world: World) -> None:
    presence = Presence(world.conninfo)
    async with for_ever("presence", presence.run):
        await presence.shown()
        await world.record(await world.new_session(), 1, *asked(presence.name))
        await world.table.keep_up()
        await asyncio.to_thread(
            execute,
            world.conninfo,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'verbatim-presence' AND datname = current_database()",
        )
        await until(lambda: is_missing(world, presence.name), "it to be missed")
        await until(lambda: is_there(world, presence.name), "it to be back")


async def test_who_has_nothing_to_say_any_more_is_not_missed(world: World) -> None:
    session_id = await world.new_session()
    question, reply = asked("gone")
    await world.record(session_id, 1, question, reply)
    await world.record(session_id, 2, *answered(reply))
    await world.table.keep_up()

    assert await world.table.missing_speakers() == frozenset()


async def is_missing(world: World, name: str) -> bool:
    return name in await world.table.missing_speakers()


async def is_there(world: World, name: str) -> bool:
    return name not in await world.table.missing_speakers()
