"""The opening handshake of a WebSocket whose request has been read already, RFC 6455 section 4.2.

Left to wsproto, the request would be written out again, parsed a second time, and what parsed it kept for as
long as the socket is open. What isn't just as it should be is left to it: it knows how to refuse.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from wsproto.utilities import generate_accept_token, split_comma_header

Scope = dict[str, Any]
"""ASGI's, of a connection."""

Header = tuple[bytes, bytes]


def opening(request: Mapping[str, Any], url: bytes) -> Scope | None:
    """The scope of the socket that a request asks for, or None if that isn't how one asks for it.

    `url` is what the request line has: its path and its query aren't in uvicorn's scope at this point.
    """
    headers = dict(request["headers"])
    is_plain = len(headers) == len(request["headers"]) and all(map(bytes.isascii, headers.values()))
    is_asked_for = (
        request["method"] == "GET"
        and request["http_version"] == "1.1"
        and headers.get(b"sec-websocket-version") == b"13"
        and headers.keys() >= {b"host", b"sec-websocket-key"}
        and headers.keys().isdisjoint({b"content-length", b"transfer-encoding"})
        and url.startswith(b"/")
        and url.isascii()
    )
    if not (is_plain and is_asked_for):
        return None
    raw_path, _, query = url.partition(b"?")
    subprotocols = headers.get(b"sec-websocket-protocol")
    root = request["root_path"]
    scope = {
        **request,
        "type": "websocket",
        "asgi": {**request["asgi"], "spec_version": "2.4"},
        "scheme": "wss" if request["scheme"] == "https" else "ws",
        "path": root + unquote(raw_path.decode()),
        "raw_path": root.encode() + raw_path,
        "query_string": query,
        "subprotocols": split_comma_header(subprotocols) if subprotocols else [],
        "extensions": {"websocket.http.response": {}},
    }
    del scope["method"]
    return scope


def acceptance(scope: Mapping[str, Any], subprotocol: str | None, more: Iterable[Header]) -> bytes:
    """The answer that opens the socket; `more` are headers for it."""
    key = dict(scope["headers"])[b"sec-websocket-key"]
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + generate_accept_token(key),
    ]
    if subprotocol:
        lines.append(b"Sec-WebSocket-Protocol: " + subprotocol.encode())
    lines += (name + b": " + value for name, value in more)
    return b"\r\n".join(lines) + b"\r\n\r\n"
