"""The page, its files, and whom it introduces: as browsers, caches and other sites' pages ask for them."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from api.pages import STATIC
from tests.support.service import Service, served

ELSEWHERE = {"Origin": "https://elsewhere.example"}
SHOP = {"Origin": "https://shop.example"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(conninfo: str, data_dir: Path) -> AsyncIterator[Service]:
    async with served(
        conninfo, data_dir, environment={"VERBATIM_ALLOWED_ORIGINS": "https://shop.example"}
    ) as service:
        yield service


@pytest.fixture
async def http(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with service.http() as http:
        yield http


@pytest.mark.parametrize("path", ["/", "/static/docs.html", "/static/swagger-ui/swagger-ui.css"])
async def test_whoever_has_a_file_is_told_that_it_is_still_the_same(
    http: httpx.AsyncClient, path: str
) -> None:
    first = await http.get(path)
    tag = first.headers["etag"]

    again = await http.get(path, headers={"If-None-Match": tag})
    through_a_proxy = await http.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
    of_another = await http.get(path, headers={"If-None-Match": '"other"'})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert through_a_proxy.status_code == 304
    assert (of_another.status_code, of_another.content) == (200, first.content)
    for answer in (first, again):
        assert answer.headers["cache-control"] == "public, no-cache"
        assert answer.headers["vary"] == "Accept-Encoding"


async def test_a_file_comes_packed_to_whoever_can_unpack_it(http: httpx.AsyncClient) -> None:
    path = "/static/swagger-ui/swagger-ui.css"
    whole = (STATIC / "swagger-ui/swagger-ui.css").read_bytes()

    async with http.stream("GET", path, headers={"Accept-Encoding": "gzip, br"}) as packed:
        sent = b"".join([part async for part in packed.aiter_raw()])
    plain = await http.get(path, headers={"Accept-Encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert len(sent) < len(whole) / 2
    assert gzip.decompress(sent) == plain.content == whole
    assert "content-encoding" not in plain.headers
    assert packed.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize("origin", [{}, ELSEWHERE, SHOP], ids=["none", "elsewhere", "allowed"])
async def test_pages_of_all_sites_may_load_a_file(http: httpx.AsyncClient, origin: dict[str, str]) -> None:
    answer = await http.get("/static/chat-client.js", headers=origin)

    assert answer.status_code == 200
    assert answer.headers.get_list("cross-origin-resource-policy") == ["cross-origin"]
    (allowed,) = answer.headers.get_list("access-control-allow-origin")
    assert allowed in ("*", origin.get("Origin"))


async def test_a_page_can_introduce_the_assistant(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/chats/persona/", headers=SHOP)
    persona = answer.json()

    assert persona["name"] == "Alex"
    assert persona["greeting"].startswith("G'day, I'm Alex")
    assert persona["suggestions"][0] == "What is a novated lease?"
    assert persona["max_message_chars"] == 4000
    assert "instructions" not in persona
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    picture = await http.get(persona["avatar"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/svg+xml")
    assert b"<svg" in picture.content


async def test_the_assistant_is_introduced_to_allowed_sites_alone(http: httpx.AsyncClient) -> None:
    refused = await http.get("/api/chats/persona/", headers=ELSEWHERE)

    assert (refused.status_code, refused.json()["code"]) == (403, "origin_not_allowed")
