"""Durable appends of 48 sessions at once, one event each: ours, the stock library's, PostgreSQL's best.

`python -m benchmarks.append [--json] [--sessions 48] [--rounds 5] [--seconds 1]`

`ours` is the whole of it: encoding, sealing, hashing, the check for holes, the commit. `stock` is
`eventsourcing.application.Application.save` with a thread for each session. `raw` inserts rows that `ours`
has made, as one INSERT for each batch of 48, with no check and nothing to encode. The three take turns.
"""

import asyncio
import statistics
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import psycopg
import uvloop
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import StoredEvent
from psycopg.conninfo import conninfo_to_dict

from benchmarks.harness import arguments, fresh_database, progress, tell
from domain.events import ReplyChunksRecorded, ReplyStarted, SessionStarted, VisitorMessagePosted
from domain.session import ChatSession
from infrastructure.doorbells import LocalDoorbell
from infrastructure.event_store import SessionStore
from infrastructure.keyring import KeyTable, MemoryKeyTable, WrappedKeyring
from infrastructure.logs import PostgresLog
from infrastructure.postgres import Database

WORDS = ReplyChunksRecorded(
    (1200, 16, 17, 17, 16, 17), ("a ", "novated ", "lease ", "is ", "an ", "agreement ")
)
Contender = Callable[[float], Awaitable[float]]


async def main() -> None:
    options = arguments(__doc__, sessions=48, rounds=5, seconds=1.0)
    async with fresh_database() as conninfo:
        database = Database(conninfo)
        log = PostgresLog(conninfo, database)
        await database.open()
        await log.open()
        contenders: dict[str, Contender] = {
            "ours": await ours(log, MemoryKeyTable(), options.sessions),
            "raw": await raw(conninfo, log, options.sessions),
            "stock": stock(conninfo, options.sessions),
        }
        rates: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(options.rounds + 1):
            progress(f"round {number} of {options.rounds}" if number else "warming up")
            for name, run in contenders.items():
                rate = await run(options.seconds if number else 0.5)
                if number:
                    rates[name].append(rate)
        await log.close()
        await database.close()
    medians = {name: statistics.median(of) for name, of in rates.items()}
    tell(
        f"{options.sessions} sessions at once, one event each, every event durable before the next",
        ("who", "events/s, median", "least", "most"),
        [(name, medians[name], min(of), max(of)) for name, of in rates.items()],
        {
            "vs_stock": statistics.median(a / b for a, b in zip(rates["ours"], rates["stock"], strict=True)),
            "vs_raw": statistics.median(a / b for a, b in zip(rates["ours"], rates["raw"], strict=True)),
            **{f"{name}_per_second": rate for name, rate in medians.items()},
        },
        options.json,
    )


async def ours(log: PostgresLog, keys: KeyTable, sessions: int) -> Contender:
    """Our store, with keys that are wrapped by a master key of zeros."""
    store = SessionStore(log, WrappedKeyring(bytes(32), keys), LocalDoorbell())

    async def begin() -> ChatSession:
        now = datetime.now(UTC)
        message_id = uuid.uuid4()
        events = [
            SessionStarted(uuid.uuid4(), now + timedelta(days=1)),
            VisitorMessagePosted(message_id, "What is a novated lease?"),
            ReplyStarted(uuid.uuid4(), message_id, "bench"),
        ]
        return await store.append(uuid.uuid4(), 0, events, now)

    async def run(seconds: float) -> float:
        give_up = time.perf_counter() + seconds

        async def speak() -> int:
            count = 0
            while time.perf_counter() < give_up:
                session = await begin()
                count += 1
                # A reply of 300 words; then the next session, so that none grows beyond what a reply is.
                for _ in range(50):
                    now = datetime.now(UTC)
                    session = await store.append(session.session_id, session.version, [WORDS], now)
                count += 50
            return count

        return await _rate(asyncio.gather(*(speak() for _ in range(sessions))))

    await run(0.1)
    return run


async def raw(conninfo: str, log: PostgresLog, sessions: int) -> Contender:
    made: list[StoredEvent] = list(log.recorder.select_notifications(start=1, limit=sessions))
    size = 220 - len(made[0].state)  # as long as a batch of words is
    states = [row.state + b" " * max(0, size) for row in made]
    connection = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
    await connection.execute("CREATE TABLE raw_events (LIKE stored_events INCLUDING ALL)")
    topics = [ReplyChunksRecorded.topic] * sessions
    ids = [uuid.uuid4() for _ in range(sessions)]
    version = 0

    async def run(seconds: float) -> float:
        nonlocal version
        started = time.perf_counter()
        count = 0
        while time.perf_counter() < started + seconds:
            version += 1
            cursor = await connection.execute(
                "INSERT INTO raw_events (originator_id, originator_version, topic, state) "
                "SELECT * FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[]) "
                "RETURNING notification_id",
                (ids, [version] * sessions, topics, states),
                prepare=True,
                binary=True,
            )
            count += len(await cursor.fetchall())
        return count / (time.perf_counter() - started)

    return run


class Session(Aggregate):
    """The stock way to say the same."""

    @event("Started")
    def __init__(self) -> None:
        self.words: list[str] = []

    @event("ChunksRecorded")
    def record(self, parts: tuple[str, ...], delays: tuple[int, ...]) -> None:
        self.words = list(parts)


def stock(conninfo: str, sessions: int) -> Contender:
    given = conninfo_to_dict(conninfo)
    application = Application[uuid.UUID](
        {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(given["dbname"]),
            "POSTGRES_HOST": str(given["host"]),
            "POSTGRES_PORT": "5432",
            "POSTGRES_USER": str(given["user"]),
            "POSTGRES_PASSWORD": "unused",
            "POSTGRES_POOL_SIZE": "8",
            "POSTGRES_MAX_OVERFLOW": str(sessions),
            "POSTGRES_CONNECT_TIMEOUT": "30",
        }
    )
    aggregates = [Session() for _ in range(sessions)]
    for aggregate in aggregates:
        application.save(aggregate)

    def speak(aggregate: Session, give_up: float, counts: list[int]) -> None:
        count = 0
        while time.perf_counter() < give_up:
            aggregate.record(WORDS.parts, WORDS.delays)
            application.save(aggregate)
            count += 1
        counts.append(count)

    def run_threads(seconds: float) -> float:
        counts: list[int] = []
        started = time.perf_counter()
        threads = [
            threading.Thread(target=speak, args=(aggregate, started + seconds, counts))
            for aggregate in aggregates
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / (time.perf_counter() - started)

    async def run(seconds: float) -> float:
        return await asyncio.to_thread(run_threads, seconds)

    return run


async def _rate(work: "asyncio.Future[list[int]]") -> float:
    started = time.perf_counter()
    counts = await work
    return sum(counts) / (time.perf_counter() - started)


if __name__ == "__main__":
    uvloop.run(main())
