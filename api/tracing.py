"""OpenTelemetry's traces: a span for each request, through Litestar's plugin. Needs the extra `otel`.

Sockets have none: one span would last for hours, or one for each frame cost more than the frame.
"""

import asyncio
import re
from contextvars import ContextVar
from typing import Any

from litestar.config.app import AppConfig
from litestar.enums import ScopeType
from litestar.plugins import InitPlugin
from litestar.plugins.opentelemetry import OpenTelemetryConfig
from litestar.types import Scope
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Tracing(InitPlugin):
    """Sends spans to `endpoint`, over OTLP and HTTP; each knows the id that log lines have."""

    def __init__(self, endpoint: str, request_id: ContextVar[str | None]) -> None:
        self._request_id = request_id
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "verbatim"}))
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        config = OpenTelemetryConfig(
            tracer_provider=self._provider,
            scope_span_details_extractor=self._details,
            exclude_spans=["receive", "send"],
            scopes={ScopeType.HTTP},
        )
        app_config.middleware.append(config.middleware)
        app_config.on_shutdown.append(self._close)
        return app_config

    def _details(self, scope: Scope) -> tuple[str, dict[str, Any]]:
        """A span's name, and what it says otherwise than the plugin would: no query, which may hold a
        visitor_id, and one route for all sessions."""
        route = UUID.sub("{id}", scope["path"])
        # A session may be told of, a visitor not.
        path = route if "/visitors/" in scope["path"].lower() else scope["path"]
        return f"{scope['method']} {route}", {  # type: ignore[typeddict-item]
            "http.route": route,
            "http.url": path,
            "http.target": path,
            "url.path": path,
            "url.query": "",
            "verbatim.request_id": self._request_id.get() or "",
        }

    async def _close(self) -> None:
        await asyncio.to_thread(self._provider.shutdown)  # which sends what is left
