"""The service with an assistant that speaks at a fixed pace, in the same process: what `words` measures.

The model's own cost is left out on purpose: a real one thinks elsewhere. Its pace is kept word by word, as
a model's is, so that the service is woken for each word.
"""

import asyncio
import os
from collections.abc import AsyncGenerator

from api.app import build
from api.server import bound, make_server
from domain.assistant import Prompt, Said, Text
from infrastructure.settings import read_settings

WORDS = ("a", "novated", "lease", "is", "an", "agreement", "between", "you", "and", "your", "employer")


class Paced:
    """Says `words` words, `rate` of them a second."""

    name = "paced"

    def __init__(self, words: int, rate: float) -> None:
        self._words = words
        self._rate = rate

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Said, None]:
        loop = asyncio.get_running_loop()
        started = loop.time()
        for number in range(self._words):
            delay = started + number / self._rate - loop.time()
            if delay > 0:
                await asyncio.sleep(delay)
            yield Text(WORDS[number % len(WORDS)] + " ")


def main() -> None:
    settings = read_settings(os.environ)
    assistant = Paced(int(os.environ["BENCH_WORDS"]), float(os.environ["BENCH_RATE"]))
    app = build(settings, settings.database_url or "", assistant)
    sockets = bound("127.0.0.1", settings.port)
    make_server(app, lambda: print(sockets[0].getsockname()[1], flush=True)).run(sockets)


if __name__ == "__main__":
    main()
