"""Erasing from end to end: nothing is left in the database, whatever is killed meanwhile, and by command."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest

from domain.events import (
    Event,
    FeedbackGiven,
    SessionEnded,
    SessionStarted,
    VisitorErased,
    VisitorMessagePosted,
)
from infrastructure.clock import SystemClock
from projections.views import ANALYTICS
from tests.support.chain import fault_in
from tests.support.dump import dump, holds
from tests.support.postgres import execute, tidied
from tests.support.puppet import Puppet
from tests.support.service import Service, ServiceProcess, Visitor, served
from tests.support.stores import MASTER_KEY, Stores
from tests.support.waiting import until

TOKEN = "a-token-for-operators"


class Done(NamedTuple):
    """How a command ended, and what it printed, to stdout and altogether."""

    exit_code: int
    stdout: str
    output: str


Run = Callable[..., Done]

MESSAGE, REPLY, SUGGESTION, DETAIL, COMMENT = (
    "zyxquorn",
    "Plonkwizard",
    "snorkelplum",
    "Grumblethorpe@example.com",
    "flibbertigib",
)
CLIENT_ID, PAGE, KEY = "quizzlewump-1", "/xanthrobble", "kvetchlark"
SAID = (MESSAGE, REPLY, SUGGESTION, DETAIL, COMMENT, CLIENT_ID, PAGE, KEY)
"""Unusual words, one for each place where a visitor's words may stand."""

WORDS = {"text", "value", "comment", "is_erased", "erased_at"}
NUMBERS = {
    **{view.name: ", ".join(name for name in view.columns if name not in WORDS) for view in ANALYTICS},
    "live.entries": "session_id, version, who, at, message_id, response_id, outcome, first_word_ms, "
    "total_ms, taken, rating",
}
"""What analysts count and time: all that isn't what somebody said."""


@pytest.fixture
def environment(new_conninfo: str, tmp_path: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": new_conninfo,
        "VERBATIM_DATA_DIR": str(tmp_path / "data"),
        "VERBATIM_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
        "VERBATIM_OPERATOR_TOKEN": TOKEN,
        "VERBATIM_WORDS_PER_SECOND": "0",
        "COLUMNS": "200",
    }


@pytest.fixture
def run(environment: Mapping[str, str]) -> Run:
    """The command, with settings of its own."""

    def run(*arguments: str, input: str = "", **settings: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "api.entry", *arguments],
            input=input,
            capture_output=True,
            text=True,
            env={**os.environ, **environment, **settings},
            timeout=60,
        )
        return Done(done.returncode, done.stdout, done.stdout + done.stderr)

    return run


@pytest.fixture
async def stores(new_conninfo: str) -> AsyncIterator[Stores]:
    stores = Stores(new_conninfo)
    yield stores
    await stores.close()


async def erase(service: Service, visitor_id: UUID) -> dict[str, Any]:
    async with service.http() as http:
        answer = await http.delete(
            f"/api/audit/visitors/{visitor_id}/", headers={"Authorization": f"Bearer {TOKEN}"}
        )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def converse(service: Service) -> Visitor:
    """A conversation that holds one of the words everywhere, and is over."""
    async with service.http() as http:
        started = await http.post("/api/chats/sessions/", json={"metadata": {"page": PAGE, KEY: "yes"}})
    visitor = Visitor(service, UUID(started.json()["session_id"]), UUID(started.json()["visitor_id"]))
    async with visitor.socket() as socket:
        text = f"{MESSAGE} {REPLY}*30 email={DETAIL} ?{SUGGESTION}"
        await socket.send(visitor.message(text, client_message_id=CLIENT_ID))
        reply = (await socket.receive_until("complete"))[-1]
        await socket.send(visitor.message(SUGGESTION))
        await socket.receive_until("complete")
        await socket.send(visitor.feedback(reply["response_id"], "up", COMMENT))
        await socket.send(visitor.message("bye"))
        await socket.receive_until("complete")
    return visitor


def numbers(conninfo: str) -> dict[str, Sequence[tuple[Any, ...]]]:
    return {
        view: execute(conninfo, f"SELECT {columns} FROM {view} ORDER BY {columns}")
        for view, columns in NUMBERS.items()
    }


