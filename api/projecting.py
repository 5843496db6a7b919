"""Projections, driven beside a service: in a process of its own, so that no conversation waits for them."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from api.children import start_child
from infrastructure.background import for_ever

logger = logging.getLogger(__name__)

NICENESS = 10
"""Whoever waits for a word comes first."""

RESTART_SECONDS = 1.0

STOP_SECONDS = 5.0
"""How long it may take to stop: it may be waiting for the database. To kill it loses nothing."""


@asynccontextmanager
async def projecting_beside(environment: Mapping[str, str]) -> AsyncIterator[None]:
    """Meanwhile, have a process of its own drive them, and another one if that dies."""

    async def keep_one() -> None:
        while True:
            process = await start_child("project", "--child", environment=environment)
            try:
                code = await process.wait()
            finally:
                if process.returncode is None:
                    await _stop(process)
            logger.warning("the projecting process ended with exit code %d: another one is started", code)
            await asyncio.sleep(RESTART_SECONDS)

    async with for_ever("the projecting process", keep_one):
        yield


async def _stop(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def step_back() -> None:
    """Leave the CPU to those who talk."""
    os.nice(NICENESS)
