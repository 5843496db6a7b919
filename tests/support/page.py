"""A page with the built chat client, in Node: see `page.mjs`."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.support.needs import program
from tests.support.service import Frame
from tests.support.waiting import until

SCRIPT = Path(__file__).with_name("page.mjs")


class Page:
    """What a page is told to do, and all that it has been shown."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.events: list[tuple[str, Any]] = []

    def order(self, order: str, **given: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode({"order": order, **given}) + b"\n")

    async def ask(self, order: str, answer: str, **given: object) -> Any:
        """Give an order, and wait for what it leads to."""
        before = len(self.told(answer))
        self.order(order, **given)
        await until(lambda: len(self.told(answer)) > before, f"{answer}, after {self.events[-5:]}")
        return self.told(answer)[before]

    def told(self, event: str) -> list[Any]:
        return [data for kind, data in self.events if kind == event]

    def frames(self, *kinds: str) -> list[Frame]:
        """The frames of these types, in the order in which the page was given them."""
        return [frame for frame in self.told("frame") if frame["type"] in kinds]

    @property
    def text(self) -> str:
        """All words that it was shown, joined."""
        return "".join(frame["chunk"] for frame in self.frames("chunk"))

    @property
    def state(self) -> str:
        return self.told("state")[-1]

    async def read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = msgspec.json.decode(line)
            self.events.append((told["event"], told.get("data")))


@asynccontextmanager
async def page(url: str, history: str = "unseen") -> AsyncIterator[Page]:
    """A page that has been loaded, and connects."""
    process = await asyncio.create_subprocess_exec(
        *(program("node", "nodejs"), "--no-warnings", "--experimental-websocket", str(SCRIPT), url, history),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=1 << 20,
    )
    page = Page(process)
    reading = asyncio.create_task(page.read())
    try:
        yield page
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading
