"""The `Host` that a request names, looked at before anything else is: visitors are told of it, as the place
where sockets are, and Litestar makes an address of it for each failure."""

import re
from collections.abc import Awaitable

from litestar.types import ASGIApp, Receive, Scope, Send

HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(?::([0-9]{0,5}))?")
MOST_PORT = 65_535

BODY = (
    b'{"type":"about:blank","status":400,"title":"Bad Request",'
    b'"detail":"Host must be a name or an address, and may have a port","code":"invalid_request"}'
)


def at_a_host(app: ASGIApp) -> ASGIApp:
    """The application, for requests that name a host, or none. Around Litestar, as in `request_ids`."""

    def handle(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and not _is_host(dict(scope["headers"]).get(b"host", b"")):
            return _refuse(send)
        return app(scope, receive, send)

    return handle


def _is_host(given: bytes) -> bool:
    found = HOST.fullmatch(given)
    return not given or (found is not None and int(found[1] or 0) <= MOST_PORT)


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(BODY))]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": BODY, "more_body": False})
