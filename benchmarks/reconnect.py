"""How long one who comes back takes to catch up: from connecting again to having all that was missed.

`python -m benchmarks.reconnect [--json] [--clients 200] [--rounds 5] [--rate 20] [--away 1.0]`

Each client is in the middle of a reply of `rate` words a second when all of them lose their sockets in the
same moment. `away` seconds later they come back with their cursors: all in the same moment, and, in rounds of
their own, at random within a second, as clients do that spread their attempts. One has caught up when it has
as many words as a witness, who stayed, had when it began to connect.
"""

import asyncio
import random
import re
import time

import uvloop

from benchmarks.clients import Client, join_all, start_sessions
from benchmarks.first_word import percentile
from benchmarks.harness import Results, arguments, fresh_database, progress, raise_file_limit, service, tell

MESSAGE = "What is a novated lease, and how does it work for somebody with a normal job?"
CURSOR = re.compile(rb'"cursor":"([0-9.]+)"')
PATIENCE_SECONDS = 30


class Returning(Client):
    """A client that knows its cursor, and when it has as many words as it is waiting for."""

    def __init__(self, port: int, session_id: str, visitor_id: str) -> None:
        super().__init__(port, session_id, visitor_id)
        self.cursor = ""
        self.wanted = 0
        self.caught_up = asyncio.Event()

    def again(self) -> "Returning":
        """The same visitor, with a socket still to be made."""
        return Returning(self._port, **self._ids)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # If the edge of a read cuts the latest cursor, its word comes again.
        if cursors := CURSOR.findall(data):
            self.cursor = cursors[-1].decode()
        if self.wanted and self.words >= self.wanted:
            self.caught_up.set()


async def main() -> None:
    options = arguments(__doc__, clients=200, rounds=5, rate=20.0, away=1.0)
    raise_file_limit()
    seconds = options.rounds * 2 * (options.away + 4) + 30
    environment = {"BENCH_RATE": str(options.rate), "BENCH_WORDS": str(int(options.rate * seconds))}
    times: dict[str, list[float]] = {"at once": [], "within a second": []}
    async with (
        fresh_database() as conninfo,
        service("benchmarks.paced_service", conninfo, environment) as running,
    ):
        sessions = await start_sessions(running.port, options.clients)
        witnesses = await join_all(running.port, sessions)
        clients = [Returning(running.port, *session) for session in sessions]
        await asyncio.gather(*(client.join() for client in clients))
        for witness in witnesses:
            witness.say(MESSAGE)
        await asyncio.gather(*(client.first_word.wait() for client in clients))
        for number in range(options.rounds):
            progress(f"round {number + 1} of {options.rounds}")
            for how, taken in times.items():
                for client in clients:
                    client.close()
                await asyncio.sleep(options.away)
                spread = 0.0 if how == "at once" else 1.0
                async with asyncio.timeout(PATIENCE_SECONDS):
                    came_back = await asyncio.gather(
                        *map(_come_back, clients, witnesses, [spread] * len(clients))
                    )
                clients = [client for client, _ in came_back]
                taken += [ms for _, ms in came_back]
    results: Results = {
        "caught_up_ms_p50": percentile(times["at once"], 50),
        "caught_up_ms_p99": percentile(times["at once"], 99),
        "caught_up_ms_p50_spread": percentile(times["within a second"], 50),
        "caught_up_ms_p99_spread": percentile(times["within a second"], 99),
    }
    tell(
        f"ms to catch up, {options.clients} clients",
        ("come back", "times", "p50", "p99"),
        [(how, len(taken), percentile(taken, 50), percentile(taken, 99)) for how, taken in times.items()],
        results,
        options.json,
    )


async def _come_back(before: Returning, witness: Client, spread: float) -> tuple[Returning, float]:
    await asyncio.sleep(random.random() * spread)
    client = before.again()
    client.words, client.wanted = before.words, witness.words
    began = time.perf_counter()
    await client.join(after=before.cursor)
    await client.caught_up.wait()
    return client, (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    uvloop.run(main())