def found(conninfo: str, word: str) -> int:
    """In how many entries the search finds a word."""
    query = "SELECT count(*) FROM live.entries WHERE search @@ websearch_to_tsquery('english', %s)"
    return execute(conninfo, query, word)[0][0]


def statistics(conninfo: str) -> bytes:
    """What the planner remembers of all values of our tables, once it has looked at them."""
    execute(conninfo, "ANALYZE")
    rows = execute(conninfo, "SELECT kept::text FROM pg_stats AS kept WHERE schemaname <> 'pg_catalog'")
    return "\n".join(row for (row,) in rows).encode()


def wrapped_key(conninfo: str, visitor_id: UUID) -> bytes:
    """A visitor's wrapped key, in hex."""
    query = "SELECT encode(wrapped, 'hex') FROM visitor_keys WHERE visitor_id = %s"
    return execute(conninfo, query, visitor_id)[0][0].encode()


async def is_projected(conninfo: str) -> bool:
    ((behind,),) = execute(
        conninfo,
        "SELECT count(*) FROM projections JOIN notification_tracking ON application_name = build "
        "WHERE notification_id < (SELECT max(notification_id) FROM stored_events)",
    )
    return behind == 0


# --- nothing is left


def test_the_search_in_a_dump_finds_a_word_in_every_form() -> None:
    for before in ("", "a", "ab"):
        text = f"{before}{MESSAGE}!".encode()
        encoded = base64.b64encode(text)
        for dumped in (text, text.hex().encode(), encoded, b"\\\\x" + encoded.hex().encode()):
            assert holds(b"COPY " + dumped + b"\n", MESSAGE)
            assert not holds(b"COPY " + dumped + b"\n", SUGGESTION)


async def test_no_dump_of_the_database_holds_what_was_said_and_all_that_is_counted_is_as_before(
    new_conninfo: str, environment: dict[str, str], stores: Stores, tmp_path: Path, run: Run
) -> None:
    async with served(new_conninfo, tmp_path, Puppet(), environment) as service:
        projecting = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "api.entry", "project"),
            env={**os.environ, **environment},
            stderr=asyncio.subprocess.DEVNULL,
        )
        visitor, other = await converse(service), await service.start_session()
        async with other.service.http() as http:
            await http.post(other.path + "/messages/", json={"message": "Marmalade"}, headers=other.headers)
        await until(lambda: is_projected(new_conninfo), "projections to know of it", 60)
        before = await dump(new_conninfo)
        assert all(holds(before, word) for word in (MESSAGE, REPLY, SUGGESTION, DETAIL, COMMENT))
        assert holds(before, '"sealed":"'), "binary columns are looked into"
        assert found(new_conninfo, MESSAGE) == 2
        counted = numbers(new_conninfo)
        assert all(counted[view] for view in NUMBERS if view != "analytics.warnings")
        remembered, key = statistics(new_conninfo), wrapped_key(new_conninfo, visitor.visitor_id)
        assert str(visitor.visitor_id).encode() in remembered, "values are remembered"

        receipt = await erase(service, visitor.visitor_id)

        assert receipt["projections"] == "purged"
        after = await dump(new_conninfo)
        assert [word for word in SAID if holds(after, word)] == []
        assert holds(after, "Marmalade"), "others are there"
        assert [word for word in SAID if holds(remembered, word)] == []
        assert key not in remembered
        assert [found(new_conninfo, word) for word in (MESSAGE, REPLY, SUGGESTION)] == [0, 0, 0]
        assert numbers(new_conninfo) == counted

        projecting.terminate()
        await projecting.wait()
    tables = [await asyncio.to_thread(all_rows, new_conninfo)]
    assert (await asyncio.to_thread(run, "projections", "rebuild")).exit_code == 0
    tables.append(await asyncio.to_thread(all_rows, new_conninfo))
    assert tables[0] == tables[1], "nothing comes back"
    assert [word for word in SAID if holds(await dump(new_conninfo), word)] == []

    for each in (visitor, other):
        rows = await stores.rows(each.session_id)
        assert fault_in(rows) == ""
    history = await (await stores.open()).read(visitor.session_id)
    assert history[-1].session.erased_at
    assert [word for word in SAID if word in repr(history)] == []


