"""Traces, as a collector gets them."""

import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from api.app import build_plugins
from infrastructure.settings import SettingsError, read_settings
from tests.support.assistants import Echo
from tests.support.service import served


class Collector(ThreadingHTTPServer):
    """What has been sent to it, as spans by name."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.spans: dict[str, dict[str, Any]] = {}
        self.bytes = b""


class _Receiver(BaseHTTPRequestHandler):
    server: Collector  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bytes += sent
        for resource in ExportTraceServiceRequest.FromString(sent).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.server.spans[span.name] = {
                        found.key: found.value.string_value or found.value.int_value
                        for found in span.attributes
                    }
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_a_request_is_a_span_that_knows_its_id_and_no_credential(
    new_conninfo: str, data_dir: Path, collector: Collector
) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    async with served(new_conninfo, data_dir, Echo(), environment) as service, service.http() as http:
        visitor = await service.start_session()
        async with visitor.socket() as socket:
            await socket.send(visitor.message("A secret"))
            await socket.receive_until("complete")
        await http.get(visitor.path + "/", headers={**visitor.headers, "X-Request-Id": "mine"})
        await http.delete(f"/api/audit/visitors/{visitor.visitor_id}/")
        await http.get("/nowhere", params={"visitor_id": str(visitor.visitor_id)})

    # What was left is sent when the service stops.
    assert set(collector.spans) == {
        "POST /api/chats/sessions/",
        "GET /api/chats/sessions/{id}/",
        "DELETE /api/audit/visitors/{id}/",
        "GET /nowhere",
    }
    span = collector.spans["GET /api/chats/sessions/{id}/"]
    assert span["verbatim.request_id"] == "mine"
    assert span["http.status_code"] == 200
    assert collector.spans["GET /nowhere"]["http.status_code"] == 404
    for secret in ("secret", str(visitor.visitor_id)):
        assert secret.encode() not in collector.bytes


def test_nothing_is_traced_unless_it_is_asked_for() -> None:
    assert build_plugins(read_settings({})) == []


@pytest.mark.parametrize(
    ("endpoint", "shown"),
    [("http://collector:4318", "http://collector:4318"), ("http://me:pa55@a:4318", "...")],
)
def test_without_the_extra_the_start_stops_with_one_line(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, shown: str
) -> None:
    monkeypatch.delitem(sys.modules, "api.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(SettingsError) as refused:
        build_plugins(read_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}))

    assert str(refused.value) == (
        f"OTEL_EXPORTER_OTLP_ENDPOINT='{shown}' is not accepted: "
        "install what it needs first, pip install 'verbatim-chat[otel]'"
    )


@pytest.mark.parametrize("value", ["collector", "grpc://collector:4317", "http:///nowhere"])
def test_an_endpoint_is_an_address(value: str) -> None:
    with pytest.raises(SettingsError, match="is not accepted: give a URL such as "):
        read_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": value})
