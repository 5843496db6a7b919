"""How many of something one address, or one session, may have at once: of each process for itself."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Network, ip_address
from time import time
from typing import Any, ClassVar

from litestar import Request, WebSocket
from litestar.middleware.rate_limit import CacheObject, RateLimitConfig, RateLimitMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from domain.errors import ChatError, RateLimited


class TooManySessions(ChatError):
    code = "too_many_sessions"

    def __init__(self, most: int) -> None:
        super().__init__(f"A socket can follow {most} sessions that haven't ended: open another one")


def sender(host: str | None) -> str:
    """Whose an address is, for whoever counts: of IPv6, anybody has as many as there are in a /64."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return host or ""
    if isinstance(address, IPv4Address):
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped or IPv6Network((int(address) >> 64 << 64, 64)))


class Tally:
    """Counts what is open, by whom it belongs to. `what` completes "Too many ..."."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._open: Counter[Hashable] = Counter()

    def __len__(self) -> int:
        """How many are open in all."""
        return self._open.total()

    def take(self, owner: Hashable) -> None:
        """One more is open. Raises RateLimited where the owner has as many as are accepted.

        To be called before anything is waited for: others may ask meanwhile.
        """
        if self._open[owner] >= self._most:
            raise RateLimited(f"Too many {self._what}: {self._most} are accepted")
        self._open[owner] += 1

    def give_back(self, owner: Hashable) -> None:
        """One of them is open no more."""
        self._open[owner] -= 1
        if not self._open[owner]:
            del self._open[owner]

    @contextmanager
    def place(self, owner: Hashable) -> Iterator[None]:
        """Meanwhile, one more is open. Raises RateLimited, see `take`."""
        self.take(owner)
        try:
            yield
        finally:
            self.give_back(owner)


class Room:
    """The places of all that stays open: sockets, streams, and requests that wait for a whole reply."""

    def __init__(self, *, per_address: int, per_session: int) -> None:
        self.by_address = Tally(per_address, "connections from this address")
        self.by_session = Tally(per_session, "connections on this session")


class Pace(Struct, frozen=True):
    """How fast something may come for ever; `AT_ONCE` seconds of it may come in one go.

    All that is kept of one who sends is a number: up to when it has used up its share.
    """

    AT_ONCE: ClassVar[float] = 4.0

    per_second: int

    def after(self, paid_until: float, now: float) -> float:
        """What that number is after one more. Raises RateLimited."""
        paid_until = max(paid_until, now) + 1 / self.per_second
        if paid_until > now + self.AT_ONCE:
            raise RateLimited(f"Too many frames: {self.per_second} a second are accepted")
        return paid_until


def _sender_of(request: Request[Any, Any, Any]) -> str:
    return sender(request.client.host if request.client else None)


class PerMinute(RateLimitMiddleware):
    """How many requests one address makes in a minute: as many as the application's state has as `setting`.

    For handlers, one by one: around the application it would cost each socket a coroutine.
    """

    setting: ClassVar[str]

    def __init__(self, app: ASGIApp, **_: Any) -> None:
        config = RateLimitConfig(("minute", 1), identifier_for_request=_sender_of)
        super().__init__(app, config)

    def create_response_headers(self, cache_object: CacheObject) -> dict[str, str]:
        headers = super().create_response_headers(cache_object)
        if len(cache_object.history) >= self.max_requests:
            headers["Retry-After"] = str(max(1, cache_object.reset - int(time())))
        return headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.max_requests = scope["litestar_app"].state[self.setting]
        await super().__call__(scope, receive, send)


class SessionStarts(PerMinute):
    """Sessions that are started."""

    setting = "sessions_per_minute"


class OperatorRequests(PerMinute):
    """What is asked for with the operators' token, or without it: guesses count, too.

    Right and wrong ones of an address are one count: if the right token were still let in when there are too
    many guesses, anybody could go on to guess for as long as they like.
    """

    setting = "operator_requests_per_minute"


async def count_as_operator_request(socket: WebSocket[Any, Any, Any]) -> None:
    """A socket for operators counts as one of their requests. Raises RateLimited."""
    limiter = OperatorRequests(socket.app.asgi_handler)
    store = limiter.config.get_store_from_app(socket.app)
    key = f"{OperatorRequests.__name__}::{sender(socket.client.host if socket.client else None)}"
    counted = await limiter.retrieve_cached_history(key, store)
    if len(counted.history) >= socket.app.state[limiter.setting]:
        raise RateLimited
    await limiter.set_cached_history(key, counted, store)
