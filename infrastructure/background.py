"""Work that goes on beside everything else for as long as the process lives."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

logger = logging.getLogger(__name__)

RESTART_SECONDS = 1.0


@asynccontextmanager
async def for_ever(name: str, work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Meanwhile, do this work in the background; if it breaks, say so and begin it again."""
    task = asyncio.create_task(_again_and_again(name, work), name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _again_and_again(name: str, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
            return
        except Exception as error:
            # Its text may hold what was said: the log gets its kind and place.
            place = traceback.extract_tb(error.__traceback__)[-1]
            logger.error(
                "%s broke: %s at %s:%s", name, type(error).__qualname__, place.filename, place.lineno
            )
            await asyncio.sleep(RESTART_SECONDS)
