"""What a served process logs, of a conversation with a model that fails: JSON, and nothing that was said."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.support.openai_server import OpenAIServer, delta, event, status, stream
from tests.support.service import ServiceProcess
from tests.support.waiting import until

KEY = "sk-a-secret-key"


@pytest.fixture
async def model() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        server.replies = [
            status(401, {"error": {"message": f"Incorrect API key: {KEY}. A secret from upstream"}}),
            stream(delta("Only we know this, "), event({"error": {"message": "A secret from upstream"}})),
        ]
        server.reports = [status(500, {"error": {"message": "A secret from upstream"}})]
        yield server


async def test_a_line_is_a_json_object_that_names_its_request_and_holds_no_secret(
    model: OpenAIServer, new_conninfo: str, data_dir: Path, tmp_path: Path
) -> None:
    process = ServiceProcess(
        {
            "DATABASE_URL": new_conninfo,
            "VERBATIM_DATA_DIR": str(data_dir),
            "OPENAI_BASE_URL": model.base_url,
            "OPENAI_API_KEY": KEY,
            "OPENAI_LOG": "debug",
        },
        tmp_path / "log",
    )
    service = await process.start()
    visitor = await service.start_session()
    async with visitor.socket() as socket:
        for _ in range(2):
            await socket.send(visitor.message("A secret of mine"))
            await socket.receive_until("error")
    async with service.http() as http:
        headers = {**visitor.headers, "X-Request-Id": "from-the-proxy"}
        await http.post(f"{visitor.path}/messages/", json={"message": "A secret, too"}, headers=headers)
    await until(lambda: process.output.count("a reply failed") == 3, "three lines")
    await process.stop()

    lines = [msgspec.json.decode(line) for line in process.output.splitlines() if line.startswith("{")]
    failures = [line for line in lines if line["message"].startswith("a reply failed: ")]
    assert {line["session_id"] for line in failures} == {str(visitor.session_id)}
    first, second, third = (line["request_id"] for line in failures)
    assert first == second != third == "from-the-proxy"
    for secret in ("secret", "Only we", KEY, str(visitor.visitor_id)):
        assert secret not in process.output
    for kept in data_dir.glob("*.key"):
        assert kept.read_text().strip() not in process.output
