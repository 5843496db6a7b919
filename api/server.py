"""How the application is served: uvicorn with uvloop, httptools and our frames protocol."""

import asyncio
import errno
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from litestar import Litestar
from msgspec import Struct

from api.collector import calm_collector
from api.http_protocol import HttpProtocol
from api.limits import Pace
from api.wire import FramesProtocol


class CantListen(Exception):
    """The port can't be had or, if not `is_port`, the host is none of this machine's."""

    def __init__(self, fault: Exception) -> None:
        number = fault.errno if isinstance(fault, OSError) else None
        self.is_port = number in (errno.EADDRINUSE, errno.EACCES)
        super().__init__(os.strerror(number) if number and self.is_port else str(fault))


def at_home(host: str) -> str:
    """Where this machine reaches what listens on a host."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def bound(host: str, port: int) -> list[socket.socket]:
    """A socket on each address of the host, for as many as there are here. Raises CantListen."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise CantListen(error) from None
    sockets: list[socket.socket] = []
    faults: list[CantListen] = []
    for family, _, _, _, address in dict.fromkeys(found):
        try:
            sockets.append(_bound(family, address))
        except OSError as error:
            faults.append(CantListen(error))
    # A name may also have an address of a kind that this machine doesn't use.
    if faults and (not sockets or any(fault.is_port for fault in faults)):
        raise faults[0]
    return sockets


def _bound(family: int, address: Any) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # `::` is then the IPv6 addresses alone, as `0.0.0.0` is the others.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


class Server(uvicorn.Server):
    """A server that tells when it is ready and, before it hangs up on anybody, waits for `drain`."""

    def __init__(self, config: uvicorn.Config, app: Litestar, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._on_ready = on_ready
        self._drain: Callable[[], Awaitable[None]] = app.state.serving.drain

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on sockets until a signal says stop. Raises whatever the application fails with."""
        assert sockets is not None, "uvicorn would print why it can't listen, in many lines"
        try:
            async with self._app.lifespan():
                await super().serve(sockets)
        except ExceptionGroup as group:  # Litestar has a task group around it
            raise group.exceptions[0] from None
        finally:
            for listening in sockets:
                listening.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            calm_collector()
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Nobody new comes in meanwhile: they find another process. Nor do proxies that keep connections, and
        # would bring requests on them.
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, HttpProtocol):
                connection.end_keep_alive()
        draining = asyncio.ensure_future(self._drain())
        while not draining.done() and not self.force_exit:  # which a second Ctrl+C sets
            await asyncio.wait([draining], timeout=0.1)
        draining.cancel()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            self._take_over_sigterm()
            yield
            # uvicorn would raise them again, and the process would die of SIGTERM before it has cleaned up.
            self._captured_signals.clear()

    def _take_over_sigterm(self) -> None:
        """From whoever would end the start: uvicorn replaces the process's handler, and not the loop's."""
        if threading.current_thread() is not threading.main_thread():
            return
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, self.handle_exit)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


class Serving(Struct, frozen=True):
    """How an application wants to be served: it stands in its `state.serving`.

    A frame of more than `max_frame_bytes` closes its socket with 1009, and is never held in memory whole. Of
    what a peer doesn't read, be it frames or a stream, about `max_pending_bytes` are held. Who sends more
    than `frames_per_second` for long is hung up on with 4429. `trusted_proxies`, and nobody else, are
    believed when they say for whom they speak.
    """

    drain: Callable[[], Awaitable[None]]
    max_frame_bytes: int
    max_pending_bytes: int
    frames_per_second: int
    trusted_proxies: tuple[str, ...]


def make_server(app: Litestar, on_ready: Callable[[], None]) -> Server:
    """A server for the application. `on_ready` is called once it listens."""
    serving: Serving = app.state.serving
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=partial(  # type: ignore[arg-type]
            HttpProtocol, max_pending_bytes=serving.max_pending_bytes
        ),
        ws=partial(  # type: ignore[arg-type]
            FramesProtocol,
            max_pending_bytes=serving.max_pending_bytes,
            pace=Pace(serving.frames_per_second),
        ),
        ws_max_size=serving.max_frame_bytes,
        ws_per_message_deflate=False,
        # Its lines hold query strings, and a visitor_id is a credential.
        access_log=False,
        forwarded_allow_ips=list(serving.trusted_proxies),
        log_level="error",
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=10,
    )
    return Server(config, app, on_ready)
