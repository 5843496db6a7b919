"""Whose pages may talk to the service: a browser names the page's origin, and programs name none."""

import logging
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from domain.errors import ChatError

logger = logging.getLogger(__name__)

EVERYBODY = "*"

NOBODY = "null"
"""What browsers send for a page that was opened as a file, or is kept apart from its own site."""

MOST_LOGGED = 100
"""Origins that a process names in its log: whoever makes them up fills neither the log nor the memory."""


class OriginNotAllowed(ChatError):
    code = "origin_not_allowed"

    def __init__(self, origin: str) -> None:
        super().__init__(f"Pages of {origin[:200]} may not use this service: see VERBATIM_ALLOWED_ORIGINS")


class Origins:
    """`allowed` are origins such as `https://shop.example`; the service's own host is always among them."""

    def __init__(self, allowed: frozenset[str] = frozenset()) -> None:
        self._allowed = allowed
        self._logged: set[str] = set()

    def names(self, origin: str) -> bool:
        """Whether the setting names this origin, or all."""
        return EVERYBODY in self._allowed or origin.lower() in self._allowed

    def check(self, origin: str | None, host: str | None) -> None:
        """Let a page in, or raise OriginNotAllowed. `host` is what the request was sent to."""
        if origin is None or self.names(origin):
            return
        # The scheme may differ: whoever ends TLS for us speaks plainly to us.
        if not host or _host_in(origin) != host.lower():
            self._log(origin[:200])
            raise OriginNotAllowed(origin)

    def _log(self, origin: str) -> None:
        """Once for each: an operator who has forgotten one hears of it, and of nothing else."""
        if origin in self._logged or len(self._logged) >= MOST_LOGGED:
            return
        self._logged.add(origin)
        if origin == NOBODY:
            logger.warning("pages without an origin, such as files, were refused: serve them over HTTP")
            return
        logger.warning(
            "pages of %a were refused: if they may chat, name it in VERBATIM_ALLOWED_ORIGINS", origin
        )


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
