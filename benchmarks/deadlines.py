"""What pending deadlines cost, and how soon those are handled that fall due together.

`python -m benchmarks.deadlines [--json] [--pending 100000] [--due 1000] [--seconds 10]`

The service's own CPU while nothing happens, without any session and with `pending` sessions that wait for
their idle warnings. Then `due` sessions are to be warned in the very same millisecond: how late the median
and the last warning was recorded.
"""

import asyncio
import time
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import uvloop

from benchmarks.harness import Results, ServiceProcess, arguments, fresh_database, progress, service, tell
from domain.events import SessionStarted
from infrastructure.clock import SystemClock
from infrastructure.doorbells import LocalDoorbell
from infrastructure.event_store import SessionStore
from infrastructure.keyring import PostgresKeyTable, WrappedKeyring
from infrastructure.logs import PostgresLog
from infrastructure.postgres import Database

MASTER_KEY = bytes(32)
WARNING_SECONDS = 3600
SETTINGS = {
    "VERBATIM_IDLE_WARNING_SECONDS": str(WARNING_SECONDS),
    "VERBATIM_MASTER_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "BENCH_RATE": "60",
    "BENCH_WORDS": "1",
}
LEAD_SECONDS = 5
"""How long after its sessions are recorded a warning is due."""

LATENESS = """
    SELECT (convert_from(state, 'UTF8')::json ->> 'at')::bigint - %s FROM stored_events
    WHERE topic = 'idle_warning_issued.v1' ORDER BY 1
"""


class OneKey:
    """A keyring for one visitor, whose key is fetched once."""

    def __init__(self, keyring: WrappedKeyring) -> None:
        self._keyring = keyring
        self._key = b""

    async def create(self, visitor_id: UUID) -> bytes:
        self._key = self._key or await self._keyring.create(visitor_id)
        return self._key

    async def find(self, visitor_id: UUID) -> bytes | None:
        return self._key or None

    async def destroy(self, visitor_id: UUID) -> datetime:
        return await self._keyring.destroy(visitor_id)


async def main() -> None:
    options = arguments(__doc__, pending=100_000, due=1000, seconds=10.0)
    results: Results = {}
    async with fresh_database() as conninfo:
        async with service("benchmarks.paced_service", conninfo, SETTINGS) as running:
            progress("no session")
            results["cpu_percent_none"] = await _idle_percent(running, options.seconds)
        progress(f"{options.pending} sessions")
        await _start_sessions(conninfo, options.pending, due_in=WARNING_SECONDS)
        async with service("benchmarks.paced_service", conninfo, SETTINGS) as running:
            await _until_taken_in(conninfo, options.pending)
            results["cpu_percent_pending"] = await _idle_percent(running, options.seconds)
            progress(f"{options.due} of them due at once")
            due_at = await _start_sessions(conninfo, options.due, due_in=LEAD_SECONDS)
            late = await _lateness(conninfo, due_at, options.due)
    results["handled_ms_p50"], results["handled_ms_last"] = late[len(late) // 2], late[-1]
    tell(
        f"{options.pending:,} pending deadlines; {options.due:,} due in the same millisecond",
        ("CPU % without", "CPU % with them", "ms late, median", "ms late, last"),
        [tuple(results.values())],
        results,
        options.json,
    )


async def _start_sessions(conninfo: str, count: int, *, due_in: int) -> int:
    """Sessions that are quiet from their start on: when they are to be warned, in ms since 1970."""
    database = Database(conninfo)
    await database.open()
    log = PostgresLog(conninfo, database)
    await log.open()
    keyring = OneKey(WrappedKeyring(MASTER_KEY, PostgresKeyTable(database)))
    store = SessionStore(log, keyring, LocalDoorbell())
    now = SystemClock().now()
    at = now + timedelta(seconds=due_in - WARNING_SECONDS)
    started = [SessionStarted(uuid4(), now + timedelta(days=1))]
    for _ in range(0, count, 1000):
        await asyncio.gather(*(store.append(uuid4(), 0, started, at) for _ in range(min(count, 1000))))
    await log.close()
    await database.close()
    return round((now + timedelta(seconds=due_in)).timestamp() * 1000)


async def _idle_percent(running: ServiceProcess, seconds: float) -> float:
    began, cpu = time.perf_counter(), running.cpu_seconds
    await asyncio.sleep(seconds)
    return (running.cpu_seconds - cpu) / (time.perf_counter() - began) * 100


async def _until_taken_in(conninfo: str, count: int) -> None:
    while _fetch(conninfo, "SELECT count(*) FROM deadlines")[0] < count:
        await asyncio.sleep(0.2)


async def _lateness(conninfo: str, due_at: int, count: int) -> list[float]:
    late: list[float] = []
    while len(late) < count:
        await asyncio.sleep(0.5)
        late = [float(ms) for ms in _fetch(conninfo, LATENESS % due_at)]
    return late


def _fetch(conninfo: str, query: str) -> list[int]:
    with psycopg.connect(conninfo) as connection:
        return [value for (value,) in connection.execute(query.encode()).fetchall()]


if __name__ == "__main__":
    uvloop.run(main())
