"""Projections: how fast they catch up, how far behind they are, and whether recording suffers from it.

`python -m benchmarks.project [--json] [--events 200000] [--rounds 3] [--seconds 4] [--rate 1000]`

`ours` takes the whole log into all tables, on one core; `library` does so with eventsourcing's
`ProjectionRunner`: the same tables, rows and decoding, but event by event. They take turns. Then
`verbatim project` runs beside, while `rate` events a second are recorded: lag is from the end of an
append until all tables have it. At last 48 sessions record as fast as they can, in turns with nothing else
going on, and with all tables being made anew.
"""

import asyncio
import base64
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

import uvloop
from eventsourcing.application import Application
from eventsourcing.persistence import Mapper, Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg import AsyncConnection, Connection, RawCursor
from psycopg.conninfo import conninfo_to_dict

from api.collector import calm_collector
from benchmarks.append import ours as appending
from benchmarks.first_word import percentile
from benchmarks.harness import Results, arguments, fresh_database, progress, tell
from benchmarks.histories import MASTER_KEY, record, turn
from domain.events import SessionStarted
from domain.log import Told
from infrastructure.doorbells import PostgresDoorbell
from infrastructure.event_store import SessionStore
from infrastructure.keyring import MasterKey, PostgresKeyTable, WrappedKeyring
from infrastructure.log_reader import PostgresLogSource
from infrastructure.logs import PostgresLog
from infrastructure.postgres import Database
from infrastructure.recorder import Recorder, datastore
from projections.builds import Builds, schema
from projections.catalogue import PROJECTIONS
from projections.runner import Runner, write
from projections.tracking import ProjectionRecorder
from projections.views import views

POLL_SECONDS = 0.002
SESSIONS = 48


async def main() -> None:
    options = arguments(__doc__, events=200_000, rounds=3, seconds=4.0, rate=1000)
    results: Results = {}
    async with fresh_database() as conninfo:
        await record(conninfo, options.events)
        rates = await asyncio.to_thread(catch_up, conninfo, options.rounds, options.seconds)
        lags = await lag(conninfo, options.rate, options.seconds)
        slowdown = await append_slowdown(conninfo, options.rounds, options.seconds)
    medians = {who: statistics.median(of) for who, of in rates.items()}
    results |= {
        "events_per_s": medians["ours"],
        "vs_library": statistics.median(
            ours / library for ours, library in zip(rates["ours"], rates["library"], strict=True)
        ),
        "lag_ms_p50": percentile(lags, 50),
        "lag_ms_p99": percentile(lags, 99),
        "append_slowdown": slowdown,
    }
    tell(
        f"{options.events:,} events into all tables",
        ("who", "events/s, median", "least", "most"),
        [(who, medians[who], min(of), max(of)) for who, of in rates.items()],
        results,
        options.json,
    )


# --- catching up


