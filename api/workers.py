"""Several processes on one port: each is a service of its own, and they share the sockets that listen.

uvicorn's own supervisor can start no server but uvicorn's, and ours does more when it stops.
"""

import asyncio
import logging
import signal
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from api.children import READY, start_child
from api.siblings import bound_for_siblings

logger = logging.getLogger(__name__)

RESTART_SECONDS = 1.0
"""How long after its end a worker is replaced."""


class Workers:
    """Keeps `count` workers running on sockets that listen, until a signal says stop."""

    def __init__(self, count: int, sockets: Sequence[socket.socket], environment: Mapping[str, str]) -> None:
        self._count = count
        self._sockets = sockets
        self._environment = environment
        self._processes: set[asyncio.subprocess.Process] = set()
        self._stopping = asyncio.Event()
        self._ready = 0

    async def run(self, on_ready: Callable[[], None]) -> int:
        """Run them; `on_ready` is called once all of them serve.

        The exit code is that of a worker that couldn't start, else 0.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        with tempfile.TemporaryDirectory(prefix="verbatim-workers-") as name:
            folder = Path(name)
            codes = await asyncio.gather(
                *(self._keep_one(folder, number, on_ready) for number in range(self._count))
            )
        return next((code for code in codes if code), 0)

    def _stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        # To a worker that stops already, Ctrl+C says that it needn't wait for what is being said.
        is_urgent = self._stopping.is_set() and number == signal.SIGINT
        self._stopping.set()
        # The workers close theirs. While one is left, whoever connects is kept waiting by nobody.
        for listening in self._sockets:
            listening.close()
        for process in self._processes:
            _tell(process, signal.SIGINT if is_urgent else signal.SIGTERM)

    async def _keep_one(self, folder: Path, number: int, on_ready: Callable[[], None]) -> int:
        with bound_for_siblings(folder, number) as own:
            return await self._keep_on(folder, own, on_ready)

    async def _keep_on(self, folder: Path, own: socket.socket, on_ready: Callable[[], None]) -> int:
        has_served = False
        while not self._stopping.is_set():
            process = await self._start(folder, own)
            self._processes.add(process)
            if self._stopping.is_set():
                _tell(process, signal.SIGTERM)  # it was being made when all others were told
            assert process.stdout is not None
            if await process.stdout.readline() == READY and not has_served:
                has_served = True
                self._ready += 1
                if self._ready == self._count:
                    on_ready()
            code = await process.wait()
            self._processes.discard(process)
            if not has_served:
                was_told = self._stopping.is_set()
                self._stop()
                return 0 if was_told else code
            if not self._stopping.is_set():
                logger.warning("worker %d ended with exit code %d: another one is started", process.pid, code)
                with suppress(TimeoutError):
                    async with asyncio.timeout(RESTART_SECONDS):
                        await self._stopping.wait()
        return 0

    async def _start(self, folder: Path, own: socket.socket) -> asyncio.subprocess.Process:
        fds = [each.fileno() for each in (*self._sockets, own)]
        meeting = ("--listen-fds", ",".join(map(str, fds)), "--siblings", str(folder))
        return await start_child("serve", *meeting, environment=self._environment, fds=fds)


def _tell(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


def sockets_of(fds: str) -> list[socket.socket]:
    """The sockets that a worker was given."""
    return [socket.socket(fileno=int(fd)) for fd in fds.split(",")]
