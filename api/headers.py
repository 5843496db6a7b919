"""Headers that tell browsers how little an answer may do: run scripts of ours and nobody else's, in no frame,
and tell nobody where its visitor came from.

One policy for all: no page has a script in it, and the one style in a page is a transcript's, by its hash.
"""

import base64
import hashlib
from collections.abc import Awaitable, Sequence

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from projections.renderings import STYLE

Header = tuple[bytes, bytes]

_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' 'sha256-{_STYLE_HASH}'",
        "img-src 'self' data:",  # Swagger UI's arrows
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS: Sequence[Header] = (
    (b"content-security-policy", POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
PRIVATE_HEADERS: Sequence[Header] = (*HEADERS, (b"cache-control", b"no-store"))
PRIVATE = ("/api/", "/metrics")
"""For what was said, and what opens it: no cache may keep it."""


def guarded(app: ASGIApp) -> ASGIApp:
    """The application, with these headers on every answer. Around Litestar, as in `request_ids`."""

    # No coroutine of its own: a socket would hold it for as long as it is open.
    def handle(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return app(scope, receive, send)
        wanted = PRIVATE_HEADERS if scope["path"].startswith(PRIVATE) else HEADERS

        def answer(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = _completed([*message["headers"]], wanted)
            return send(message)

        return app(scope, receive, answer)

    return handle


def _completed(given: Sequence[Header], wanted: Sequence[Header]) -> Sequence[Header]:
    """What an answer says of itself, and what it says nothing of."""
    names = {name.lower() for name, _ in given}
    return [*given, *(header for header in wanted if header[0] not in names)]
