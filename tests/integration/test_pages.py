"""The files that pages need, and whose pages may have them."""

from pathlib import Path

from tests.support.assistants import Echo
from tests.support.service import served


async def test_the_client_can_be_imported_by_the_pages_that_may_chat(conninfo: str, data_dir: Path) -> None:
    allowed = {"VERBATIM_ALLOWED_ORIGINS": "https://shop.example"}
    async with served(conninfo, data_dir, Echo(), allowed) as service, service.http() as http:
        theirs = await http.get("/static/chat-client.js", headers={"Origin": "https://shop.example"})
        others = await http.get("/static/chat-client.js", headers={"Origin": "https://elsewhere.example"})

    assert theirs.headers["content-type"].split(";")[0] in ("text/javascript", "application/javascript")
    assert theirs.headers["access-control-allow-origin"] == "https://shop.example"
    assert "ChatWebSocket" in theirs.text
    assert "access-control-allow-origin" not in others.headers, "a module needs leave to be read"
