"""The tables of projections, held against the log: what was done to them is named, and nothing else is."""

from collections.abc import Iterator, Sequence
from random import Random
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from api.app import build_agreement
from domain.events import VisitorErased
from domain.proof import Finding
from infrastructure.event_store import SessionStore
from infrastructure.keyring import PostgresKeyTable, WrappedKeyring
from infrastructure.postgres import Database
from projections.agreement import Agreement
from projections.catalogue import PROJECTIONS
from projections.sessions import SESSIONS
from tests.support.histories import made_up, tell
from tests.support.postgres import execute
from tests.support.projecting import Projecting, projecting
from tests.support.stores import MASTER_KEY, Stores
from tests.support.stories import story


@pytest.fixture
async def store(stores: Stores) -> SessionStore:
    return await stores.open()


@pytest.fixture
def process(stores: Stores, store: SessionStore) -> Iterator[Projecting]:
    with projecting(stores.conninfo) as process:
        yield process


@pytest.fixture
def check(stores: Stores) -> Agreement:
    keyring = WrappedKeyring(MASTER_KEY, PostgresKeyTable(Database(stores.conninfo)))
    return build_agreement(keyring, stores.conninfo)


def told(findings: Sequence[Finding]) -> list[str]:
    return [finding.message for finding in findings]


def live(conninfo: str, projection: str) -> str:
    """The schema of what is live."""
    query = "SELECT build FROM projections WHERE name = %s AND state = 'live'"
    return execute(conninfo, query, projection)[0][0]


# --- where there is nothing to find


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_tables_that_nobody_touched_agree_with_the_log(
    store: SessionStore, process: Projecting, check: Agreement, seed: int
) -> None:
    ids = await made_up(store, 20, seed)
    process.catch_up()

    assert told(await check(None)) == []
    assert told(await check(ids)) == []
    assert told(await check([uuid4()])) == [], "of which nothing is known anywhere"


async def test_a_projection_that_is_behind_is_no_fault(
    stores: Stores, store: SessionStore, check: Agreement
) -> None:
    await made_up(store, 20)
    with projecting(stores.conninfo, most=7) as slow:
        assert told(await check(None)) == [], "it has taken in nothing yet"
        for _ in range(9):
            assert slow.runner.step()
            assert told(await check(None)) == []


async def test_projections_that_stand_at_different_places_are_no_fault(
    stores: Stores, store: SessionStore, check: Agreement
) -> None:
    await made_up(store, 5)
    with projecting(stores.conninfo) as process:
        process.catch_up()
    await made_up(store, 5, seed=2)
    with projecting(stores.conninfo, (SESSIONS,), show=lambda _: ()) as alone:
        alone.catch_up()
        assert len({build.position for build in alone.builds.all()}) == 2
    assert told(await check(None)) == []


async def test_what_is_being_made_anew_is_not_looked_at(
    stores: Stores, store: SessionStore, process: Projecting, check: Agreement
) -> None:
    ids = await made_up(store, 5)
    process.catch_up()
    building = process.builds.begin("transcripts")
    assert told(await check(None)) == [], "nothing is in it yet"

    execute(
        stores.conninfo,
        "INSERT INTO projection_faults (build, session_id, version, position, topic, error, retry) "
        "VALUES (%s, %s, 0, 0, '', 'its visitor was erased', true)",
        live(stores.conninfo, "sessions"),
        ids[0],
    )
    execute(
        stores.conninfo,
        f"DELETE FROM {live(stores.conninfo, 'sessions')}.sessions WHERE session_id = %s",
        ids[0],
    )
    (finding,) = await check(ids)
    assert finding.message == (
        f"session {ids[0]}: its rows in the projection sessions are to be made anew: they aren't compared"
    )
    assert not finding.is_fault

    process.catch_up()
    assert live(stores.conninfo, "transcripts") == building.build
    assert told(await check(None)) == []


async def test_what_an_older_version_has_made_is_told_to_be_not_compared(
    stores: Stores, store: SessionStore, process: Projecting, check: Agreement
) -> None:
    await made_up(store, 5)
    process.catch_up()
    older = [replace(projection, version=projection.version + 1) for projection in PROJECTIONS]
    execute(stores.conninfo, f"TRUNCATE {live(stores.conninfo, 'sessions')}.sessions")
    newer = Agreement(check._open, older)

    findings = await newer(None)
    assert told(findings)[0] == (
        "projection sessions: its tables are of version 2, and this Verbatim makes version 3: "
        "they aren't compared"
    )
    assert len(findings) == len(PROJECTIONS)
    assert not any(finding.is_fault for finding in findings)
    assert all(finding.is_fault for finding in await check(None))


