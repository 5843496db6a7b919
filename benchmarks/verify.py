"""How fast a log is verified, and signed: hashes, seals, chains, checkpoints, and the tables made from it.

`python -m benchmarks.verify [--json] [--sessions 2000] [--rounds 5] [--log even]`

The log is of conversations of five questions, each with its answer in six batches of words: 51 events, sealed
and chained as they are when they are spoken, and all of them are in the tables of the projections. In an
`uneven` log most have one question, and one in twenty has a hundred; a `demo` log is that of `demo-data`.
`events_per_s` is what `verbatim verify --all` shows, `log_per_s` is without the tables. PostgreSQL, which
hands the rows over, works on another core meanwhile; `events_per_cpu_s` is by the CPU time of our side alone.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import cycle, islice, zip_longest
from uuid import UUID

import psycopg
import uvloop
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent

from api.app import ALEX, build_agreement
from api.collector import calm_collector
from benchmarks.harness import arguments, fresh_database, progress, tell
from benchmarks.project import running
from domain.events import (
    Event,
    ReplyChunksRecorded,
    ReplyCompleted,
    ReplyStarted,
    SessionStarted,
    SuggestionsOffered,
    VisitorMessagePosted,
)
from domain.proof import Verdict
from infrastructure import codec
from infrastructure.auditor import PostgresAuditor
from infrastructure.clock import SystemClock
from infrastructure.demo.story import Plan, record, stories
from infrastructure.demo.visit import Cast
from infrastructure.doorbells import LocalDoorbell
from infrastructure.event_store import SessionStore
from infrastructure.keyring import PostgresKeyTable, WrappedKeyring
from infrastructure.logs import PostgresLog
from infrastructure.notary import Notary
from infrastructure.personas import load_persona
from infrastructure.postgres import Database
from infrastructure.signing import SigningKey

MASTER_KEY = bytes(32)
KEY = SigningKey.derived(MASTER_KEY)
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WORDS = ("a ", "novated ", "lease ", "is ", "an ", "agreement ")
LENGTHS = {"even": [5], "uneven": [100, *[1] * 19]}
"""The questions of sessions that begin one after another."""
BATCHES = 6
AT_ONCE = 50
"""Sessions that are spoken in at the same time, so that their events take turns."""


async def main() -> None:
    options = arguments(__doc__, sessions=2000, rounds=5, log="even")
    async with fresh_database() as conninfo:
        database = Database(conninfo)
        log = PostgresLog(conninfo, database)
        await database.open()
        await log.open()
        keyring = WrappedKeyring(MASTER_KEY, PostgresKeyTable(database))
        progress(f"{options.sessions} sessions are recorded")
        if options.log == "demo":
            await _record_demo(SessionStore(log, keyring, LocalDoorbell()), options.sessions)
        await log.close()
        with psycopg.connect(conninfo, autocommit=True) as connection:
            if options.log != "demo":
                turns = [*islice(cycle(LENGTHS[options.log]), options.sessions)]
                for first in range(0, len(turns), AT_ONCE):
                    some = [await _session(keyring, each) for each in turns[first : first + AT_ONCE]]
                    _keep(connection, some)
            connection.execute("VACUUM ANALYZE stored_events")
        progress("and signed")
        started = time.perf_counter()
        notary = Notary(database, KEY, SystemClock())
        while await notary.keep_up():
            pass
        signing = time.perf_counter() - started
        progress("and taken into tables")
        with running(conninfo) as (_, runner):
            while await asyncio.to_thread(runner.step):
                pass
        progress("and verified")
        calm_collector()  # as the command does
        alone = PostgresAuditor(conninfo, database, keyring, KEY)
        whole = PostgresAuditor(conninfo, database, keyring, KEY, [build_agreement(keyring, conninfo)])
        verdict, _ = await _verified(whole)
        log_rates: list[float] = []
        rates: list[float] = []
        cpu_rates: list[float] = []
        for _ in range(options.rounds):
            log_rates.append((await _verified(alone))[1])
            before = time.process_time()
            rates.append((await _verified(whole))[1])
            cpu_rates.append(verdict.events / (time.process_time() - before))
        await database.close()
    tell(
        f"{verdict.events:,} events of {verdict.sessions:,} sessions, {verdict.checkpoints} checkpoints",
        ("what", "events/s, median", "least", "most"),
        [
            ("verified", statistics.median(rates), min(rates), max(rates)),
            ("... per second of our CPU", statistics.median(cpu_rates), min(cpu_rates), max(cpu_rates)),
            ("the log alone", statistics.median(log_rates), min(log_rates), max(log_rates)),
            ("signed", verdict.events / signing, "", ""),
        ],
        {
            "events_per_s": statistics.median(rates),
            "events_per_cpu_s": statistics.median(cpu_rates),
            "log_per_s": statistics.median(log_rates),
            "signed_per_s": verdict.events / signing,
        },
        options.json,
    )


async def _verified(auditor: PostgresAuditor) -> tuple[Verdict, float]:
    """What came of it, and how many events a second."""
    started = time.perf_counter()
    verdict = await auditor.verify_log()
    seconds = time.perf_counter() - started
    assert verdict.ok, verdict.findings[0].message
    return verdict, verdict.events / seconds


async def _record_demo(store: SessionStore, sessions: int) -> None:
    plan = Plan(sessions, days=30, until=START.date(), seed=1)
    await record(store, stories(plan, Cast.of(*load_persona(ALEX))), lambda: None)


async def _session(keyring: WrappedKeyring, turns: int) -> Sequence[StoredEvent]:
    chance = random.SystemRandom()
    visitor_id, session_id = UUID(int=chance.getrandbits(128)), UUID(int=chance.getrandbits(128))
    cipher = AESGCM(await keyring.create(visitor_id))
    rows: list[StoredEvent] = []
    head = b""
    for version, event in enumerate(_conversation(visitor_id, turns), 1):
        at = START + timedelta(milliseconds=100 * version)
        rows.append(codec.encode(session_id, version, event, at, head, version - 1, cipher))
        head = codec.digest(rows[-1])
    return rows


def _conversation(visitor_id: UUID, turns: int) -> Iterator[Event]:
    yield SessionStarted(visitor_id, START + timedelta(days=1), {"page": "/pricing"})
    for turn in range(turns):
        message, response = UUID(int=turn), UUID(int=turn + 100)
        yield VisitorMessagePosted(message, "What is a novated lease, and who owns the car?")
        yield ReplyStarted(response, message, "guide", "a1b2c3d4")
        for _ in range(BATCHES):
            yield ReplyChunksRecorded((120, 16, 17, 17, 16, 17), WORDS)
        yield SuggestionsOffered(("What are the benefits?", "How do I get started?"), 2)
        yield ReplyCompleted(response, sha256("".join(WORDS * BATCHES).encode()).hexdigest())


def _keep(connection: psycopg.Connection, sessions: Sequence[Sequence[StoredEvent]]) -> None:
    copy = "COPY stored_events (originator_id, originator_version, topic, state) FROM STDIN (FORMAT BINARY)"
    with connection.cursor() as cursor, cursor.copy(copy) as writer:
        writer.set_types(["uuid", "int8", "text", "bytea"])
        for step in zip_longest(*sessions):
            for row in filter(None, step):
                writer.write_row((row.originator_id, row.originator_version, row.topic, row.state))


if __name__ == "__main__":
    uvloop.run(main())
