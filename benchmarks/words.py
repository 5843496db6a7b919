"""What a delivered and recorded word costs, in CPU and on disk; what an idle, joined socket, in memory.

`python -m benchmarks.words [--json] [--rate 60] [--seconds 8] [--sockets 5000] [--most 400]`

Replies of `rate` words a second run at once, each on a session and a socket of its own, for `seconds`. CPU is
that of the service's own process (with the pacing of the assistant in it); PostgreSQL's is told beside it.
"""

import asyncio

import psycopg
import uvloop

from benchmarks.clients import Client, join_all, start_sessions
from benchmarks.harness import (
    Results,
    ServiceProcess,
    arguments,
    fresh_database,
    postgres_cpu_seconds,
    progress,
    raise_file_limit,
    service,
    tell,
)

MESSAGE = "What is a novated lease, and how does it work for somebody with a normal job?"
LEVELS = (20, 100, 200, 400)


async def main() -> None:
    options = arguments(__doc__, rate=60.0, seconds=8.0, sockets=5000, most=400)
    raise_file_limit()
    results: Results = {}
    rows: list[tuple[object, ...]] = []
    async with fresh_database() as conninfo:
        # Replies begin within a second and are measured for some: they last longer than both, even late.
        lasting = 2 + options.seconds * 1.25
        environment = {
            "BENCH_RATE": str(options.rate),
            "BENCH_WORDS": str(int(options.rate * lasting)),
        }
        async with service("benchmarks.paced_service", conninfo, environment) as running:
            for level in [level for level in LEVELS if level <= options.most]:
                progress(f"{level} replies at once, {options.rate:.0f} words a second each")
                row = await _words(running, conninfo, level, options.seconds)
                rows.append((level, *row))
                results["cpu_us_per_word"] = row[1]
                results["disk_bytes_per_word"] = row[3]
                results[f"cpu_us_per_word_{level}"] = row[1]
        async with service("benchmarks.paced_service", conninfo, environment) as running:
            progress(f"{options.sockets} joined, idle sockets")
            results["kb_per_socket"] = await _socket(running, options.sockets)
    tell(
        f"{options.rate:.0f} words a second each; an idle joined socket: {results['kb_per_socket']:.1f} KB",
        ("replies", "words/s", "CPU us/word", "PostgreSQL CPU us/word", "disk bytes/word"),
        rows,
        results,
        options.json,
    )


async def _words(
    running: ServiceProcess, conninfo: str, level: int, seconds: float
) -> tuple[float, float, float, float]:
    clients = await join_all(running.port, await start_sessions(running.port, level))
    size_before = _log_bytes(conninfo)
    for client in clients:
        client.say(MESSAGE)
        await asyncio.sleep(1 / level)  # so that their batches don't all fall due together
    await asyncio.gather(*(client.first_word.wait() for client in clients))
    words, cpu, postgres_cpu = _count(clients), running.cpu_seconds, postgres_cpu_seconds()
    started = asyncio.get_running_loop().time()
    await asyncio.sleep(seconds)
    elapsed = asyncio.get_running_loop().time() - started
    words, cpu, postgres_cpu = (
        _count(clients) - words,
        running.cpu_seconds - cpu,
        postgres_cpu_seconds() - postgres_cpu,
    )
    async with asyncio.timeout(120):
        await asyncio.gather(*(client.done.wait() for client in clients))
    disk = (_log_bytes(conninfo) - size_before) / _count(clients)
    for client in clients:
        client.close()
    return words / elapsed, cpu / words * 1e6, postgres_cpu / words * 1e6, disk


async def _socket(running: ServiceProcess, count: int) -> float:
    sessions = await start_sessions(running.port, count)
    # The first sockets pay for what all share.
    warm = await join_all(running.port, sessions[:100])
    before = running.memory_bytes
    clients = await join_all(running.port, sessions[100:])
    grown = running.memory_bytes - before
    for client in (*warm, *clients):
        client.close()
    return grown / len(clients) / 1024


def _count(clients: list[Client]) -> int:
    return sum(client.words for client in clients)


def _log_bytes(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT pg_total_relation_size('stored_events')").fetchone()
    assert row is not None
    return row[0]


if __name__ == "__main__":
    uvloop.run(main())
