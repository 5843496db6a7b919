"""What npm does for tests: nothing of it is committed, and `api/static` stays as it is."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx

from tests.support.needs import needed, program
from tests.support.waiting import until

WEB = Path(__file__).parents[2] / "web"


def build(workspace: str) -> Path:
    """The folder into which a workspace is built.

    As developers run it: React's StrictMode, and what frameworks complain of, isn't there in production.
    """
    built = subprocess.run(
        [*_run("build"), "-w", workspace],
        cwd=WEB,
        env={**os.environ, "NODE_ENV": "development"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert built.returncode == 0, built.stdout
    return WEB / workspace / "dist"


@asynccontextmanager
async def developing(workspace: str, port: int) -> AsyncIterator[str]:
    """The server that a developer works with, at this URL. What it says is shown when a test fails."""
    url = f"http://localhost:{port}"
    process = await asyncio.create_subprocess_exec(
        *(*_run("dev"), "-w", workspace, "--", "--port", str(port)),
        cwd=WEB,
        start_new_session=True,  # npm is only the first of several processes
    )
    try:
        async with httpx.AsyncClient() as client:
            await until(lambda: _answers(client, url, process), f"an answer of {url}", deadline=60)
        yield url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _answers(client: httpx.AsyncClient, url: str, process: asyncio.subprocess.Process) -> bool:
    assert process.returncode is None, f"the server ended with exit code {process.returncode}"
    try:
        await client.get(url)
    except httpx.TransportError:
        return False
    return True


def _run(script: str) -> list[str]:
    needed(WEB / "node_modules/.package-lock.json", "the browser side is not installed: npm ci in web/")
    return [program("npm", "npm"), "run", script]
