"""`/metrics`, for operators: what `docs/metrics.md` lists, of this process and its siblings on the port."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.enums import ScopeType
from litestar.plugins.prometheus import PrometheusConfig, PrometheusMiddleware
from litestar.types import ASGIApp, Middleware, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from api.auth import operators_only
from api.limits import OperatorRequests
from api.siblings import Siblings
from domain.errors import Unavailable
from projections.status import Fetch, builds

Measure = Callable[[], Awaitable[None]]
"""Finds out what isn't known before somebody asks."""

LABELS = ("method", "path", "status_code", "app_name")
"""Litestar's."""


LOOK_SECONDS = 1.0
"""How long the database may take to tell: whoever asks for all of it waits for two seconds at most."""


class ProjectionMeters:
    """How projections stand. The database knows, whichever process drives them: all tell the same."""

    def __init__(self, registry: CollectorRegistry, fetch: Fetch) -> None:
        self._fetch = fetch
        self._lag = Gauge(
            "verbatim_projection_lag_positions",
            "How far a projection's tables are behind the log",
            ("projection",),
            registry=registry,
        )
        self._set_aside = Gauge(
            "verbatim_projection_faults",
            "Sessions that a projection has set aside",
            ("projection",),
            registry=registry,
        )

    async def look(self) -> None:
        """Have them as they are now; none, where the database doesn't tell."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                standing = await builds(self._fetch)
        except (Unavailable, TimeoutError):
            standing = ()
        self._lag.clear()
        self._set_aside.clear()
        for build in standing:
            if build.state == "live":
                self._lag.labels(build.name).set(max(0, build.head - build.position))
                self._set_aside.labels(build.name).set(build.set_aside)


@get("/metrics", guards=[operators_only], middleware=[OperatorRequests], include_in_schema=False)
async def metrics(
    request: Request[Any, Any, Any],
    registry: NamedDependency[CollectorRegistry],
    siblings: NamedDependency[Siblings | None],
    measures: NamedDependency[Sequence[Measure]],
) -> Response[bytes]:
    """All there is, in the format that is asked for."""
    is_from_sibling = request.client is None
    if siblings and not is_from_sibling:
        registry = await siblings.measured(request.headers["authorization"])
    else:
        await asyncio.gather(*(measure() for measure in measures))
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    if media_type.startswith("text/"):
        media_type = media_type.partition("; charset=")[0]  # which Litestar says itself
    return Response(encode(registry), media_type=media_type)


def count_requests(registry: CollectorRegistry) -> Middleware:
    """Litestar's own metrics of requests, in this registry: by itself it has one for the whole process."""
    requests = Counter("verbatim_requests_total", "Requests", LABELS, registry=registry)
    errors = Counter("verbatim_requests_error_total", "Answers of 500 and above", LABELS, registry=registry)
    seconds = Histogram(
        "verbatim_request_duration_seconds", "Until an answer was sent whole", LABELS, registry=registry
    )
    in_progress = Gauge(
        "verbatim_requests_in_progress", "Requests that are being answered", LABELS, registry=registry
    )

    class InRegistry(PrometheusMiddleware):
        def request_count(self, labels: dict[str, str | int | float]) -> Counter:
            return requests

        def requests_error_count(self, labels: dict[str, str | int | float]) -> Counter:
            return errors

        def request_time(self, labels: dict[str, str | int | float]) -> Histogram:
            return seconds

        def requests_in_progress(self, labels: dict[str, str | int | float]) -> Gauge:
            return in_progress

    return PrometheusConfig(
        app_name="verbatim", group_path=True, scopes={ScopeType.HTTP}, middleware_class=InRegistry
    ).middleware


def count_sockets(open_sockets: Gauge) -> Middleware:
    """How many sockets are open now: nothing is done for what goes through them."""

    def counting(app: ASGIApp) -> ASGIApp:
        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "websocket":
                with open_sockets.track_inprogress():
                    await app(scope, receive, send)
            else:
                await app(scope, receive, send)

        return handle

    return counting