def catch_up(conninfo: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Events a second, by who takes them in."""
    rates: dict[str, list[float]] = {"ours": [], "library": []}
    with running(conninfo) as (builds, runner), library(conninfo) as theirs:
        calm_collector()
        for number in range(rounds):
            progress(f"catching up: round {number + 1} of {rounds}")
            if number:
                for name in builds.projections:
                    builds.begin(name)
            started, events = time.perf_counter(), _head(conninfo)
            while runner.step():
                pass
            rates["ours"].append(events / (time.perf_counter() - started))
            rates["library"].append(theirs.run(seconds))
    return rates


@contextmanager
def running(conninfo: str) -> Iterator[tuple[Builds, Runner]]:
    connections = datastore(conninfo, pool_size=3)
    recorder = ProjectionRecorder(connections)
    builds = Builds(recorder, PROJECTIONS, views)
    builds.open()
    yield (
        builds,
        Runner(recorder, PostgresLogSource(connections.pool.connection, MasterKey(MASTER_KEY)), builds),
    )
    connections.close()


class Decoding(Mapper[uuid.UUID]):
    """The library's place to make an event of what is stored: by our own reader."""

    def __init__(self, source: PostgresLogSource) -> None:
        self._reader = source.reader(0)

    def to_domain_event(self, stored_event: Any) -> Any:
        stored = stored_event
        row = (
            stored.id,
            stored.originator_id.bytes,
            stored.originator_version,
            stored.topic,
            stored.state,
        )
        return self._reader.told([row])[0]


class Rows(PostgresTrackingRecorder):
    """The library's view: our tables in a schema of their own."""


class Projecting(Projection[Rows]):
    """The library's projection: all of ours, in one transaction with the position."""

    name = "library"
    topics = ()

    def process_event(  # type: ignore[reportIncompatibleVariableOverride]
        self, domain_event: Told, tracking: Tracking
    ) -> None:
        with self.view.datastore.transaction(commit=True) as cursor:
            assert domain_event.recorded
            for projection in PROJECTIONS:
                if projection.changes([domain_event.recorded]):
                    with schema(cursor.connection, "library"):
                        write(RawCursor(cursor.connection), projection, [domain_event.recorded])
            self.view._insert_tracking(cursor, tracking)


class Library:
    """eventsourcing's own runner, for a while at a time."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        given = conninfo_to_dict(conninfo)
        self._environment = {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(given["dbname"]),
            "POSTGRES_HOST": str(given["host"]),
            "POSTGRES_PORT": "5432",
            "POSTGRES_USER": str(given["user"]),
            "POSTGRES_PASSWORD": "unused",
        }

    def run(self, seconds: float) -> float:
        """Events a second."""
        connections = datastore(self._conninfo, pool_size=4)
        source = PostgresLogSource(connections.pool.connection, MasterKey(MASTER_KEY))

        class Log(Application[uuid.UUID]):
            name = "log"

            def construct_mapper(self) -> Any:
                return Decoding(source)

            def construct_recorder(self) -> Any:
                return Recorder(connections)

        runner = ProjectionRunner(
            application_class=Log, projection_class=Projecting, view_class=Rows, env=self._environment
        )
        with runner:
            before, started = runner.view.max_tracking_id("log") or 0, time.perf_counter()
            time.sleep(seconds)
            after, ended = runner.view.max_tracking_id("log") or 0, time.perf_counter()
        connections.close()
        return (after - before) / (ended - started)


@contextmanager
def library(conninfo: str) -> Iterator[Library]:
    with Connection.connect(conninfo, autocommit=True) as connection, connection.transaction():
        connection.execute("CREATE SCHEMA library")
        with schema(connection, "library"):
            for projection in PROJECTIONS:
                for statements in projection.tables.values():
                    connection.execute(statements.encode())
    yield Library(conninfo)
    with Connection.connect(conninfo, autocommit=True) as connection:
        connection.execute("DROP SCHEMA library CASCADE")


def _head(conninfo: str) -> int:
    with Connection.connect(conninfo) as connection:
        row = connection.execute("SELECT max(notification_id) FROM stored_events").fetchone()
    assert row
    return row[0]


# --- beside the service


@asynccontextmanager
async def projecting_beside(conninfo: str) -> AsyncIterator[None]:
    """Meanwhile, `verbatim project` runs as `verbatim serve` would have it: nicer than others."""
    environment = {
        **os.environ,
        "DATABASE_URL": conninfo,
        "VERBATIM_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "api.entry", "project", "--child"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    try:
        await asyncio.to_thread(process.stdout.readline)
        yield
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


async def lag(conninfo: str, rate: int, seconds: float) -> list[float]:
    """ms from the end of each append until all tables have it."""
    progress(f"lag at {rate:,} events a second")
    database = Database(conninfo)
    log = PostgresLog(conninfo, database)
    await database.open()
    await log.open()
    doorbell = PostgresDoorbell(conninfo, "benchmark")
    ringing = asyncio.create_task(doorbell.run())
    store = SessionStore(log, WrappedKeyring(MASTER_KEY, PostgresKeyTable(database)), doorbell)
    lags: list[float] = []
    async with projecting_beside(conninfo), await AsyncConnection.connect(conninfo, autocommit=True) as other:
        await _until_there(other, await log.latest())
        recorded: deque[tuple[int, float]] = deque()
        watching = asyncio.create_task(_watch(other, recorded, lags))
        position, began = await log.latest(), time.perf_counter()
        session = await store.append(
            uuid.uuid4(), 0, [SessionStarted(uuid.uuid4(), datetime.now(UTC))], datetime.now(UTC)
        )
        position += 1
        pending = turn("What is a novated lease?")
        while (elapsed := time.perf_counter() - began) < seconds:
            due = int(elapsed * rate) - (session.version - 1)
            for _ in range(due):
                pending = pending or turn("What is a novated lease?")
                session = await store.append(
                    session.session_id, session.version, [pending.pop(0)], datetime.now(UTC)
                )
                position += 1
                recorded.append((position, time.perf_counter()))
            await asyncio.sleep(0.001)
        await _until_there(other, position)
        watching.cancel()
    ringing.cancel()
    await log.close()
    await database.close()
    return lags


LEAST = "SELECT min(notification_id) FROM notification_tracking JOIN projections ON build = application_name"


async def _watch(connection: AsyncConnection, recorded: deque[tuple[int, float]], lags: list[float]) -> None:
    while True:
        position = await _position(connection)
        now = time.perf_counter()
        while recorded and recorded[0][0] <= position:
            lags.append((now - recorded.popleft()[1]) * 1000)
        await asyncio.sleep(POLL_SECONDS)


async def _position(connection: AsyncConnection) -> int:
    row = await (await connection.execute(LEAST)).fetchone()
    assert row
    return row[0]


async def _until_there(connection: AsyncConnection, position: int) -> None:
    while await _position(connection) < position:
        await asyncio.sleep(0.05)


async def append_slowdown(conninfo: str, rounds: int, seconds: float) -> float:
    """How much longer appends take while all tables are made anew."""
    database = Database(conninfo)
    log = PostgresLog(conninfo, database)
    await database.open()
    await log.open()
    run = await appending(log, PostgresKeyTable(database), SESSIONS)
    ratios: list[float] = []
    with running(conninfo) as (builds, _):
        for number in range(rounds):
            progress(f"recording while tables are made anew: round {number + 1} of {rounds}")
            alone = await run(seconds)
            async with projecting_beside(conninfo):
                for name in builds.projections:
                    await asyncio.to_thread(builds.begin, name)
                beside = await run(seconds)
                if not any(build.state == "building" for build in builds.all()):
                    progress("the tables were ready before that was over: give more --events")
            ratios.append(alone / beside)
    await log.close()
    await database.close()
    return statistics.median(ratios)


if __name__ == "__main__":
    uvloop.run(main())
