"""A real browser, a website of somebody else's, and what a person sees of `<verbatim-chat>` on it."""

import mimetypes
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    async_playwright,
    expect,
)

from tests.support.needs import needed, program
from tests.support.service import Service, Visitor

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
USUAL_ADDRESS = "127.0.0.1:8000"
"""Where a service is if nobody says otherwise, so that it is in whatever people copy."""
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    # A page that a test makes up comes from no address, and could ask nothing of a service on this machine.
    "--disable-features=LocalNetworkAccessChecks",
)


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    chromium = program("chromium", "chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()


class Site:
    """A website on a host of its own, `localhost`: another origin than the service's, and another site."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                page = site.pages.get(path)
                media_type = mimetypes.guess_type(path)[0] or "text/plain"
                self.send_response(404 if page is None else 200)
                self.send_header("Content-Type", f"{media_type}; charset=utf-8")
                self.end_headers()
                self.wfile.write((page or "").encode())

            def log_message(self, format: str, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self._server.server_port}"

    def add(self, body: str, *, html: str = 'lang="en"') -> str:
        """A page with this in it; its URL."""
        path = f"/{len(self.pages)}.html"
        self.pages[path] = (
            f"<!doctype html><html {html}><head><title>A shop</title><link rel='icon' href='data:,'>"
            "<meta name='viewport' content='width=device-width, initial-scale=1'></head>"
            f"<body><main><h1>A shop</h1><p>With a chat.</p>{body}</main></body></html>"
        )
        return self.origin + path

    def publish(self, folder: Path, service: str) -> None:
        """The files of a folder, with the service at this address, where they name the usual one."""
        for path in folder.rglob("*"):
            if path.is_file():
                text = path.read_text().replace(USUAL_ADDRESS, urlsplit(service).netloc)
                self.pages[f"/{path.relative_to(folder).as_posix()}"] = text

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Site"]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        yield self
        self._server.shutdown()
        self._server.server_close()


def faults_of(page: Page) -> list[str]:
    """What a page complains of, from now on: of itself, and not of the network, which tests cut."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if is_fault(line) else None)
    return faults


def is_fault(line: ConsoleMessage) -> bool:
    return line.type == "error" and not line.text.startswith(("Failed to load", "WebSocket connection to"))


async def has_no_barriers(page: Page) -> None:
    """axe finds nothing on the page, as it is now."""
    source = needed(AXE, "axe-core is not installed: npm ci in web/")
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(Path(source).read_text() + "; null")
    found = await page.evaluate("axe.run()")
    told = [
        (rule["id"], node["target"], node["failureSummary"])
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
    assert told == [], told
    assert len(found["passes"]) > 10, "it has looked at next to nothing"


class Chat:
    """`<verbatim-chat>` on a page, as a person meets it: by names and roles."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.element = page.locator("verbatim-chat")
        self.launcher = self.element.locator(".launcher")
        self.field = self.element.get_by_role("textbox", name="Your message")
        self.log = self.element.get_by_role("log")
        self.connection = self.element.locator(".connection")
        self.alert = self.element.get_by_role("alert")
        self.typing = self.element.locator(".typing")
        self.news = self.element.locator(".news")
        self.replies = self.element.locator(".entry.assistant .bubble:not(.typing)")
        self.said = self.element.locator(".entry.visitor .bubble")
        self.notices = self.element.locator(".entry.notice")
        self.requests: list[str] = []
        self.faults = faults_of(page)
        page.on("request", lambda request: self.requests.append(f"{request.method} {request.url}"))
        page.on("websocket", lambda socket: self.requests.append(f"GET {socket.url}"))

    def button(self, name: str) -> Locator:
        return self.element.get_by_role("button", name=name, exact=True)

    async def say(self, text: str) -> None:
        await self.field.fill(text)
        await self.field.press("Enter")

    async def open(self) -> None:
        await self.launcher.click()
        await expect(self.field).to_be_visible()

    async def property(self, expression: str) -> Any:
        """Of the element, `chat`."""
        return await self.element.evaluate(f"chat => {expression}")

    async def has_no_barriers(self) -> None:
        await has_no_barriers(self.page)

    def origins(self) -> set[str]:
        """Of all that was asked for."""
        urls = [urlsplit(request.split(" ")[1]) for request in self.requests]
        return {f"{url.scheme.replace('ws', 'http')}://{url.netloc}" for url in urls if url.scheme != "data"}


async def visit(context: BrowserContext, url: str) -> Chat:
    """A page, once the element is there."""
    chat = Chat(await context.new_page())
    await chat.page.goto(url)
    await chat.page.wait_for_function(
        "document.querySelector('verbatim-chat')?.shadowRoot?.firstElementChild"
    )
    return chat


def attributes(given: Mapping[str, str]) -> str:
    return " ".join(f'{name}="{value}"' for name, value in given.items())


Opener = Callable[..., Awaitable[Chat]]
Serve = Callable[..., AbstractAsyncContextManager[Service]]


async def visitor_of(chat: Chat, service: Service) -> Visitor:
    """Whom the widget chats for."""
    [session] = await chat.property("chat.client.sessions.map(each => ({...each}))")
    return Visitor(service, session["session_id"], session["visitor_id"])