def all_rows(conninfo: str) -> dict[str, Sequence[tuple[Any, ...]]]:
    return {
        view: execute(conninfo, f'SELECT * FROM {view} AS row ORDER BY row::text COLLATE "C"')
        for view in NUMBERS
    }


# --- killed in the middle

SESSIONS = 400


async def record(stores: Stores, visitor_id: UUID, sessions: int, *more: Event) -> Sequence[UUID]:
    store, now = await stores.open(), SystemClock().now()
    started = SessionStarted(visitor_id, now + timedelta(days=1), {"page": PAGE})
    events = [started, VisitorMessagePosted(uuid4(), MESSAGE), *more]
    session_ids = [uuid4() for _ in range(sessions)]
    await asyncio.gather(*(store.append(session_id, 0, events, now) for session_id in session_ids))
    return session_ids


def erased(conninfo: str, topic: str = VisitorErased.topic) -> int:
    return execute(conninfo, "SELECT count(*) FROM stored_events WHERE topic = %s", topic)[0][0]


def key_is_destroyed(conninfo: str, visitor_id: UUID) -> bool:
    query = "SELECT destroyed_at IS NOT NULL FROM visitor_keys WHERE visitor_id = %s"
    return execute(conninfo, query, visitor_id) == [(True,)]


async def test_killed_at_any_point_it_is_finished_by_doing_it_again(
    new_conninfo: str, environment: dict[str, str], stores: Stores, run: Run
) -> None:
    visitor_id = uuid4()
    await record(stores, visitor_id, SESSIONS)
    points: list[tuple[str, Callable[[], bool]]] = [
        ("the first session is erased", lambda: erased(new_conninfo) >= 1),
        ("half of them are", lambda: erased(new_conninfo) >= SESSIONS // 2),
        ("the key is destroyed", lambda: key_is_destroyed(new_conninfo, visitor_id)),
    ]
    for what, is_so in points:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.entry", "erase", str(visitor_id), "--yes"],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
        )
        await until(is_so, what, 60)
        process.kill()
        process.wait()

    receipts = [
        json.loads((await asyncio.to_thread(run, "erase", str(visitor_id), "--yes", "--json")).stdout)
        for _ in range(2)
    ]

    assert receipts[0] == receipts[1]
    assert receipts[0]["projections"] == "purged"
    assert len(receipts[0]["sessions"]) == erased(new_conninfo) == SESSIONS
    assert execute(new_conninfo, "SELECT count(*) FROM analytics.sessions WHERE erased_at IS NULL") == [(0,)]
    assert not holds(await dump(new_conninfo), MESSAGE)
    for session in receipts[0]["sessions"][::100]:
        rows = await stores.rows(UUID(session["session_id"]))
        assert fault_in(rows) == ""
        assert [row.topic for row in rows[-2:]] == [SessionEnded.topic, VisitorErased.topic]


# --- by command


async def test_the_command_asks_first_and_says_how_much_would_go(
    stores: Stores, new_conninfo: str, run: Run
) -> None:
    visitor_id = uuid4()
    await record(stores, visitor_id, 3)

    for answer in ("n\n", ""):
        refused = await asyncio.to_thread(run, "erase", str(visitor_id), input=answer)
        assert refused.exit_code == 1
        assert "Erase 3 sessions of this visitor for good?" in refused.output
        assert "Nothing was erased: answer y, or give --yes." in refused.output
        assert answer or "\nNothing was erased" in refused.output, "the question's line is ended"
        assert erased(new_conninfo) == 0

    done = await asyncio.to_thread(run, "erase", str(visitor_id), input="y\n")
    assert done.exit_code == 0, done.output
    assert f"Visitor {visitor_id} is erased, since " in done.stdout
    assert "Nothing they said is left in analytics, conversation_data, sessions, transcripts" in done.stdout
    assert erased(new_conninfo) == 3
    assert key_is_destroyed(new_conninfo, visitor_id)
    await until(lambda: {"visitor_keys", "entries", "details"} <= tidied(new_conninfo), "tables to be tidied")


