"""What answers tell browsers: to run our own scripts, nobody else's, and to keep nothing that was said."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.assistants import Echo
from tests.support.service import Service, served


@pytest.fixture
async def service(conninfo: str, data_dir: Path) -> AsyncIterator[Service]:
    async with served(conninfo, data_dir, Echo()) as service:
        yield service


def policy(answer: httpx.Response) -> dict[str, str]:
    """The answer's content security policy, by directive."""
    (given,) = answer.headers.get_list("content-security-policy")
    return dict(directive.split(" ", 1) for directive in given.split("; "))


async def test_every_answer_is_guarded_whatever_it_is(http: httpx.AsyncClient) -> None:
    for path in (
        *("/", "/static/page.js", "/static/nowhere.js", "/nowhere", "/ws/chat/", "/health/live"),
        *("/api/docs/", "/api/docs/openapi.json", "/api/chats/sessions/", "/api/nowhere"),
    ):
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            answer = await http.request(method, path)

            assert answer.headers.get_list("x-content-type-options") == ["nosniff"], (method, path)
            assert answer.headers.get_list("referrer-policy") == ["no-referrer"]
            assert answer.headers.get_list("x-frame-options") == ["DENY"]
            assert answer.headers.get_list("cross-origin-opener-policy") == ["same-origin"]
            assert policy(answer)["default-src"] == "'none'"
            assert policy(answer)["script-src"] == "'self'"
            assert policy(answer)["frame-ancestors"] == "'none'"


async def test_no_cache_keeps_what_was_said(service: Service, http: httpx.AsyncClient) -> None:
    visitor = await service.start_session()
    for path in ("/", "/transcript/", "/transcript/?format=html", "/nowhere/"):
        assert (await visitor.get(path)).headers.get_list("cache-control") == ["no-store"], path

    async with http.stream(
        "POST",
        visitor.path + "/messages/",
        json={"message": "Hello"},
        headers={**visitor.headers, "Accept": "text/event-stream"},
    ) as answer:
        assert answer.headers.get_list("cache-control") == ["no-store"]


async def test_what_anyone_may_see_can_be_kept(http: httpx.AsyncClient) -> None:
    for path in ("/", "/static/chat-client.js", "/static/swagger-ui/swagger-ui.css"):
        assert "no-store" not in (await http.get(path)).headers.get("cache-control", "")


@pytest.mark.parametrize("path", ["/", "/static/embed.html", "/api/docs/"])
async def test_a_page_needs_no_script_or_style_but_those_in_files_of_ours(
    http: httpx.AsyncClient, path: str
) -> None:
    page = (await http.get(path)).text

    assert re.findall(r"<script[^>]*>", page), "it has a script"
    assert all('src="/static/' in script for script in re.findall(r"<script[^>]*>", page))
    assert not re.search(r"(?i)<style|\sstyle=|\son[a-z]+=|javascript:", page)


async def test_the_style_of_a_transcript_is_the_one_that_pages_allow(
    service: Service, http: httpx.AsyncClient
) -> None:
    visitor = await service.start_session()
    transcript = await visitor.get("/transcript/?format=html")
    (style,) = re.findall(r"<style>(.*?)</style>", transcript.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    for answer in (transcript, await http.get("/")):
        assert f"'sha256-{digest}'" in policy(answer)["style-src"]


async def test_a_page_may_connect_to_its_own_service(http: httpx.AsyncClient) -> None:
    assert policy(await http.get("/"))["connect-src"] == "'self'"
