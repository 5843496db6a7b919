"""Processes that a service starts for itself, which live no longer than it does."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence

READY = b"ready\n"


async def start_child(
    *arguments: str, environment: Mapping[str, str], fds: Sequence[int] = ()
) -> asyncio.subprocess.Process:
    """Start `verbatim` with arguments, and settings beside those of this process. It writes READY."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "api.entry", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
        pass_fds=fds,
        # Ctrl+C is for the one who started it, who passes it on.
        start_new_session=True,
    )


def begin_work() -> None:
    """Tell whoever started this process that it is ready; and stop when that one is gone, however it went."""
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    threading.Thread(target=_stop_when_alone, daemon=True).start()


def _stop_when_alone() -> None:
    # Nothing is ever written here: it ends when its other end does.
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
