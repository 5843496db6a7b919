"""Lists of sessions, page by page, and the search in what was said."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import pytest_asyncio

from domain.events import (
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyStarted,
    SessionStarted,
    VisitorErased,
    VisitorMessagePosted,
)
from infrastructure.event_store import SessionStore
from infrastructure.keyring import WrappedKeyring
from projections.session_list import Wanted, _query
from tests.support.assistants import Echo
from tests.support.histories import demo, made_up
from tests.support.operators import OPERATOR, SETTINGS
from tests.support.postgres import execute
from tests.support.projecting import projecting
from tests.support.service import Service, served
from tests.support.stores import MASTER_KEY, Stores

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
PATIENT = {"VERBATIM_IDLE_WARNING_SECONDS": "31536000"}
"""What is active in these histories of long ago is to stay so."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    stores = Stores(conninfo)
    store = await stores.open()
    await demo(store, 60)
    await made_up(store, 20)
    await stores.close()
    project(conninfo)
    async with served(conninfo, tmp_path_factory.mktemp("data"), Echo(), SETTINGS | PATIENT) as service:
        yield service


@pytest.fixture
async def stores(conninfo: str) -> AsyncIterator[Stores]:
    stores = Stores(conninfo)
    await stores.open()
    yield stores
    await stores.close()


def project(conninfo: str) -> None:
    with projecting(conninfo) as process:
        process.catch_up()


async def chat(store: SessionStore, *said: str, answer: str = "I see.", at: datetime = START) -> UUID:
    """A session in which a visitor has said this, and was answered."""
    session_id = uuid4()
    await store.append(session_id, 0, [SessionStarted(uuid4(), at + timedelta(days=3650))], at)
    for number, text in enumerate(said):
        message_id, response_id = uuid4(), uuid4()
        events = [
            VisitorMessagePosted(message_id, text),
            ReplyStarted(response_id, message_id, "guide"),
            ReplyChunksRecorded((10,), (answer,)),
            ReplyCompleted(response_id, "hash"),
        ]
        await store.append(session_id, 1 + 4 * number, events, at)
    return session_id


async def asked(service: Service, **query: Any) -> httpx.Response:
    async with service.http() as http:
        return await http.get("/api/audit/sessions/", params=query, headers=OPERATOR)


