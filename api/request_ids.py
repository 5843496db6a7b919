"""One id for each request and each socket: on all log lines that are written for it, and in its answer.

Whoever asked may have given it one, a proxy for instance; then its lines and ours can be told together.
"""

import re
import secrets
from collections.abc import Awaitable
from contextvars import ContextVar

from litestar.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-request-id"
SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def identified(app: ASGIApp, request_id: ContextVar[str | None]) -> ASGIApp:
    """The application, with an id for all that it is asked. Around Litestar, since middleware inside of it
    doesn't see what its router refuses."""

    # Neither of these is a coroutine of its own: a socket is open for long, and sends much.
    def handle(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        own = _given(scope) or secrets.token_hex(8).encode()

        def answer(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start" or message["type"] == "websocket.accept":
                message["headers"] = [*message["headers"], (HEADER, own)]
            return send(message)

        request_id.set(own.decode())
        return app(scope, receive, answer)

    return handle


def _given(scope: Scope) -> bytes | None:
    given = next((value for name, value in scope["headers"] if name == HEADER), b"")
    return given if SANE.fullmatch(given) else None
