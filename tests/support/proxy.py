"""Something between a client and PostgreSQL that loses what a network can lose."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

READY = b"Z\x00\x00\x00\x05I"
"""What the server says at the end of an answer, when no transaction is open any more."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """A unix socket before a server. What it loses next is set on it; `losses` counts what it has lost."""

    def __init__(self, conninfo: str, folder: Path) -> None:
        given = conninfo_to_dict(conninfo)
        self._host, self._port = str(given.get("host") or ""), int(given.get("port") or 5432)
        self._connections: set[asyncio.Task[None]] = set()
        self.path = str(folder / f".s.PGSQL.{self._port}")
        self.conninfo = make_conninfo(conninfo, host=str(folder), sslmode="disable")
        self.loses_next_request = False
        self.loses_next_answer = False
        self.is_open = True
        self.losses = 0

    def shut(self) -> None:
        """Let nobody through, and cut every connection that is open now."""
        self.is_open = False
        for connection in self._connections:
            connection.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side leaves or something is lost."""
        connection = asyncio.create_task(self._relay((reader, writer)))
        self._connections.add(connection)
        try:
            await asyncio.wait([connection])
        except asyncio.CancelledError:
            connection.cancel()  # the loop is coming to its end
        self._connections.discard(connection)
        writer.close()

    async def _relay(self, client: Streams) -> None:
        if not self.is_open:
            return
        server = await self._reach_server()
        swallowing = asyncio.Event()
        pumps = [
            asyncio.create_task(self._ask(client[0], server[1], swallowing)),
            asyncio.create_task(self._answer(server[0], client[1], swallowing)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            server[1].close()

    async def _reach_server(self) -> Streams:
        if self._host.startswith("/"):
            return await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        return await asyncio.open_connection(self._host, self._port)

    async def _ask(
        self, client: asyncio.StreamReader, server: asyncio.StreamWriter, swallowing: asyncio.Event
    ) -> None:
        while request := await client.read(1 << 20):
            if self.loses_next_request:
                self.loses_next_request = False
                self.losses += 1
                return
            if self.loses_next_answer:
                self.loses_next_answer = False
                swallowing.set()
            server.write(request)
            await server.drain()

    async def _answer(
        self, server: asyncio.StreamReader, client: asyncio.StreamWriter, swallowing: asyncio.Event
    ) -> None:
        swallowed = b""
        while answer := await server.read(1 << 20):
            if swallowing.is_set():
                swallowed += answer
                if swallowed.endswith(READY):
                    self.losses += 1
                    return
            else:
                client.write(answer)
                await client.drain()


@asynccontextmanager
async def proxied(conninfo: str) -> AsyncIterator[Proxy]:
    """A proxy for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="verbatim-proxy-"))
    proxy = Proxy(conninfo, folder)
    server = await asyncio.start_unix_server(proxy.serve, proxy.path)
    try:
        yield proxy
    finally:
        server.close()
        proxy.shut()
        shutil.rmtree(folder, ignore_errors=True)