async def test_a_visitor_who_is_being_erased_is_no_fault_at_any_moment(
    stores: Stores, store: SessionStore, process: Projecting, check: Agreement
) -> None:
    """Recorded, then the key destroyed, then taken in: what a projection holds can't be read in between."""
    whole = story(Random(5), 40)
    version = (await tell(store, whole)).version
    await made_up(store, 5)
    process.catch_up()
    moments = [await check(None)]

    await store.append(whole.session_id, version, [VisitorErased()], whole.steps[-1][1])
    moments.append(await check(None))
    await WrappedKeyring(MASTER_KEY, stores.keys).destroy(whole.visitor_id)
    moments.append(await check([whole.session_id]))
    moments.append(await check(None))
    process.catch_up()
    moments.append(await check(None))

    assert [told(findings) for findings in moments] == [[]] * 5


async def test_a_key_that_is_destroyed_before_anything_says_so_is_no_fault_of_the_tables(
    stores: Stores, store: SessionStore, process: Projecting, check: Agreement
) -> None:
    whole = story(Random(5), 40)
    await tell(store, whole)
    process.catch_up()

    await WrappedKeyring(MASTER_KEY, stores.keys).destroy(whole.visitor_id)

    assert told(await check(None)) == []


# --- what is found

TAMPERED = {
    "text": ("transcripts", "UPDATE {}.entries SET text = 'I never said that' WHERE {} AND who = 'visitor'"),
    "words": ("transcripts", "UPDATE {}.entries SET text = text || ' not' WHERE {} AND who = 'assistant'"),
    "entry": ("transcripts", "DELETE FROM {}.entries WHERE {} AND who = 'visitor'"),
    "added": (
        "transcripts",
        "INSERT INTO {}.entries (session_id, version, who, at) "
        "SELECT session_id, 999, 'visitor', at FROM {}.entries WHERE {} LIMIT 1",
    ),
    "count": ("sessions", "UPDATE {}.sessions SET messages = messages + 1 WHERE {}"),
    "session": ("sessions", "DELETE FROM {}.sessions WHERE {}"),
    "status": ("sessions", "UPDATE {}.sessions SET status = 'deleted', ended_at = started_at WHERE {}"),
    "detail": ("conversation_data", "UPDATE {}.details SET value = 'another' WHERE {}"),
    "rating": ("analytics", "UPDATE {}.replies SET rating = 'up', rated_at = started_at WHERE {}"),
    "taken": ("analytics", "UPDATE {}.suggestions SET taken_at = at WHERE {} AND taken_at IS NULL"),
    "messages": ("analytics", "DELETE FROM {}.messages WHERE {}"),
}
SAYS = {
    "text": "the table entries of the projection transcripts: text: not what the log makes",
    "words": "the table entries of the projection transcripts: text: not what the log makes",
    "entry": "the table entries of the projection transcripts: the row that the log makes is missing",
    "added": "version 999: the table entries of the projection transcripts: a row was added that the log",
    "count": "the table sessions of the projection sessions: messages: not what the log makes",
    "session": "the table sessions of the projection sessions: the row that the log makes is missing",
    "status": "the table sessions of the projection sessions: status, ended_at: not what the log makes",
    "detail": "the table details of the projection conversation_data, key ",
    "rating": "the table replies of the projection analytics, response_id ",
    "taken": "the table suggestions of the projection analytics, response_id ",
    "messages": "the table messages of the projection analytics, message_id ",
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_whatever_is_done_to_a_table_is_named(
    stores: Stores, store: SessionStore, process: Projecting, check: Agreement, what: str
) -> None:
    ids = await made_up(store, 20)
    process.catch_up()
    projection, statement = TAMPERED[what]
    build = live(stores.conninfo, projection)
    before = process.tables()
    session_id = touched(stores.conninfo, process, what, ids)
    condition = f"session_id = '{session_id}'"
    gaps = [build] * (statement.count("{}") - 1)
    execute(stores.conninfo, statement.format(*gaps, condition))
    assert process.tables() != before, "something was done"

    findings = await check(None)

    assert findings
    assert told(await check([session_id])) == told(findings)
    assert told(await check([one for one in ids if one != session_id])) == []
    for finding in findings:
        assert finding.session_id == session_id
        assert finding.message.startswith(f"session {session_id}")
        assert SAYS[what] in finding.message
        assert "I never said that" not in finding.message, "what was said stands in no finding"
    if what in ("text", "words", "entry"):
        versions = {finding.version for finding in findings}
        assert None not in versions
        assert all(f", version {finding.version}: " in finding.message for finding in findings)


def touched(conninfo: str, process: Projecting, what: str, ids: Sequence[UUID]) -> UUID:
    """A session in which the change changes something."""
    projection, statement = TAMPERED[what]
    table = statement.split("{}.")[1].split()[0]
    more = {
        "text": "who = 'visitor'",
        "entry": "who = 'visitor'",
        "words": "who = 'assistant' AND text <> ''",
        "status": "status = 'active'",
        "rating": "rating IS NULL",
        "taken": "taken_at IS NULL",
    }.get(what, "true")
    build = live(conninfo, projection)
    rows = execute(
        conninfo, f"SELECT session_id FROM {build}.{table} WHERE {more} ORDER BY session_id LIMIT 1"
    )
    return rows[0][0]


async def test_rows_of_a_session_that_the_log_does_not_know_are_named(
    stores: Stores, store: SessionStore, process: Projecting, check: Agreement
) -> None:
    await made_up(store, 5)
    process.catch_up()
    stranger = uuid4()
    execute(
        stores.conninfo,
        f"INSERT INTO {live(stores.conninfo, 'sessions')}.sessions "
        "(session_id, visitor_id, started_at, expires_at, last_activity_at) "
        "VALUES (%s, %s, now(), now(), now())",
        stranger,
        uuid4(),
    )

    (everywhere,), (alone,) = await check(None), await check([stranger])

    assert everywhere == alone
    assert alone.message.startswith(f"session {stranger}: the table sessions of the projection sessions: ")
    assert alone.message.endswith("a row was added that the log doesn't make")


async def test_a_session_that_was_set_aside_is_told_of_as_such(
    stores: Stores, store: SessionStore, process: Projecting, check: Agreement
) -> None:
    ids = await made_up(store, 5)
    build = live(stores.conninfo, "transcripts")
    execute(stores.conninfo, f"ALTER TABLE {build}.entries ADD CHECK (session_id <> '{ids[2]}')")
    process.catch_up()

    (finding,) = await check(None)

    assert finding.session_id == ids[2]
    where = f"session {ids[2]}, version {finding.version}: "
    assert finding.message.startswith(f"{where}the projection transcripts has set it aside")
    assert "CheckViolation" in finding.message
    assert told(await check([ids[1]])) == []


async def test_a_table_that_is_gone_is_named_and_the_others_are_compared(
    stores: Stores, store: SessionStore, process: Projecting, check: Agreement
) -> None:
    ids = await made_up(store, 5)
    process.catch_up()
    execute(stores.conninfo, f"DROP TABLE {live(stores.conninfo, 'conversation_data')}.details CASCADE")
    execute(
        stores.conninfo,
        f"UPDATE {live(stores.conninfo, 'sessions')}.sessions SET replies = -1 WHERE session_id = %s",
        ids[0],
    )

    assert told(await check(None)) == [
        "projection conversation_data: its table details is gone",
        f"session {ids[0]}: the table sessions of the projection sessions: replies: not what the log makes",
    ]


async def test_a_log_that_can_not_be_read_somewhere_keeps_nobody_else_from_being_compared(
    stores: Stores, store: SessionStore, process: Projecting, check: Agreement
) -> None:
    broken, changed, keyless, *_ = await made_up(store, 8)
    process.catch_up()
    execute(
        stores.conninfo,
        "UPDATE stored_events SET state = '{}' WHERE originator_id = %s AND originator_version = 2",
        broken,
    )
    execute(
        stores.conninfo,
        "UPDATE visitor_keys SET wrapped = 'nonsense' FROM live.sessions "
        "WHERE visitor_keys.visitor_id = sessions.visitor_id AND session_id = %s",
        keyless,
    )
    execute(
        stores.conninfo,
        f"UPDATE {live(stores.conninfo, 'sessions')}.sessions SET replies = -1 WHERE session_id = %s",
        changed,
    )

    assert {finding.session_id for finding in await check(None)} == {changed}
