"""The line between a page and the service, which can be lost, cut and mended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Line:
    """A port that leads to another one, its `target`, for as long as it isn't cut."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._calls: set[asyncio.Task[None]] = set()
        self._is_cut = False
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Hang up on everybody, and on whoever calls from now on."""
        self._is_cut = True
        self.drop()

    def drop(self) -> None:
        """Hang up on everybody."""
        for call in self._calls:
            call.cancel()

    def mend(self) -> None:
        self._is_cut = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.create_task(self._relay(reader, writer))
        self._calls.add(call)
        await asyncio.wait([call])
        self._calls.discard(call)
        writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            return
        there = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(_pump(reader, there[1]))
                pumps.create_task(_pump(there[0], writer))
        except* ConnectionError:
            pass  # either side may leave as it likes
        finally:
            there[1].transport.abort()


async def _pump(source: asyncio.StreamReader, drain: asyncio.StreamWriter) -> None:
    while data := await source.read(1 << 16):
        drain.write(data)
        await drain.drain()
    raise ConnectionResetError("one side has left, so the other is let go")


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    """A line for as long as the block lasts."""
    line = Line(port)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        line.cut()
