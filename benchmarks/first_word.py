"""What recording adds to the first word of a reply: through the service, against the model asked directly.

`python -m benchmarks.first_word [--json] [--pairs 400] [--crowd 50] [--words 60]`

A scripted model thinks for a fixed time and speaks at a fixed pace. It is asked in pairs, both in the same
moment and so under the same load: through the service, from sending the message to the first word on the
WebSocket; and directly, from asking for the same answer to the first word on the stream. What a pair differs
by was added. At 1 conversation, and at 50 that ask again as soon as they are answered, each in its turn, so
that 50 replies are always in progress (and as many direct ones beside them). The table also tells how much
of a core the service used.

A word is whole once its space has come. Here it comes with the word (`"word "`), so that nothing waits for
the next delta. Most models put it before the word (`" word"`): the first word is then whole with the second
delta, on either side. That is measured too, for information.
"""

import asyncio
import gc
import math
import re
import time
from collections.abc import Callable, Iterable

import msgspec
import uvloop
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.clients import Client, join_all, start_sessions
from benchmarks.harness import (
    Results,
    ServiceProcess,
    arguments,
    fresh_database,
    progress,
    service,
    started,
    tell,
)
from benchmarks.scripted_model import BODY_END, Script

ALONE = Script(first_ms=100, every_ms=20, words=5)
"""One conversation spends its time waiting: its replies are short, so that there can be many of them."""
CROWD = Script(first_ms=150, every_ms=20, words=60)
"""Among many, what counts is that they are all in progress: replies as long as usual, of `--words` words."""

MESSAGES = 10
"""Messages of a conversation. Then the next one begins, with a socket of its own."""

MOST_LAG_SECONDS = 0.04
"""How long after its message the direct request of a pair is sent, at most: together they'd be in each
other's way. Shorter than the first word takes, so that both wait for it at the same time."""

PATIENCE_SECONDS = 30

CONTENT = re.compile(rb'"content":"([^"]*)"')

INSTRUCTIONS = "You are a friendly guide to novated leases. Keep answers short and explain any jargon. " * 12


class Pair(Struct, frozen=True):
    """Milliseconds to the first word."""

    direct: float
    through: float


