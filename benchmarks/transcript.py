"""What reading one transcript costs, by how much else the log holds: it should be the same.

`python -m benchmarks.transcript [--json] [--events 1000000] [--rounds 30] [--sessions 10]`

Three logs hold a hundredth, a tenth and all of `events`, of other conversations. In each there are `sessions`
of forty messages, twenty of the visitor and their replies, which were spoken while the others were, so that
their events lie apart. They are read in turns from one log after another, as the service does for
`/api/audit/sessions/{id}/export/`: from the database, checked against the chain, opened, and folded into the
transcript in JSON. `growth` is the median in the largest log over that in the smallest.
"""

import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import psycopg
import uvloop
from psycopg.conninfo import make_conninfo

from api.app import open_store
from benchmarks.first_word import percentile
from benchmarks.harness import MASTER_KEY, arguments, fresh_database, progress, tell
from benchmarks.histories import record, turn
from domain.events import SessionStarted
from domain.ports import EventStore
from infrastructure.settings import read_settings
from projections.exports import EXPORTS
from projections.transcript import Transcript

SHARES = (0.01, 0.1, 1.0)
TURNS = 20
SETTINGS = read_settings({"VERBATIM_MASTER_KEY": MASTER_KEY})


async def main() -> None:
    options = arguments(__doc__, events=1_000_000, rounds=30, sessions=10)
    sizes = [round(options.events * share) for share in SHARES]
    times: dict[int, list[float]] = {size: [] for size in sizes}
    async with fresh_database() as server, AsyncExitStack() as stack:
        logs: dict[int, tuple[EventStore, Sequence[UUID]]] = {}
        for size in sizes:
            conninfo = _new_database(server, f"log_{size}")
            session_ids = await _fill(conninfo, size, options.sessions)
            logs[size] = await stack.enter_async_context(open_store(SETTINGS, conninfo)), session_ids
        progress("reading, in turns")
        for number in range(options.rounds + 1):
            for place in range(options.sessions):
                for size in random.sample(sizes, len(sizes)):
                    store, session_ids = logs[size]
                    taken = await _read(store, session_ids[place])
                    if number:  # the first round has the database read its files
                        times[size].append(taken)
    medians = [percentile(of, 50) for of in times.values()]
    tell(
        f"ms to read a transcript of {2 * TURNS} messages",
        ("events in the log", "times", "p50", "p99"),
        [
            (f"{size:,}", len(of), f"{percentile(of, 50):.2f}", f"{percentile(of, 99):.2f}")
            for size, of in times.items()
        ],
        {
            "growth": medians[-1] / medians[0],
            "read_ms_p50_least": medians[0],
            "read_ms_p50_most": medians[-1],
        },
        options.json,
    )


def _new_database(server: str, name: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return make_conninfo(server, dbname=name)


async def _fill(conninfo: str, events: int, sessions: int) -> Sequence[UUID]:
    """Record so many events of others, and meanwhile, turn by turn, the sessions that are to be read."""
    progress(f"a log of {events:,} events")
    versions = {uuid4(): 0 for _ in range(sessions)}
    async with open_store(SETTINGS, conninfo) as store:
        for number in range(TURNS):
            await record(conninfo, events // TURNS)
            for session_id, version in versions.items():
                now = datetime.now(UTC)
                begun = [] if number else [SessionStarted(uuid4(), now + timedelta(days=1))]
                said = [*begun, *turn("What is a novated lease?")]
                versions[session_id] = (await store.append(session_id, version, said, now)).version
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return [*versions]


async def _read(store: EventStore, session_id: UUID) -> float:
    """Read one, and how many ms that took."""
    started = time.perf_counter()
    written = EXPORTS["json"].write(await store.read(session_id))
    taken = (time.perf_counter() - started) * 1000
    entries = msgspec.json.decode(written, type=Transcript).entries
    assert len(entries) == 2 * TURNS, f"{len(entries)} messages"
    return taken


if __name__ == "__main__":
    uvloop.run(main())
