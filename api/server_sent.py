"""Frames as server-sent events: a stream that stays open, tells of a failure, and ends with its reader."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

from litestar import Request
from litestar.response import Stream

from api.errors import safe, told
from api.frames import Sent, encode, error_frame
from api.lasting import held_by
from api.wire import sse_event

KEEP_ALIVE_SECONDS = 15.0
"""A comment goes out when a stream has been silent for so long, so that proxies keep it open."""

PART_BYTES = 16 * 1024
"""About how much is written at once."""


def event_stream(request: Request[Any, Any, Any], frames: AsyncGenerator[Sequence[Sent], None]) -> Stream:
    """The answer to a lasting request: each frame an event, written as soon as there is one."""
    batches = _Batches(frames)
    events = _server_sent(batches)
    # Here, since Litestar leaves a stream whose peer is gone to the collector, which comes seldom.
    held_by(request).push_async_callback(batches.close)
    held_by(request).push_async_callback(events.aclose)
    return Stream(
        events,
        status_code=200,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


class _Batches:
    """What is to be written, waited for a while at a time."""

    def __init__(self, frames: AsyncGenerator[Sequence[Sent], None]) -> None:
        self._frames = frames
        self._waiting: asyncio.Future[Sequence[Sent]] | None = None

    async def next(self, seconds: float) -> Sequence[Sent] | None:
        """The next ones, or None where they don't come in time. Raises StopAsyncIteration after the last."""
        waiting = self._waiting = self._waiting or asyncio.ensure_future(anext(self._frames))
        done, _ = await asyncio.wait([waiting], timeout=seconds)
        if not done:
            return None
        self._waiting = None
        return waiting.result()

    async def close(self) -> None:
        if self._waiting:
            self._waiting.cancel()
            await asyncio.gather(self._waiting, return_exceptions=True)
        await self._frames.aclose()


async def _server_sent(batches: _Batches) -> AsyncGenerator[bytes, None]:
    """Events until the batches end: a client then comes back with its cursor, if there is to be more."""
    try:
        while True:
            frames = await batches.next(KEEP_ALIVE_SECONDS)
            if frames is None:
                yield b": keep-alive\n\n"
                continue
            for part in _parts(frames):
                yield part
    except StopAsyncIteration:
        return
    except Exception as error:
        failure = safe(error, "stream")
        frame = error_frame(failure, told(failure).error_type)
        yield sse_event(frame, encode(frame))


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
