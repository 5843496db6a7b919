"""The views of the schema `analytics`: documented, true to the log, read by a role that reads no more."""

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from statistics import quantiles
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import pytest_asyncio
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from domain.deadlines import IdleRules
from domain.events import (
    DetailsCollected,
    IdleWarningIssued,
    ReplyCompleted,
    SessionEnded,
    SuggestionsOffered,
    VisitorErased,
    VisitorMessagePosted,
)
from domain.ports import Recorded
from infrastructure.keyring import WrappedKeyring
from projections.reader import ROLE
from projections.transcript import AssistantSaid, transcript
from projections.view import View
from projections.views import ANALYTICS, views
from tests.support.histories import demo, made_up
from tests.support.postgres import OwnServer, execute
from tests.support.projecting import projecting
from tests.support.stores import MASTER_KEY, Stores

Row = dict[str, Any]
Histories = dict[UUID, Sequence[Recorded]]


def rows(conninfo: str, query: str, *params: object) -> list[Row]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return connection.cursor(row_factory=dict_row).execute(query.encode(), params or None).fetchall()


class Told:
    """A database with many conversations, and their histories, as the log has them."""

    def __init__(self, conninfo: str, histories: Histories, erased: UUID) -> None:
        self.conninfo = conninfo
        self.histories = histories
        self.erased = erased

    def view(self, name: str, *order: str) -> list[Row]:
        return rows(self.conninfo, f"SELECT * FROM analytics.{name} ORDER BY {', '.join(order)}")

    @property
    def recorded(self) -> Iterator[Recorded]:
        for history in self.histories.values():
            yield from history


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(conninfo: str) -> AsyncIterator[Told]:
    stores = Stores(conninfo)
    store = await stores.open()
    ids = [story.session_id for story in await demo(store, 120)] + list(await made_up(store, 40))
    histories = {session_id: await store.read(session_id) for session_id in ids}
    erased = max(histories.values(), key=lambda history: len(history[-1].session.feedback))[-1].session
    for session_id in await store.sessions_of(erased.visitor_id):
        version = histories[session_id][-1].version
        await store.append(session_id, version, [VisitorErased()], histories[session_id][-1].at)
    await WrappedKeyring(MASTER_KEY, stores.keys).destroy(erased.visitor_id)
    with projecting(conninfo) as process:
        process.catch_up()
    yield Told(conninfo, histories, erased.visitor_id)
    await stores.close()


# --- what they say of themselves


DESCRIBED = """
    SELECT relname, attname, format_type(atttypid, atttypmod) AS kind, obj_description(pg_class.oid) AS about,
        col_description(pg_class.oid, attnum) AS comment
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
    WHERE relnamespace = 'analytics'::regnamespace AND relkind = 'v'
"""


def test_every_view_and_every_column_says_what_it_holds(told: Told) -> None:
    described = rows(told.conninfo, DESCRIBED)

    assert {row["relname"] for row in described} == {
        *("sessions", "messages", "replies", "suggestions", "details", "endings", "feedback", "warnings"),
        *("hourly", "daily"),
    }
    for row in described:
        assert row["about"]
        assert row["comment"], f"{row['relname']}.{row['attname']}"


def test_names_tell_times_durations_and_booleans_apart(told: Told) -> None:
    for row in rows(told.conninfo, DESCRIBED):
        name, kind = row["attname"], row["kind"]
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert name.endswith("_at") == (kind == "timestamp with time zone"), name
        assert name.startswith(("is_", "has_")) == (kind == "boolean"), name
        if name.endswith("_ms"):
            assert kind in ("integer", "bigint"), name
        assert kind in (
            *("uuid", "text", "integer", "bigint", "boolean", "date", "timestamp with time zone"),
        ), f"{name}: {kind} is a type that tools don't know"


def test_no_view_shows_the_ids_that_open_conversations(told: Told) -> None:
    visitors = {str(history[0].session.visitor_id) for history in told.histories.values()}

    for view in ANALYTICS:
        shown = rows(told.conninfo, f"SELECT view::text AS row FROM {view.name} AS view")
        assert not any(visitor in row["row"] for row in shown for visitor in visitors)


# --- what they tell


