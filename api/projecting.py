"""Projections, driven beside a service: in a process of its own, so that no conversation waits for them."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from api.app import build_doorbell, keep_projecting, open_runner
from api.children import start_child
from infrastructure.background import for_ever
from infrastructure.collector import calm_collector
from infrastructure.leadership import lead_some
from infrastructure.presence import new_name
from infrastructure.settings import Settings
from projections.builds import lock_of
from projections.catalogue import PROJECTIONS

logger = logging.getLogger(__name__)

NICENESS = 10
"""Whoever waits for a word comes first."""

RESTART_SECONDS = 1.0

STOP_SECONDS = 5.0
"""How long it may take to stop: it may be waiting for the database. To kill it loses nothing."""


@asynccontextmanager
async def projecting(settings: Settings, conninfo: str) -> AsyncIterator[None]:
    """Meanwhile, drive the projections whenever no other process does, each in the version that this code
    has: processes of another release go on with theirs."""
    locks = {projection.name: lock_of(projection.name, projection.version) for projection in PROJECTIONS}
    with open_runner(settings, conninfo) as runner:
        calm_collector()
        doorbell = build_doorbell(settings, conninfo, new_name())
        work = partial(lead_some, conninfo, locks, partial(keep_projecting, runner, doorbell))
        async with for_ever("doorbell", doorbell.run), for_ever("projections", work):
            yield


@asynccontextmanager
async def projecting_beside(environment: Mapping[str, str]) -> AsyncIterator[None]:
    """Meanwhile, have a process of its own do so, and another one if that dies."""

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
