"""What a long conversation costs the browser that shows it, in Debian's Chromium.

`python -m benchmarks.thread [--json] [--messages 1000] [--words 300] [--rate 60.0] [--rounds 3]`

A page shows `<verbatim-chat>` with a conversation of 2 messages, with one of `messages`, and with that one
once all of it has been asked for. Of each: how long it takes from the start of the page until the last one is
painted; then, while a reply of `words` words comes in, `rate` a second, how long the page's one thread is
busy for each word (scripts, styles, layout), and how long a frame takes at p99; then the scripts' memory.
"""

import asyncio
import shutil
import sys
from collections.abc import Sequence
from typing import NamedTuple

from playwright.async_api import Browser, CDPSession, Page, async_playwright

from benchmarks.clients import Client, start_sessions
from benchmarks.first_word import percentile
from benchmarks.harness import Results, ServiceProcess, arguments, fresh_database, progress, service, tell

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"),
    # The page is made up here and comes from no address: it could ask nothing of a service on this machine.
    "--disable-features=LocalNetworkAccessChecks",
)
GENEROUS = {
    "VERBATIM_MESSAGES_PER_MINUTE": "10000",
    "VERBATIM_MESSAGES_PER_SESSION": "10000",
    "VERBATIM_FRAMES_PER_SECOND": "1000",
}
PAGE = """<!doctype html><html lang="en"><head><title>A long conversation</title></head><body>
<verbatim-chat mode="inline" style="height: 600px" session-id="{}" visitor-id="{}"></verbatim-chat>
<script src="/static/verbatim-chat.js"></script></body></html>"""

WATCH = """
window.bubbles = () => {
  const { shadowRoot } = document.querySelector("verbatim-chat");
  return [...shadowRoot.querySelectorAll(".visitor .bubble")];
};
window.painted = (text) => new Promise((resolve) => {
  const look = () => {
    const isThere = bubbles().at(-1)?.textContent === text;
    requestAnimationFrame(isThere ? () => resolve(performance.now()) : look);
  };
  look();
});
window.frames = [];
window.watchFrames = (before) => requestAnimationFrame((now) => {
  frames.push(now - before);
  watchFrames(now);
});
"""

Ids = tuple[str, str]


class Shown(NamedTuple):
    """What showing one conversation has cost."""

    painted_ms: float
    ms_per_word: float
    frame_ms: float
    heap_mb: float


async def main() -> None:
    options = arguments(__doc__, messages=1000, words=300, rate=60.0, rounds=3)
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    kinds = {"2 messages": 2, f"{options.messages}": options.messages, "... all shown": options.messages}
    seen: dict[str, list[Shown]] = {kind: [] for kind in kinds}
    async with fresh_database() as conninfo, async_playwright() as playwright:
        progress("having the conversations")
        quick = GENEROUS | {"BENCH_RATE": "1000000", "BENCH_WORDS": "30"}
        async with service("benchmarks.paced_service", conninfo, quick) as running:
            sessions = await start_sessions(running.port, len(kinds) * options.rounds)
            wanted = list(kinds.values()) * options.rounds
            await asyncio.gather(*(_converse(running, *each) for each in zip(sessions, wanted, strict=True)))
        paced = GENEROUS | {"BENCH_RATE": str(options.rate), "BENCH_WORDS": str(options.words)}
        async with service("benchmarks.paced_service", conninfo, paced) as running:
            browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            for number in range(options.rounds):
                progress(f"round {number + 1} of {options.rounds}")
                for kind, length in kinds.items():
                    shown = await _show(
                        browser, running, sessions.pop(0), length, options.words, is_whole="all" in kind
                    )
                    seen[kind].append(shown)
            await browser.close()
    medians = {
        kind: Shown(*(percentile(each, 50) for each in zip(*of, strict=True))) for kind, of in seen.items()
    }
    _tell(list(medians.items()), options.json)


def _tell(rows: Sequence[tuple[str, Shown]], as_json: bool) -> None:
    (_, short), (_, long), (_, whole) = rows
    results: Results = {
        "word_ms_short": short.ms_per_word,
        "word_ms_long": long.ms_per_word,
        "word_ms_whole": whole.ms_per_word,
        "word_growth": long.ms_per_word / short.ms_per_word,
        "painted_ms_long": long.painted_ms,
        "frame_ms_p99_long": long.frame_ms,
        "heap_mb_long": long.heap_mb,
    }
    tell(
        "a conversation on the screen, medians",
        ("of", "painted after ms", "busy ms per word", "frame ms p99", "scripts' MB"),
        [(kind, *(f"{value:.2f}" for value in shown)) for kind, shown in rows],
        results,
        as_json,
    )


async def _converse(running: ServiceProcess, ids: Ids, messages: int) -> None:
    """Half of the messages are the visitor's, half are replies."""
    client = Client(running.port, *ids)
    await client.join()
    for number in range(messages // 2):
        client.say(_message(number))
        await client.done.wait()
    client.close()


def _message(number: int) -> str:
    return f"number {number}: what is a novated lease, and how does it work for somebody like me?"


async def _show(
    browser: Browser, running: ServiceProcess, ids: Ids, messages: int, words: int, *, is_whole: bool
) -> Shown:
    address = f"http://127.0.0.1:{running.port}"
    async with await browser.new_context() as context:
        await context.add_init_script(WATCH)
        body = PAGE.format(*ids)
        await context.route(
            "**/thread.html", lambda route: route.fulfill(body=body, content_type="text/html")
        )
        page = await context.new_page()
        await page.goto(f"{address}/thread.html", wait_until="commit")
        await page.wait_for_function("document.querySelector('verbatim-chat')?.shadowRoot")
        painted_ms = await page.evaluate("painted", _message(messages // 2 - 1))
        if is_whole:
            await _show_all(page, messages)
        devtools = await context.new_cdp_session(page)
        await devtools.send("Performance.enable")
        await devtools.send("HeapProfiler.collectGarbage")
        before = await _measured(devtools, "TaskDuration")
        await page.evaluate("watchFrames(performance.now())")
        await _hear_out(page)
        busy = await _measured(devtools, "TaskDuration") - before
        frames = await page.evaluate("frames")
        await devtools.send("HeapProfiler.collectGarbage")
        heap = await _measured(devtools, "JSHeapUsedSize")
        return Shown(painted_ms, busy * 1000 / words, percentile(frames, 99), heap / 1e6)


async def _show_all(page: Page, messages: int) -> None:
    while await page.evaluate("bubbles().length") < messages // 2:
        before = await page.evaluate("bubbles().length")
        await page.get_by_role("button", name="Show earlier messages").click()
        await page.wait_for_function("before => bubbles().length > before", arg=before)


async def _hear_out(page: Page) -> None:
    """Say something, and see the reply to its end."""
    await page.evaluate("document.querySelector('verbatim-chat').send('and now slowly')")
    await page.evaluate("painted", "and now slowly")
    await page.get_by_role("button", name="Stop the reply").wait_for(state="visible")
    await page.get_by_role("button", name="Stop the reply").wait_for(state="detached", timeout=60_000)


async def _measured(devtools: CDPSession, name: str) -> float:
    metrics = (await devtools.send("Performance.getMetrics"))["metrics"]
    return next(each["value"] for each in metrics if each["name"] == name)


if __name__ == "__main__":
    asyncio.run(main())