async def test_a_service_elsewhere_learns_of_it_at_once(
    environment: dict[str, str], tmp_path: Path, run: Run
) -> None:
    process = ServiceProcess(environment, tmp_path / "log")
    service = await process.start()
    visitor = await service.start_session()
    async with visitor.socket() as socket:
        done = await asyncio.to_thread(run, "erase", str(visitor.visitor_id), "--yes")

        assert done.exit_code == 0, done.output
        await socket.receive_until("session_end")
        await socket.receive()
        await socket.connection.wait_closed()
        assert socket.connection.close_code == 4410
    assert (await visitor.get("/transcript/")).status_code == 410
    assert await process.stop() == 0
    assert str(visitor.visitor_id) not in process.output


def test_a_visitor_who_isnt_in_the_log_is_told_by_the_exit_code(run: Run) -> None:
    nobody = run("erase", str(uuid4()), "--yes")

    assert nobody.exit_code == 1
    assert "No session in the log was started for this visitor." in nobody.output
    assert run("erase", "me", "--yes").exit_code == 2


async def test_feedback_after_the_end_is_erased_as_well(stores: Stores, new_conninfo: str, run: Run) -> None:
    visitor_id = uuid4()
    await record(stores, visitor_id, 1, SessionEnded("completed"), FeedbackGiven(uuid4(), "up", COMMENT))

    assert (await asyncio.to_thread(run, "erase", str(visitor_id), "--yes")).exit_code == 0

    assert not holds(await dump(new_conninfo), COMMENT)
    assert erased(new_conninfo, SessionEnded.topic) == 1, "it had ended before"


# --- retention

RETENTION = {"VERBATIM_RETENTION_DAYS": "30"}


async def record_old(stores: Stores, visitor_id: UUID) -> UUID:
    store, session_id = await stores.open(), uuid4()
    at = SystemClock().now() - timedelta(days=31)
    events = [
        SessionStarted(visitor_id, at + timedelta(days=1)),
        VisitorMessagePosted(uuid4(), MESSAGE),
        SessionEnded("completed"),
    ]
    await store.append(session_id, 0, events, at)
    return session_id


async def test_retention_is_applied_by_hand_after_it_was_tried(
    stores: Stores, new_conninfo: str, run: Run, tmp_path: Path
) -> None:
    old, young = uuid4(), uuid4()
    session_id = await record_old(stores, old)
    await record(stores, young, 1)
    settings = RETENTION | {"VERBATIM_RETENTION_EXPORT_DIR": str(tmp_path / "archive")}

    tried = await asyncio.to_thread(run, "retain", "--dry-run", **settings)
    assert (tried.exit_code, tried.stdout) == (0, "1 visitor with 1 session would be erased.\n")
    assert erased(new_conninfo) == 0

    done = await asyncio.to_thread(run, "retain", **settings)
    assert (done.exit_code, done.stdout) == (0, "1 visitor with 1 session erased.\n")
    assert MESSAGE in (tmp_path / "archive" / f"{session_id}.json").read_text()
    assert key_is_destroyed(new_conninfo, old)
    assert not key_is_destroyed(new_conninfo, young)
    assert is_tidied(new_conninfo, "visitor_keys")
    again = await asyncio.to_thread(run, "retain", **settings)
    assert (again.exit_code, again.stdout) == (0, "0 visitors with 0 sessions erased.\n")


def is_tidied(conninfo: str, table: str) -> bool:
    query = "SELECT last_vacuum IS NOT NULL FROM pg_stat_user_tables WHERE relname = %s"
    return execute(conninfo, query, table) == [(True,)]


def test_without_a_setting_there_is_no_retention_to_apply(run: Run) -> None:
    refused = run("retain")

    assert refused.exit_code == 2
    assert "VERBATIM_RETENTION_DAYS='' is not accepted: give a number of days, such as 365" in refused.output


async def test_a_service_applies_it_by_itself(
    stores: Stores, new_conninfo: str, environment: dict[str, str], tmp_path: Path
) -> None:
    old, young = uuid4(), uuid4()
    await record_old(stores, old)
    await record(stores, young, 1)
    process = ServiceProcess(environment | RETENTION, tmp_path / "log")
    await process.start()

    await until(lambda: key_is_destroyed(new_conninfo, old), "the retention to be applied", 60)
    await until(lambda: is_tidied(new_conninfo, "visitor_keys"), "the table of keys to be tidied", 60)

    assert not key_is_destroyed(new_conninfo, young)
    assert await process.stop() == 0
    assert str(old) not in process.output
