"""Peers who don't read, and the service's ends of their connections."""

import asyncio
import gc
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from api.http_protocol import HttpProtocol
from tests.support.service import Service
from tests.support.waiting import until


class Peer:
    """One who has room for little, of which nobody but the test reads. `held` is the service's end."""

    def __init__(self, wire: socket.socket, held: HttpProtocol) -> None:
        self._wire = wire
        self.held = held

    async def ask(self, request: str) -> None:
        await asyncio.get_running_loop().sock_sendall(self._wire, request.encode())

    async def read(self, most: int = 65_536) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._wire, most)

    async def read_to_the_end(self) -> bytes:
        """All that comes until the connection is closed or reset."""
        received = bytearray()
        with suppress(ConnectionResetError):
            async with asyncio.timeout(20):
                while more := await self.read():
                    received += more
        return bytes(received)


@asynccontextmanager
async def unread(service: Service) -> AsyncIterator[Peer]:
    """A peer who is connected, and whose connection holds little on its way."""
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.setblocking(False)
        await asyncio.get_running_loop().sock_connect(wire, ("127.0.0.1", service.port))
        await until(lambda: bool(ends_of(wire)), "the peer's connection to be accepted")
        (held,) = ends_of(wire)
        hold(held.transport, 4096)
        yield Peer(wire, held)


def ends_of(wire: socket.socket) -> list[HttpProtocol]:
    """The service's end of a peer's connection, once there is one."""
    peer = wire.getsockname()
    return [each for each in gc.get_objects() if type(each) is HttpProtocol and each.client == peer]


def hold(transport: asyncio.Transport, size: int) -> None:
    """Give the system's own buffer a size: where it is small, a peer who doesn't read is soon noticed."""
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