def test_sessions_are_those_of_the_log(told: Told) -> None:
    shown = {row["session_id"]: row for row in told.view("sessions", "started_at")}

    assert shown.keys() == told.histories.keys()
    starts = defaultdict(list)
    for session_id, history in told.histories.items():
        session = history[-1].session
        starts[session.visitor_id].append((session.started_at, session_id))
    for session_id, history in told.histories.items():
        row, session = shown[session_id], history[-1].session
        collected = [each for each in history if isinstance(each.event, DetailsCollected)]
        assert row["status"] == (session.ended or "active")
        assert (row["messages"], row["replies"]) == (session.messages, session.replies)
        assert row["is_active"] == (session.ended is None)
        assert row["is_erased"] == (session.visitor_id == told.erased)
        assert row["is_returning"] == (min(starts[session.visitor_id]) != (session.started_at, session_id))
        assert row["has_messages"] == (session.messages > 0)
        assert row["has_details"] == bool(collected)
        assert row["duration_ms"] == milliseconds(session.quiet_since, session.started_at)


def test_visitors_are_told_apart_without_their_ids(told: Told) -> None:
    keys = {row["session_id"]: row["visitor_key"] for row in told.view("sessions", "session_id")}
    visitors = {session_id: history[0].session.visitor_id for session_id, history in told.histories.items()}

    assert len(set(keys.values())) == len(set(visitors.values()))
    assert len({(keys[each], visitors[each]) for each in keys}) == len(set(keys.values()))


def test_messages_are_those_of_the_log(told: Told) -> None:
    expected = {
        each.event.message_id: (
            each.session.session_id,
            each.at,
            each.session.messages,
            each.event.took is not None,
            seen(told, each, each.event.text),
        )
        for each in told.recorded
        if isinstance(each.event, VisitorMessagePosted)
    }

    assert {
        row["message_id"]: (
            *(row["session_id"], row["posted_at"], row["number"], row["is_suggestion"]),
            row["text"],
        )
        for row in told.view("messages", "posted_at")
    } == expected


def test_replies_are_those_of_the_transcripts(told: Told) -> None:
    shown = {row["response_id"]: row for row in told.view("replies", "started_at")}
    said = {
        entry.response_id: (entry, history[0])
        for history in told.histories.values()
        for entry in transcript(history).entries
        if isinstance(entry, AssistantSaid)
    }

    assert shown.keys() == said.keys()
    for response_id, (entry, first) in said.items():
        row, is_over = shown[response_id], entry.outcome != "streaming"
        assert (row["started_at"], row["outcome"], row["message_id"]) == (
            *(entry.at, entry.outcome, entry.message_id),
        )
        assert row["total_ms"] == entry.total_ms
        assert row["first_word_ms"] == (entry.first_word_ms if is_over else None)
        assert row["suggestions"] == len(entry.suggestions)
        assert row["rating"] == entry.rating
        assert row["text"] == (seen(told, first, entry.text or "") if is_over else None)


def test_a_reply_names_the_number_of_the_message_that_it_answers(told: Told) -> None:
    numbers = {row["message_id"]: row["number"] for row in told.view("messages", "posted_at")}

    for row in told.view("replies", "started_at"):
        assert row["message_number"] == numbers[row["message_id"]]


def test_suggestions_are_those_that_were_offered_and_taken(told: Told) -> None:
    offered = Counter(
        each.session.session_id
        for each in told.recorded
        if isinstance(each.event, SuggestionsOffered)
        for _ in each.event.suggestions
    )
    taken = {
        (each.session.session_id, each.event.took + 1, seen(told, each, each.event.text))
        for each in told.recorded
        if isinstance(each.event, VisitorMessagePosted) and each.event.took is not None
    }
    shown = told.view("suggestions", "offered_at")

    assert Counter(row["session_id"] for row in shown) == offered
    assert {(row["session_id"], row["place"], row["text"]) for row in shown if row["is_taken"]} == taken


def test_details_are_the_latest_values(told: Told) -> None:
    expected = {
        (session_id, key): seen(told, history[0], value)
        for session_id, history in told.histories.items()
        for key, value in history[-1].session.details.items()
    }

    assert {
        (row["session_id"], row["key"]): row["value"] for row in told.view("details", "given_at")
    } == expected