async def listed(service: Service, **query: Any) -> dict[str, Any]:
    answer = await asked(service, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def found(service: Service, **query: Any) -> Sequence[UUID]:
    return [UUID(each["session_id"]) for each in (await listed(service, **query))["sessions"]]


async def pages(service: Service, limit: int, **query: Any) -> Sequence[Sequence[dict[str, Any]]]:
    page = await listed(service, limit=limit, **query)
    shown = [page["sessions"]]
    while page["next"]:
        page = await listed(service, limit=limit, after=page["next"], **query)
        shown.append(page["sessions"])
    return shown


# --- page by page


async def test_all_sessions_are_listed_once_the_newest_first(service: Service, conninfo: str) -> None:
    shown = [each for page in await pages(service, 7) for each in page]

    rows = execute(conninfo, "SELECT session_id FROM live.sessions ORDER BY started_at DESC, session_id DESC")
    assert [UUID(each["session_id"]) for each in shown] == [session_id for (session_id,) in rows]
    assert all(one["started_at"] >= other["started_at"] for one, other in pairwise(shown))


async def test_a_page_is_full_but_for_the_last_and_only_the_last_names_no_next(service: Service) -> None:
    shown = await pages(service, 10)

    assert {len(page) for page in shown[:-1]} == {10}
    assert 0 < len(shown[-1]) <= 10
    assert (await listed(service, limit=200))["next"] is None


async def test_pages_stay_as_they_are_while_sessions_are_started(
    service: Service, stores: Stores, conninfo: str
) -> None:
    before = [each["session_id"] for page in await pages(service, 9) for each in page]

    page = await listed(service, limit=9)
    shown = [each["session_id"] for each in page["sessions"]]
    while page["next"]:
        await chat(stores.reopen(0), "Hello", at=datetime(2026, 11, 20, tzinfo=UTC))
        project(conninfo)
        page = await listed(service, limit=9, after=page["next"])
        shown += [each["session_id"] for each in page["sessions"]]

    assert shown == before


async def test_sessions_that_started_at_the_same_moment_are_told_apart(
    service: Service, stores: Stores, conninfo: str
) -> None:
    ids = {await chat(stores.reopen(0), "At once", at=datetime(2026, 4, 1, tzinfo=UTC)) for _ in range(5)}
    project(conninfo)

    shown = await pages(service, 2, since="2026-04-01", until="2026-04-01")

    assert [len(page) for page in shown] == [2, 2, 1]
    assert {UUID(each["session_id"]) for page in shown for each in page} == ids


# --- some of them


@pytest.mark.parametrize("status", ["active", "completed", "idle_timeout", "expired", "deleted"])
async def test_sessions_of_one_status_are_listed(service: Service, conninfo: str, status: str) -> None:
    shown = [each for page in await pages(service, 20, status=status) for each in page]

    (count,) = execute(conninfo, "SELECT count(*) FROM live.sessions WHERE status = %s", status)[0]
    assert len(shown) == count > 0
    assert {each["status"] for each in shown} == {status}


async def test_sessions_of_one_visitor_are_listed(service: Service, conninfo: str) -> None:
    ((visitor_id, count),) = execute(
        conninfo, "SELECT visitor_id, count(*) FROM live.sessions GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    )

    shown = (await listed(service, visitor_id=visitor_id))["sessions"]

    assert len(shown) == count > 1
    assert {each["visitor_id"] for each in shown} == {str(visitor_id)}


async def test_sessions_of_some_days_are_listed(service: Service) -> None:
    shown = (await listed(service, since="2026-10-12", until="2026-10-14", limit=200))["sessions"]

    assert {each["started_at"][:10] for each in shown} == {"2026-10-12", "2026-10-13", "2026-10-14"}


async def test_what_is_asked_together_is_all_true(service: Service) -> None:
    shown = await listed(service, status="idle_timeout", since="2026-10-10", q="lease", limit=200)

    assert shown["sessions"]
    for each in shown["sessions"]:
        assert each["status"] == "idle_timeout"
        assert each["started_at"] >= "2026-10-10"
        assert "«leas" in each["headline"].lower()


# --- search


async def test_what_was_said_is_found_in_any_form_of_its_words(
    service: Service, stores: Stores, conninfo: str
) -> None:
    store = stores.reopen(0)
    asked_for = await chat(store, "Do you lease hovercrafts?")
    answered = await chat(store, "And boats?", answer="We have no hovercraft at all.")
    project(conninfo)

    assert set(await found(service, q="hovercraft")) == {asked_for, answered}
    assert await found(service, q="leasing hovercrafts") == [asked_for]
    assert await found(service, q='"lease hovercrafts"') == [asked_for]
    assert await found(service, q='"hovercrafts lease"') == []
    assert await found(service, q="hovercraft -lease") == [answered]
    assert set(await found(service, q="boats or leased hovercrafts")) == {asked_for, answered}


async def test_a_headline_marks_what_was_found(service: Service, stores: Stores, conninfo: str) -> None:
    await chat(stores.reopen(0), "Hello", "<b>Zeppelins</b> & «zeppelins» are what I want")
    project(conninfo)

    (shown,) = (await listed(service, q="zeppelin"))["sessions"]

    assert shown["headline"].count("«Zeppelins»") == 1
    assert "‹«zeppelins»›" in shown["headline"], "what somebody wrote is no mark of ours"
    assert not any(tag in shown["headline"] for tag in ("<mark", "&amp;", "&lt;"))


async def test_without_a_search_there_is_no_headline(service: Service) -> None:
    assert {each["headline"] for each in (await listed(service))["sessions"]} == {None}


async def test_erased_visitors_arent_found_and_their_sessions_are_listed(
    service: Service, stores: Stores, conninfo: str
) -> None:
    store = stores.reopen(0)
    session_id = await chat(store, "My submarine is yellow", answer="A submarine!")
    session = await store.load(session_id)
    assert session is not None
    project(conninfo)
    assert await found(service, q="submarine") == [session_id]

    await store.append(session_id, session.version, [VisitorErased()], START)
    await WrappedKeyring(MASTER_KEY, stores.keys).destroy(session.visitor_id)
    project(conninfo)

    assert await found(service, q="submarine") == []
    (shown,) = (await listed(service, visitor_id=session.visitor_id))["sessions"]
    assert shown["erased_at"] is not None
    with projecting(conninfo) as process:
        process.rebuild()
    assert await found(service, q="submarine") == []


@pytest.mark.parametrize("text", ["a & | ! ( ) :* <-> b", "100%", "\0x", "-lease", "the lease", "ﬁ" * 200])
async def test_whatever_words_are_looked_for_are_an_answer(service: Service, text: str) -> None:
    assert (await asked(service, q=text)).status_code == 200


@pytest.mark.parametrize(
    "text", ["the", "what is it", "-the", "!!!", "'", "\0", "%", "\\", '"', "-", "or", "🚗"]
)
async def test_where_there_is_no_word_to_look_for_it_is_told(service: Service, text: str) -> None:
    refused = await asked(service, q=text)

    assert refused.status_code == 400
    assert f"q={text!r} has no word that is looked for" in refused.json()["detail"]


# --- what is refused


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"status": "open"}, "status"),
        ({"visitor_id": "me"}, "visitor_id"),
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"after": "the last"}, "after"),
        ({"q": ""}, "q"),
        ({"q": "x" * 201}, "q"),
    ],
)
async def test_what_cant_be_asked_is_told_as_a_problem(
    service: Service, query: dict[str, Any], says: str
) -> None:
    refused = await asked(service, **query)

    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "invalid_request"
    assert says in refused.json()["detail"]


async def test_a_page_after_a_session_that_there_isnt_is_not_found(service: Service) -> None:
    refused = await asked(service, after=UUID(int=7))

    assert (refused.status_code, refused.json()["code"]) == (404, "session_not_found")
    assert f"after={UUID(int=7)} is no session's id: give `next`" in refused.json()["detail"]


# --- by index

FILL = """
    INSERT INTO {sessions}.sessions (session_id, visitor_id, status, started_at, expires_at, last_activity_at)
    SELECT md5(n::text)::uuid, md5((n % 5000)::text)::uuid,
        CASE WHEN n % 500 = 0 THEN 'active' ELSE 'completed' END,
        timestamptz '2025-01-01' + n * interval '7 minutes', now(), now()
    FROM generate_series(1, 20000) AS n;
    INSERT INTO {transcripts}.entries (session_id, version, who, at, text)
    SELECT md5((n % 20000 + 1)::text)::uuid, n, 'visitor', now(),
        'what about car number ' || n || CASE WHEN n % 10000 = 0 THEN ' and zeppelins' ELSE '' END
    FROM generate_series(1, 100000) AS n;
    ANALYZE {sessions}.sessions, {transcripts}.entries
"""


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        (Wanted(), None),
        (Wanted(), (datetime(2025, 2, 1, tzinfo=UTC), UUID(int=1))),
        (Wanted(status="active"), None),
        (Wanted(visitor_id=UUID("c4ca4238-a0b9-2382-0dcc-509a6f75849b")), None),
        (Wanted(text="zeppelins"), None),
        (Wanted(text="car"), None),
        (Wanted(text="zeppelins", status="completed"), None),
    ],
    ids=["newest", "next page", "status", "visitor", "seldom said", "always said", "seldom and status"],
)
@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
def test_among_100_000_entries_an_index_finds_what_is_asked(
    big: str, wanted: Wanted, place: Any, plan: str
) -> None:
    query, params = _query(wanted, 51, place)
    with psycopg.connect(big, autocommit=True) as connection:
        cursor = psycopg.RawCursor(connection)
        cursor.execute(f"SET plan_cache_mode = {plan}".encode())
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query}".encode(), params, prepare=True)
        ((explained,),) = cursor.fetchall()

    whole = read_whole(explained[0]["Plan"])
    # Which sessions it is that words were found in may be looked up in all of them, where that is cheaper.
    assert whole <= ({"sessions"} if wanted.text else set())


def read_whole(plan: dict[str, Any]) -> set[str]:
    """The tables that a plan reads from one end to the other."""
    here = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set()
    return here.union(*map(read_whole, plan.get("Plans", [])))


@pytest.fixture(scope="module")
def big(postgres: Any, template: str) -> str:
    conninfo = postgres.new_database(template)
    with projecting(conninfo) as process:
        live = {build.name: build.build for build in process.builds.all()}
    execute(conninfo, FILL.format(**live))
    return conninfo
