"""The page, its files, and whom it introduces: as browsers, caches and other sites' pages ask for them."""

import gzip
import re
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


@pytest.mark.parametrize("path", ["/", "/static/docs.html", "/static/swagger-ui/swagger-ui.css"])
async def test_whoever_has_a_file_is_told_that_it_is_still_the_same(
    http: httpx.AsyncClient, path: str
) -> None:
    first = await http.get(path)
    tag = first.headers["etag"]

    again = await http.get(path, headers={"If-None-Match": tag})
    through_a_proxy = await http.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
    whatever_it_is = await http.get(path, headers={"If-None-Match": "*"})
    of_another = await http.get(path, headers={"If-None-Match": '"other"'})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (through_a_proxy.status_code, whatever_it_is.status_code) == (304, 304)
    assert (of_another.status_code, of_another.content) == (200, first.content)
    for answer in (first, again):
        assert answer.headers["cache-control"] == "public, no-cache"
    assert re.fullmatch(r"text/(html|css); charset=utf-8", first.headers["content-type"])


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


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("gzip", True),
        ("br;q=1.0, GZIP;q=0.5", True),
        ("*", True),
        ("", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
        ("gzip;q=much", False),
        ("x-gzipped", False),
    ],
)
async def test_a_file_comes_packed_to_nobody_else(
    http: httpx.AsyncClient, accepted: str, is_packed: bool
) -> None:
    answer = await http.get("/static/swagger-ui/swagger-ui.css", headers={"Accept-Encoding": accepted})

    assert ("content-encoding" in answer.headers) == is_packed


@pytest.mark.parametrize("origin", [{}, ELSEWHERE, SHOP], ids=["none", "elsewhere", "allowed"])
async def test_pages_of_all_sites_may_load_a_file(http: httpx.AsyncClient, origin: dict[str, str]) -> None:
    answer = await http.get("/static/chat-client.js", headers=origin)

    assert answer.status_code == 200
    assert answer.headers.get_list("cross-origin-resource-policy") == ["cross-origin"]
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]
    assert answer.headers.get_list("vary") == ["Accept-Encoding"]


@pytest.mark.parametrize("origin", [{}, SHOP], ids=["none", "allowed"])
@pytest.mark.parametrize(
    ("path", "varying"), [("/", "Accept-Encoding, Origin"), ("/api/chats/persona/", "Origin")]
)
async def test_no_cache_gives_one_site_what_it_keeps_from_another(
    http: httpx.AsyncClient, path: str, varying: str, origin: dict[str, str]
) -> None:
    answer = await http.get(path, headers=origin)

    assert answer.headers["cache-control"].startswith("public")
    assert answer.headers.get_list("vary") == [varying]


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
