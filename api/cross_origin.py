"""What browsers are told of pages of other sites (CORS): whose may read an answer. Never with credentials.

Not by Litestar's own configuration: that overwrites an answer's `Vary`, and leaves it out where no origin was
sent, so that a browser gives a page of one site what it keeps from another. And a page that may not chat has
to be able to read why.
"""

from collections.abc import Awaitable, Sequence

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.origins import EVERYBODY, Origins

Header = tuple[bytes, bytes]

ALLOW = b"access-control-allow-origin"
VARY = b"vary"

REFUSING = "/api/chats/"
"""Where a page that may not chat is told so: whoever asks for leave to ask there gets it."""

PREFLIGHT: Sequence[Header] = (
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    (b"access-control-allow-headers", b"Content-Type, Last-Event-ID, X-Visitor-Id"),
    (b"access-control-max-age", b"86400"),
)

READABLE_BY_ALL = {"Access-Control-Allow-Origin": EVERYBODY}
"""For an answer that any page may read, whosever it is."""


def shared(app: ASGIApp, origins: Origins) -> ASGIApp:
    """The application, with what browsers want to know. Around Litestar, as in `request_ids`."""

    # No coroutine of its own, as in `headers`.
    def handle(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return app(scope, receive, send)
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        allowed = _allowed(origin, origins)
        if scope["method"] == "OPTIONS" and origin and b"access-control-request-method" in headers:
            if scope["path"].startswith(REFUSING):
                return _preflight(send, [(ALLOW, EVERYBODY.encode())])
            if allowed:
                return _preflight(send, [*allowed, (VARY, b"Origin")])

        def answer(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = _told([*message["headers"]], allowed)
            return send(message)

        return app(scope, receive, answer)

    return handle


def _allowed(origin: str, origins: Origins) -> Sequence[Header]:
    return [(ALLOW, origin.encode("latin-1"))] if origin and origins.names(origin) else []


def _told(given: Sequence[Header], allowed: Sequence[Header]) -> Sequence[Header]:
    """An answer's headers, with who may read it, unless it says that itself: then it is the same for all."""
    if any(name.lower() == ALLOW for name, _ in given):
        return given
    varying = [value for name, value in given if name.lower() == VARY]
    others = [header for header in given if header[0].lower() != VARY]
    return [*others, *allowed, (VARY, b", ".join([*varying, b"Origin"]))]


async def _preflight(send: Send, who: Sequence[Header]) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": [*who, *PREFLIGHT]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
