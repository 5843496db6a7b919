"""HTTP as uvicorn speaks it on httptools, for peers that can't be trusted.

By itself it takes headers without end, and waits without end: for what doesn't come, and for whoever doesn't
read.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.handshake import opening
from api.wire import SLOW_SECONDS

MAX_HEAD_BYTES = 64 * 1024
"""About what the first line and the headers of a request may have: what one read brings may come on top."""

REQUEST_SECONDS = 10.0
"""How long a request may take to come in: its head, and then each further part of its body."""

TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class HttpProtocol(HttpToolsProtocol):
    """One connection. While its peer reads nothing of an answer, nothing more is written, and in the end it
    is cut off: a stream can be taken up where it was, by `Last-Event-ID`."""

    __slots__ = ("_head_bytes", "_in_head", "_late", "_max_pending_bytes", "_stuck", "_unread_bytes")

    def __init__(self, *args: Any, max_pending_bytes: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._max_pending_bytes = max_pending_bytes
        self._in_head = False
        self._head_bytes = 0
        self._late: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._unread_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Beyond this, what is to be sent waits until the peer has read.
        transport.set_write_buffer_limits(high=self._max_pending_bytes)
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_longer()
        self._watch_no_longer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_bytes > MAX_HEAD_BYTES:
            self.transport.write(TOO_LARGE)
            self.transport.close()
            return
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._in_head else 0
        # Of a body, each part has its own time: a large one may come slowly.
        if self._late is not None and not self._in_head and self.parser is not None:
            self._wait_for_request()

    def on_message_begin(self) -> None:
        self._in_head = True
        if self._late is None:
            self._wait_for_request()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._wait_no_longer()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._wait_no_longer()
        self._watch_no_longer()
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()  # the rest of that answer would come among the frames
            return
        scope = opening(self.scope, self.url)
        if scope is None:
            super().handle_websocket_upgrade()
            return
        self.connections.discard(self)
        make: Any = self.ws_protocol_class  # a FramesProtocol, as `make_server` sets it
        protocol = make(config=self.config, server_state=self.server_state, app_state=self.app_state)
        protocol.connection_made(self.transport)
        protocol.open(scope)
        self.transport.set_protocol(protocol)

    # --- what doesn't come

    def _wait_for_request(self) -> None:
        self._wait_no_longer()
        self._late = self.loop.call_later(REQUEST_SECONDS, self._is_late)

    def _wait_no_longer(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _is_late(self) -> None:
        self._late = None
        if self.flow.read_paused:
            self._wait_for_request()  # it is we who don't read
        else:
            self.transport.close()

    # --- what isn't read

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._watch_no_longer()
        self._watch_the_rest()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_the_rest()

    def _watch_the_rest(self) -> None:
        """After an answer nothing more is written, and so nothing would tell that its end isn't read."""
        if self._is_idle() and self.transport.get_write_buffer_size():
            self._watch_reader()

    def _is_idle(self) -> bool:
        return self.cycle is not None and self.cycle.response_complete

    def _watch_reader(self) -> None:
        self._watch_no_longer()
        self._unread_bytes = self.transport.get_write_buffer_size()
        self._stuck = self.loop.call_later(SLOW_SECONDS, self._look_at_reader)

    def _watch_no_longer(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _look_at_reader(self) -> None:
        self._stuck = None
        unread = self.transport.get_write_buffer_size()
        if 0 < unread < self._unread_bytes:
            self._watch_reader()  # a large answer may be taken slowly
        elif unread and (self.flow.write_paused or self._is_idle()):
            self.transport.abort()

    # --- the end

    def end_keep_alive(self) -> None:
        """Close the connection as soon as nothing is being answered on it."""
        super().shutdown()

    def shutdown(self) -> None:
        reads = not self.flow.write_paused
        super().shutdown()
        if not reads:
            self.transport.abort()
