"""What npm does for tests: nothing of it is committed, and `api/static` stays as it is."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.needs import needed, program

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
    """The server that a developer works with, at this URL."""
    process = await asyncio.create_subprocess_exec(
        *(*_run("dev"), "-w", workspace, "--", "--port", str(port)),
        cwd=WEB,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # npm is only the first of several processes
    )
    try:
        assert process.stdout is not None
        told = await asyncio.wait_for(process.stdout.readuntil(b"Local:"), 60)
        assert b"ready" in told
        yield f"http://localhost:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


def _run(script: str) -> list[str]:
    needed(WEB / "node_modules/.package-lock.json", "the browser side is not installed: npm ci in web/")
    return [program("npm", "npm"), "run", script]