def test_endings_say_why_and_what_came_last(told: Told) -> None:
    shown = {row["session_id"]: row for row in told.view("endings", "ended_at")}
    ended = {each: history for each, history in told.histories.items() if history[-1].session.ended}

    assert shown.keys() == ended.keys()
    for session_id, history in ended.items():
        row, session = shown[session_id], history[-1].session
        completed = [each.event for each in history if isinstance(each.event, ReplyCompleted)]
        is_last = session.reply is not None and session.reply.status == "completed"
        assert row["reason"] == session.ended
        assert row["is_abandoned"] == (session.ended in ("idle_timeout", "expired"))
        assert row["has_warning"] == any(isinstance(each.event, IdleWarningIssued) for each in history)
        assert row["last_outcome"] == (session.reply.status if session.reply else None)
        assert row["is_last_unanswered"] == (is_last and completed[-1].unanswered)
        assert row["is_last_asking"] == (is_last and bool(completed[-1].needs_info))


def test_feedback_is_the_latest_rating_of_each_reply(told: Told) -> None:
    expected = {
        response_id: (feedback.rating, seen(told, history[0], feedback.comment))
        for history in told.histories.values()
        for response_id, feedback in history[-1].session.feedback.items()
        if feedback
    }
    shown = told.view("feedback", "rated_at")

    assert {row["response_id"]: (row["rating"], row["comment"]) for row in shown} == expected
    assert all(row["is_positive"] == (row["rating"] == "up") for row in shown)


def test_warnings_are_those_that_were_issued(told: Told) -> None:
    issued = sorted(each.at for each in told.recorded if isinstance(each.event, IdleWarningIssued))
    shown = told.view("warnings", "warned_at")

    assert [row["warned_at"] for row in shown] == issued
    assert {row["quiet_ms"] for row in shown} == {IdleRules().warning_after.total_seconds() * 1000}


@pytest.mark.parametrize("unit", ["hour", "day"])
def test_roll_ups_sum_up_what_happened(told: Told, unit: str) -> None:
    start = (lambda at: at.replace(minute=0, second=0, microsecond=0)) if unit == "hour" else midnight
    sums: dict[datetime, Counter[str]] = defaultdict(Counter)
    first_words: dict[datetime, list[int]] = defaultdict(list)
    visitors: dict[datetime, set[UUID]] = defaultdict(set)
    for each in told.recorded:
        here = sums[start(each.at)]
        match each.event:
            case VisitorMessagePosted():
                here["messages"] += 1
            case IdleWarningIssued():
                here["warnings"] += 1
            case SessionEnded(reason=reason):
                here[f"ended_{reason}"] += 1
    for history in told.histories.values():
        first, session = history[0], history[-1].session
        sums[start(first.at)]["conversations"] += 1
        visitors[start(first.at)].add(session.visitor_id)
        for entry in transcript(history).entries:
            if isinstance(entry, AssistantSaid):
                here = sums[start(entry.at)]
                here["replies"] += 1
                here[f"{entry.outcome}_replies"] += 1
                if entry.first_word_ms is not None and entry.outcome != "streaming":
                    first_words[start(entry.at)].append(entry.first_word_ms)

    for row in told.view("hourly" if unit == "hour" else "daily", "starts_at"):
        here = sums[row["starts_at"]]
        summed = [name for name in row if name in {name for each in sums.values() for name in each}]
        assert {name: row[name] for name in summed if name != "streaming_replies"} == {
            name: here[name] for name in summed
        }
        assert row["visitors"] == len(visitors[row["starts_at"]])
        median, p95 = percentiles(first_words[row["starts_at"]])
        assert row["median_first_word_ms"] == pytest.approx(median, abs=1)
        assert row["p95_first_word_ms"] == pytest.approx(p95, abs=1)
        assert row[unit] == (row["starts_at"].hour if unit == "hour" else row["starts_at"].date())


def test_every_fact_is_in_one_hour_and_one_day(told: Told) -> None:
    for view in ("hourly", "daily"):
        (summed,) = rows(
            told.conninfo,
            "SELECT sum(conversations) AS sessions, sum(messages) AS messages, sum(replies) AS replies, "
            "sum(suggestions) AS suggestions, sum(details) AS details, sum(warnings) AS warnings, "
            f"sum(ratings_up + ratings_down) AS feedback FROM analytics.{view}",
        )
        for name, count in summed.items():
            assert rows(told.conninfo, f"SELECT count(*) AS count FROM analytics.{name}") == [
                {"count": count}
            ]


def seen(told: Told, recorded: Recorded, text: str) -> str | None:
    """What a view shows of something that was said."""
    if recorded.session.visitor_id == told.erased:
        return None
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def milliseconds(at: datetime, since: datetime) -> int:
    return round((at - since).total_seconds() * 1000)


def midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def percentiles(values: Sequence[int]) -> tuple[float | None, float | None]:
    if len(values) < 2:
        return (values[0], values[0]) if values else (None, None)
    twentieths = quantiles(values, n=20, method="inclusive")
    return twentieths[9], twentieths[18]


# --- after an erasure


async def test_an_erasure_takes_the_texts_and_no_count(new_conninfo: str) -> None:
    stores = Stores(new_conninfo)
    store = await stores.open()
    await demo(store, 60)
    with projecting(new_conninfo) as process:
        process.catch_up()
        before = counted(new_conninfo)
        busiest = rows(new_conninfo, "SELECT session_id FROM analytics.details ORDER BY key LIMIT 1")
        session = await store.load(busiest[0]["session_id"])
        assert session is not None
        for session_id in await store.sessions_of(session.visitor_id):
            each = await store.load(session_id)
            assert each is not None
            await store.append(session_id, each.version, [VisitorErased()], each.quiet_since)
        await WrappedKeyring(MASTER_KEY, stores.keys).destroy(session.visitor_id)
        process.catch_up()
        then = counted(new_conninfo)
        process.rebuild()
        again = counted(new_conninfo)
    await stores.close()

    assert then == before
    assert again == before
    texts = {"messages": "text", "replies": "text", "suggestions": "text", "details": "value"}
    for view, text in texts.items():
        (row,) = rows(
            new_conninfo,
            f"SELECT count(*) AS rows, count({text}) AS texts FROM analytics.{view} "
            "JOIN analytics.sessions USING (session_id) WHERE is_erased",
        )
        assert row["rows"] > 0
        assert row["texts"] == 0


def counted(conninfo: str) -> Sequence[Any]:
    """All that is no text."""
    texts = {"text", "value", "comment", "is_erased", "erased_at"}
    shown = []
    for view in ANALYTICS:
        columns = ", ".join(name for name in view.columns if name not in texts)
        shown.append(execute(conninfo, f"SELECT {columns} FROM {view.name} ORDER BY {columns}"))
    return shown


# --- who reads them


@pytest.fixture
def as_reader(told: Told) -> Iterator[Callable[[str], list[tuple]]]:
    """Somebody who was given the role, and nothing else."""
    name = f"analyst_{uuid4().hex}"
    execute(told.conninfo, f"CREATE ROLE {name} LOGIN PASSWORD 'secret' IN ROLE {ROLE}")
    yield lambda query: execute(make_conninfo(told.conninfo, user=name, password="secret"), query)
    execute(told.conninfo, f"DROP ROLE {name}")


def test_the_reader_reads_every_view(told: Told, as_reader: Callable[[str], list[tuple]]) -> None:
    for view in ANALYTICS:
        assert as_reader(f"SELECT count(*) FROM {view.name}")[0][0] > 0


