"""How the application is served: uvicorn with uvloop, httptools and our frames protocol."""

import gc
import socket
from collections.abc import Callable

import uvicorn
from litestar import Litestar

from api.wire import FramesProtocol

MAX_FRAME_BYTES = 256 * 1024
"""A larger frame closes its socket with 1009; it is never held in memory whole."""


class Server(uvicorn.Server):
    """A server that tells when it is ready."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[int], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # What stands now stands to the end, and nearly all that comes later is freed without a collector:
            # at its usual pace it would take a tenth of the time of a busy service.
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)
            self._on_ready(self.servers[0].sockets[0].getsockname()[1])


def make_server(app: Litestar, host: str, port: int, on_ready: Callable[[int], None]) -> Server:
    """A server for the application. `on_ready` is called with the port once it listens."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws=FramesProtocol,
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
        # Its lines hold query strings, and a visitor_id is a credential.
        access_log=False,
        log_config=None,
        lifespan="on",
        timeout_graceful_shutdown=10,
    )
    return Server(config, on_ready)