class Direct(asyncio.Protocol):
    """A client of the model, on one kept connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._begun = b""
        self._asked_at = 0.0
        self._first_word_ms = 0.0
        self._done: asyncio.Future[float] | None = None

    async def ask(self, text: str) -> float:
        """Ask, and return when the answer has ended: the milliseconds to its first word."""
        loop = asyncio.get_running_loop()
        if self._transport is None:
            self._transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", self._port)
        body = msgspec.json.encode(
            {
                "model": "scripted",
                "messages": [
                    {"role": "system", "content": INSTRUCTIONS},
                    {"role": "user", "content": text},
                ],
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        )
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
        self._begun, self._first_word_ms, self._done = b"", 0.0, loop.create_future()
        self._asked_at = time.perf_counter()
        self._transport.write(head.encode() + body)
        return await self._done

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if not self._first_word_ms:
            self._begun += data
            if re.search(rb"\S\s", b"".join(CONTENT.findall(self._begun))):
                self._first_word_ms = (time.perf_counter() - self._asked_at) * 1000
        # The model writes the end at once, and it's small: no read cuts it.
        if data.endswith(BODY_END) and self._done is not None:
            self._done.set_result(self._first_word_ms)


class Level:
    """So many conversations at once, until there are enough pairs of each. `suffix` is that of its keys."""

    def __init__(self, suffix: str, conversations: int, pairs: int, script: Script) -> None:
        self.suffix = suffix
        self._conversations = conversations
        self._wanted = math.ceil(pairs / conversations)
        self._script = script
        self._unfinished = conversations
        self._pairs: list[Pair] = []
        self._busy = 0.0

    def __str__(self) -> str:
        pairs = self._wanted * self._conversations
        place = "before" if self._script.leading else "after"
        return f"{self._conversations} at once, the space {place} the word: {pairs} pairs"

    @property
    def results(self) -> Results:
        """Its keys."""
        sides: dict[str, Callable[[Pair], float]] = {
            "direct": lambda pair: pair.direct,
            "through": lambda pair: pair.through,
            "added": lambda pair: pair.through - pair.direct,
        }
        return {
            f"{side}_ms_p{percent}{self.suffix}": percentile(map(of, self._pairs), percent)
            for side, of in sides.items()
            for percent in (50, 99)
        }

    @property
    def row(self) -> tuple[object, ...]:
        """Its line in the table."""
        name = str(self._conversations) + (", ' word'" if self._script.leading else "")
        return (name, len(self._pairs), *self.results.values(), self._busy * 100)

    async def run(self, running: ServiceProcess, model_port: int) -> None:
        """Ask. Raises TimeoutError where a reply doesn't end."""
        began, cpu = time.perf_counter(), running.cpu_seconds
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._conversations):
                turn = number / self._conversations
                tasks.create_task(self._converse(turn, running.port, Direct(model_port)))
        self._busy = (running.cpu_seconds - cpu) / (time.perf_counter() - began)

    async def _converse(self, turn: float, port: int, direct: Direct) -> None:
        """One conversation after another, begun at a turn of its own: no two ask in the same moment."""
        await asyncio.sleep(turn * self._script.seconds)
        pairs: list[Pair] = []
        # Until all have enough: the last ones aren't to be any more alone than the others.
        while self._unfinished:
            client = (await join_all(port, await start_sessions(port, 1)))[0]
            for _ in range(MESSAGES):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    pairs.append(await self._ask(client, direct))
                # The first isn't counted: not all were there yet.
                self._unfinished -= len(pairs) == self._wanted + 1
                if not self._unfinished:
                    break
            client.close()
        direct.close()
        self._pairs += pairs[1 : self._wanted + 1]

    async def _ask(self, client: Client, direct: Direct) -> Pair:
        async def ask_directly() -> float:
            await asyncio.sleep(min(self._script.seconds / self._conversations / 2, MOST_LAG_SECONDS))
            return await direct.ask(self._script.message)

        async def ask_through() -> float:
            client.say(self._script.message)
            await client.done.wait()
            return client.first_word_ms

        return Pair(*await asyncio.gather(ask_directly(), ask_through()))


async def main() -> None:
    options = arguments(__doc__, pairs=400, crowd=50, words=CROWD.words)
    script = replace(CROWD, words=options.words)
    async with (
        fresh_database() as conninfo,
        started("benchmarks.scripted_model", {}) as model,
        service("benchmarks.plain_service", conninfo, _settings(model.port)) as running,
    ):
        # The first of all pay for what is made once.
        warm_up = Level("", options.crowd, options.crowd, script)
        levels = [
            Level("_1", 1, options.pairs, ALONE),
            Level(f"_{options.crowd}", options.crowd, options.pairs, script),
            Level("_leading", 1, max(options.pairs // 4, 1), replace(ALONE, leading=True)),
        ]
        gc.freeze()
        for level in (warm_up, *levels):
            progress(str(level))
            await level.run(running, model.port)
    results: Results = {}
    for level in levels:
        results |= level.results
    alone, crowd, _ = levels
    for key in ("added_ms_p50", "added_ms_p99"):
        results[key] = max(results[key + alone.suffix], results[key + crowd.suffix])
    tell(
        "ms to the first word, asked directly and through the service: medians, p99",
        ("at once", "pairs", "direct", "p99", "through", "p99", "added", "p99", "CPU %"),
        [level.row for level in levels],
        results,
        options.json,
    )


def _settings(model_port: int) -> dict[str, str]:
    return {
        "VERBATIM_ASSISTANT": "openai",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{model_port}/v1",
        "OPENAI_API_KEY": "none",
        "no_proxy": "127.0.0.1",
    }


def percentile(values: Iterable[float], percent: int) -> float:
    """The least value that so many percent of them don't exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


if __name__ == "__main__":
    uvloop.run(main())