def test_the_reader_reads_nothing_else(told: Told, as_reader: Callable[[str], list[tuple]]) -> None:
    everything = execute(
        told.conninfo,
        "SELECT format('%I.%I', nspname, relname) FROM pg_class "
        "JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE relkind IN ('r', 'v', 'm', 'p', 'S', 'f') AND nspname !~ '^pg_|^information_schema$'",
    )
    others = {name for (name,) in everything} - {view.name for view in ANALYTICS}

    assert {"public.stored_events", "public.visitor_keys", "live.sessions", "live.entries"} <= others
    for name in others:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_reader(f"SELECT * FROM {name}")


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM analytics.warnings",
        "UPDATE analytics.details SET key = 'x'",
        "CREATE VIEW analytics.more AS SELECT 1",
        "CREATE TABLE public.more (number int)",
        "DROP VIEW analytics.warnings",
    ],
)
def test_the_reader_changes_nothing(as_reader: Callable[[str], list[tuple]], change: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_reader(change)


def test_the_role_can_log_in_nowhere_by_itself(told: Told) -> None:
    assert execute(
        told.conninfo,
        "SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = %s",
        ROLE,
    ) == [(False, False, False, False)]


@pytest_asyncio.fixture
async def own_server() -> AsyncIterator[OwnServer]:
    server = OwnServer()
    await server.start()
    yield server
    await server.stop()


async def test_services_of_many_databases_make_the_role_together(own_server: OwnServer) -> None:
    databases = [f"together_{number}" for number in range(6)]
    for name in databases:
        execute(own_server.conninfo, f"CREATE DATABASE {name}")
    ready = asyncio.Barrier(len(databases))

    async def start(name: str) -> None:
        conninfo = make_conninfo(own_server.conninfo, dbname=name)
        stores = Stores(conninfo)
        await stores.open()
        await ready.wait()
        await asyncio.to_thread(opened, conninfo)
        await stores.close()

    await asyncio.gather(*map(start, databases))

    for name in databases:
        conninfo = make_conninfo(own_server.conninfo, dbname=name)
        assert granted(conninfo) == len(ANALYTICS)


async def test_a_service_that_may_make_no_roles_says_so_once_and_goes_on(
    own_server: OwnServer, caplog: pytest.LogCaptureFixture
) -> None:
    execute(own_server.conninfo, "CREATE ROLE service LOGIN PASSWORD 'secret'")
    execute(own_server.conninfo, "CREATE DATABASE own OWNER service")
    conninfo = make_conninfo(own_server.conninfo, dbname="own", user="service", password="secret")
    stores = Stores(conninfo)
    await demo(await stores.open(), 5)

    with projecting(conninfo) as process:
        process.catch_up()

    assert [record.getMessage() for record in caplog.records if record.name.startswith("projections")] == [
        f"analysts have no role to read with: CREATE ROLE {ROLE} NOLOGIN, as somebody who may, then restart"
    ]
    assert execute(conninfo, "SELECT count(*) FROM analytics.sessions") == [(5,)]

    # As it says.
    execute(own_server.conninfo, f"CREATE ROLE {ROLE} NOLOGIN")
    opened(conninfo)
    assert granted(conninfo) == len(ANALYTICS)
    await stores.close()


def opened(conninfo: str) -> None:
    with projecting(conninfo):
        pass


def granted(conninfo: str) -> int:
    """On how many views the role has been given anything."""
    query = "SELECT count(*) FROM information_schema.role_table_grants WHERE grantee = %s"
    return execute(conninfo, query, ROLE)[0][0]


# --- when they are made anew


def test_views_that_are_as_they_were_are_let_alone(new_conninfo: str) -> None:
    opened(new_conninfo)
    before = execute(new_conninfo, "SELECT oid, xmin::text FROM pg_class WHERE relname = 'daily'")

    opened(new_conninfo)

    assert execute(new_conninfo, "SELECT oid, xmin::text FROM pg_class WHERE relname = 'daily'") == before


def test_who_reads_while_tables_are_swapped_notices_nothing(new_conninfo: str) -> None:
    with projecting(new_conninfo) as process, ThreadPoolExecutor() as threads:
        process.catch_up()
        is_over = False

        def read() -> int:
            count = 0
            while not is_over:
                for view in ANALYTICS:
                    execute(new_conninfo, f"SELECT * FROM {view.name} LIMIT 1")
                count += 1
            return count

        reading = [threads.submit(read) for _ in range(2)]
        try:
            for name in [*process.builds.projections] * 2:
                build = process.builds.begin(name).build
                while build not in {each.build for each in process.builds.all() if each.state == "live"}:
                    process.runner.step()
        finally:
            is_over = True

        assert all(each.result() > 0 for each in reading)


def older(live: dict[str, str]) -> Sequence[str]:
    """As they might have been in another version: another type, and a column that isn't there any more."""
    columns = {"session_id": ("session_id::text", "As text"), "gone": ("1", "Not any more")}
    statements = [*views(live)]  # type: ignore[arg-type]
    sessions = View("analytics.sessions", "Otherwise", columns, "{sessions}.sessions").statement
    return [sessions.format(**live) if "VIEW analytics.sessions AS" in each else each for each in statements]


def test_a_view_that_gets_other_columns_is_made_anew_with_its_rights(new_conninfo: str) -> None:
    with projecting(new_conninfo, show=older):
        pass
    assert execute(new_conninfo, "SELECT count(gone) FROM analytics.sessions") == [(0,)]
    execute(new_conninfo, "CREATE VIEW public.mine AS SELECT gone FROM analytics.sessions")

    opened(new_conninfo)

    assert execute(new_conninfo, "SELECT count(*) FROM analytics.sessions WHERE is_active") == [(0,)]
    assert execute(new_conninfo, "SELECT to_regclass('public.mine')") == [(None,)], (
        "it depended on what is gone"
    )
    assert granted(new_conninfo) == len(ANALYTICS)
