"""How the application is served: uvicorn with uvloop, httptools and our frames protocol."""

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from litestar import Litestar
from msgspec import Struct
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.wire import FramesProtocol

MAX_HEAD_BYTES = 64 * 1024
"""About what the first line and the headers of a request may have: what one read brings may come on top."""

TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol on httptools, which by itself takes headers without end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._head_bytes = 0

    def data_received(self, data: bytes) -> None:
        if self._head_bytes > MAX_HEAD_BYTES:
            self.transport.write(TOO_LARGE)
            self.transport.close()
            return
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._in_head else 0

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def shutdown(self) -> None:
        reads = not self.flow.write_paused
        super().shutdown()
        if not reads:
            self.transport.abort()


class Server(uvicorn.Server):
    """A server that tells when it is ready and, before it hangs up on anybody, waits for `drain`."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[int], None], drain: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._drain = drain

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # What stands now stands to the end, and nearly all that comes later is freed without a collector:
            # at its usual pace it would take a tenth of the time of a busy service.
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)
            self._on_ready(self.servers[0].sockets[0].getsockname()[1])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Nobody new comes in meanwhile: they find another process.
        for server in self.servers:
            server.close()
        draining = asyncio.ensure_future(self._drain())
        while not draining.done() and not self.force_exit:  # which a second Ctrl+C sets
            await asyncio.wait([draining], timeout=0.1)
        draining.cancel()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            # uvicorn would raise them again, and the process would die of SIGTERM before it has cleaned up.
            self._captured_signals.clear()


class Serving(Struct, frozen=True):
    """How an application wants to be served: it stands in its `state.serving`.

    A frame of more than `max_frame_bytes` closes its socket with 1009, and is never held in memory whole. Of
    what a peer doesn't read, about `max_pending_bytes` are held. `trusted_proxies`, and nobody else, are
    believed when they say for whom they speak.
    """

    drain: Callable[[], Awaitable[None]]
    max_frame_bytes: int
    max_pending_bytes: int
    trusted_proxies: tuple[str, ...]


def make_server(app: Litestar, host: str, port: int, on_ready: Callable[[int], None]) -> Server:
    """A server for the application. `on_ready` is called with the port once it listens."""
    serving: Serving = app.state.serving
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=HttpProtocol,
        ws=partial(FramesProtocol, max_pending_bytes=serving.max_pending_bytes),  # type: ignore[arg-type]
        ws_max_size=serving.max_frame_bytes,
        ws_per_message_deflate=False,
        # Its lines hold query strings, and a visitor_id is a credential.
        access_log=False,
        forwarded_allow_ips=list(serving.trusted_proxies),
        log_level="error",
        log_config=None,
        lifespan="on",
        timeout_graceful_shutdown=10,
    )
    return Server(config, on_ready, serving.drain)
