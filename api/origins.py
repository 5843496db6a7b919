"""Whose pages may talk to the service: a browser names the page's origin, and programs name none."""

from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from msgspec import Struct

from domain.errors import ChatError

EVERYBODY = "*"


class OriginNotAllowed(ChatError):
    code = "origin_not_allowed"

    def __init__(self, origin: str) -> None:
        super().__init__(f"Pages of {origin[:200]} may not use this service: see VERBATIM_ALLOWED_ORIGINS")


class Origins(Struct, frozen=True):
    """`allowed` are origins such as `https://shop.example`; the service's own host is always among them."""

    allowed: frozenset[str] = frozenset()

    def check(self, origin: str | None, host: str | None) -> None:
        """Let a page in, or raise OriginNotAllowed. `host` is what the request was sent to."""
        if origin is None or EVERYBODY in self.allowed or origin.lower() in self.allowed:
            return
        # The scheme may differ: whoever ends TLS for us speaks plainly to us.
        if not host or _host_in(origin) != host.lower():
            raise OriginNotAllowed(origin)


def _host_in(origin: str) -> str:
    """The host and port that an origin names; nothing where it isn't one, such as `null` or `http://[`."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def from_allowed_origin(connection: ASGIConnection, _: BaseRouteHandler) -> None:
    """A guard: see `Origins.check`."""
    origins: Origins = connection.app.state.origins
    origins.check(connection.headers.get("origin"), connection.headers.get("host"))
