"""Frames as server-sent events: a stream that stays open, tells of a failure, and ends with its reader."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence

from litestar.response import Stream

from api.errors import safe, told
from api.frames import Sent, encode, error_frame
from api.wire import sse_event

KEEP_ALIVE_SECONDS = 15.0
"""A comment goes out when a stream has been silent for so long, so that proxies keep it open."""

PART_BYTES = 16 * 1024
"""About how much is written at once."""


def event_stream(batches: AsyncGenerator[Sequence[Sent], None]) -> Stream:
    """The answer to a request: each frame an event, written as soon as there is one."""
    return Stream(
        _server_sent(batches),
        status_code=200,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _server_sent(batches: AsyncGenerator[Sequence[Sent], None]) -> AsyncGenerator[bytes, None]:
    """Events until the batches end: a client then comes back with its cursor, if there is to be more."""
    waiting: asyncio.Future[Sequence[Sent]] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(batches))
            done, _ = await asyncio.wait([waiting], timeout=KEEP_ALIVE_SECONDS)
            if not done:
                yield b": keep-alive\n\n"
                continue
            frames, waiting = waiting.result(), None
            for part in _parts(frames):
                yield part
    except StopAsyncIteration:
        return
    except Exception as error:
        failure = safe(error, "stream")
        frame = error_frame(failure, told(failure).error_type)
        yield sse_event(frame, encode(frame))
    finally:
        if waiting is None:
            await batches.aclose()
        else:
            waiting.cancel()


def _parts(frames: Sequence[Sent]) -> Iterator[bytes]:
    """Frames as events, not all at once: what a reader who doesn't read makes us hold is then bounded."""
    part = bytearray()
    for frame in frames:
        part += sse_event(frame, encode(frame))
        if len(part) >= PART_BYTES:
            yield bytes(part)
            part.clear()
    if part:
        yield bytes(part)
