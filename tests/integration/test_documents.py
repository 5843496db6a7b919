"""The documents that describe the service, and the pages that show them: they say what there is."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.support.service import Frame, Service

pytestmark = pytest.mark.usefixtures("nothing_is_logged_as_an_error")


class Links(HTMLParser):
    """What a page loads or leads to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [
            value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")
        ]


@pytest.mark.parametrize("path", ["/", "/api/docs/", "/api/docs"])
async def test_a_page_loads_nothing_from_elsewhere(http: httpx.AsyncClient, path: str) -> None:
    page = await http.get(path)

    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"(?i)@import|url\(\s*['\"]?(https?:)?//", page.text)
    assert not re.search(r"(?i)(fetch|import|WebSocket|EventSource)\(\s*['\"](https?:|wss?:)?//", page.text)
    links = Links(page.text).found
    assert links, "it has a script and a style at least"
    for link in links:
        assert not re.match(r"(?i)(https?:)?//", link), link
        assert (await http.get(path if link.startswith("#") else link)).status_code == 200


async def test_the_scripts_of_a_page_load_nothing_from_elsewhere(http: httpx.AsyncClient) -> None:
    for path in ("/static/page.js", "/static/page.css"):
        assert not re.search(r"(?i)(https?:|wss?:)?//[a-z0-9.-]+\.[a-z]{2,}/", (await http.get(path)).text)


async def test_openapi_describes_what_there_is(http: httpx.AsyncClient) -> None:
    document = (await http.get("/api/docs/openapi.json")).json()

    sessions = "/api/chats/sessions"
    assert set(document["paths"]) == {
        sessions,
        *(
            f"{sessions}/{{session_id}}{rest}"
            for rest in ("", "/events", "/messages", "/stream", "/stop", "/transcript")
        ),
        "/api/chats/persona",
        "/api/audit/visitors/{visitor_id}",
        "/api/audit/sessions",
        *(
            f"/api/audit/sessions/{{session_id}}/{rest}"
            for rest in ("events", "state", "replay", "export", "verify")
        ),
        *("/api/audit/public-key", "/api/audit/checkpoints"),
        *(
            f"/api/analytics/{question}"
            for question in ("overview", "daily", "hourly", "replies", "endings", "suggestions", "details")
        ),
        "/health/live",
        "/health/ready",
    }
    schemas = document["components"]["schemas"]
    assert schemas["NewMessage"]["required"] == ["message"]
    assert document["paths"][sessions]["post"]["requestBody"]["required"] is False
    for kinds, path in [
        (["application/json", "text/event-stream"], "/messages"),
        (["application/json", "text/html", "text/markdown", "text/plain"], "/transcript"),
    ]:
        (operation,) = document["paths"][f"{sessions}/{{session_id}}{path}"].values()
        assert sorted(operation["responses"]["200"]["content"]) == kinds


@pytest.fixture
async def asyncapi(http: httpx.AsyncClient) -> dict[str, Any]:
    response = await http.get("/api/docs/asyncapi.json")
    assert response.headers["content-type"] == "application/json"
    return response.json()


def references(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


def test_every_reference_of_the_asyncapi_document_leads_somewhere(asyncapi: dict[str, Any]) -> None:
    assert asyncapi["asyncapi"] == "3.0.0"
    found = list(references(asyncapi))

    assert len(found) > 20
    for reference in found:
        target: Any = asyncapi
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def validator(asyncapi: dict[str, Any], kind: str) -> Any:
    payload = asyncapi["components"]["messages"][kind]["payload"]
    return jsonschema_rs.validator_for(payload | {"components": asyncapi["components"]})


async def test_every_frame_of_a_conversation_is_as_the_asyncapi_document_says(
    service: Service, asyncapi: dict[str, Any]
) -> None:
    visitor = await service.start_session()
    ids = {"session_id": str(visitor.session_id), "visitor_id": str(visitor.visitor_id)}
    sent: list[Frame] = [
        {"type": "join", **ids},
        {"type": "join", "after": "1.0", **ids},
        visitor.message("name=Ann A novated lease ?Next ..."),
        visitor.message("Hello", client_message_id="m-1"),
        visitor.message("fails !"),
        {"type": "stop", **ids},
        {"type": "ping"},
        visitor.message("good bye"),
    ]
    received: list[Frame] = []

    async with visitor.socket(join=False) as socket:
        received.append(socket.greeting)
        for frame in sent:
            await socket.send(frame)
        await socket.send("nonsense")
        for _ in range(3):
            received += await socket.receive_until("complete")
    another = await service.start_session()
    async with another.socket() as socket, service.http() as http:
        await http.delete(another.path + "/", headers=another.headers)
        received.append(await socket.receive())

    kinds = {"connected", "chunk", "complete", "error", "pong", "session_end"}
    assert {frame["type"] for frame in received} == kinds
    for frame in [*sent, *received]:
        assert validator(asyncapi, frame["type"]).is_valid(frame), frame
    for wrong in [{"type": "chunk"}, {"type": "complete", "done": True}]:
        assert not validator(asyncapi, wrong["type"]).is_valid(wrong)


def test_what_the_specification_requires_of_a_message_is_required(asyncapi: dict[str, Any]) -> None:
    schema = asyncapi["components"]["schemas"]["ChatMessage"]

    assert set(schema["required"]) == {"type", "message", "session_id", "visitor_id"}
